"""The intake of alerts: ``POST /alerts/{source}``, answered 202 once every alert of the message is durable.

Messages that come at the same time are proven by one question to the broker and kept by one transaction, so a burst costs what its disk
and its reading cost, not a sync for each message. The source's name is one of estate.yaml's; what is wrong is said by status alone:

======  ===============================================================================================================
202     kept, each under the id that the answer names; or known already, under the same id
400     not JSON; 422 JSON in which a field is missing or wrong, which the code does not repeat
401     not proven; 404 no such source; 408 too slow; 413 too large; 415 not JSON by its type
429     too fast from there; 503 it cannot be kept or proven now: send it again
======  ===============================================================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from console.web.limits import Callers, body
from console.web.openapi import ALERTS
from console.web.refusals import Unproven, WrongType
from tenantry.alerts import message, sns
from tenantry.alerts.proof import HEADERS
from tenantry.alerts.reading import parsed
from tenantry.alerts.source import source
from tenantry.alerts.store import AlertStore
from tenantry.broker.limit import Rate
from tenantry.broker.wire import address, unpack
from tenantry.drop.seal import Sealing
from tenantry.errors import BrokerUnavailable, InvalidInput, NotAuthenticated, NotFound, RateLimited, TenantryError

__all__ = ["Hand", "Intake", "routes"]

_LOG: Final = logging.getLogger(__name__)
_FLOOD: Final = Rate(burst=2_000, per_second=1_000.0)
"""Messages from one address: a vendor sends all its customers' from a few."""
_UNPROVEN: Final = Rate(burst=50, per_second=1.0)
"""Messages that were not proven, from one address."""
_SECONDS: Final = 10.0
_KNOWN: Final = 10.0
"""Seconds for which the list of sources is not asked for again."""
_BATCH: Final = 128
_BATCH_BYTES: Final = 1_000_000
_WAITING: Final = 2_000
"""Messages that may wait to be kept; beyond that whoever sends waits, and is told so."""
_CERTIFICATE: Final = 86_400.0
_CERTIFICATES: Final = 16


class Hand(Protocol):
    """What is asked of the broker (`tenantry.broker.ConsoleHand`)."""

    def alert_sources(self) -> dict[str, Any]: ...
    def alert_prove(self, messages: Sequence[tuple[str, Mapping[str, str], bytes]]) -> list[str | None]: ...


@dataclass(slots=True)
class _Waiting:
    name: str
    about: Mapping[str, Any]
    headers: Mapping[str, str]
    raw: bytes
    certificate: bytes | None
    answer: asyncio.Future[list[tuple[str, bool]]]


class Intake:
    """Keeps what was proven. One thread works for all messages, a batch at a time.

    Args:
        store: path of ``alerts.db``.
        bell: socket that wakes whoever works on alerts.
        fetch: gets SNS's certificates, and visits the addresses that confirm its subscriptions.
    """

    def __init__(self, hand: Hand, store: Path, bell: Path, fetch: Callable[[str], bytes]) -> None:
        self._hand = hand
        self._store = AlertStore(store)
        self._bell = bell
        self._fetch = fetch
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(_WAITING)
        self._worker: asyncio.Task[None] | None = None
        self._known: tuple[float, dict[str, Any]] = (-_KNOWN, {})
        self._asking = asyncio.Lock()
        self._certificates: dict[str, tuple[float, bytes]] = {}

    def close(self) -> None:
        """What waits is not answered, so whoever sent it sends it again."""
        if self._worker is not None:
            self._worker.cancel()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    async def accept(self, name: str, headers: Mapping[str, str], raw: bytes) -> list[tuple[str, bool]]:
        """Ids of the alerts of a message, and whether each was known, once they are durable.

        Raises:
            NotFound, Unproven, InvalidInput, RateLimited; RecordError: it cannot be kept now.
        """
        about = await self._source(name)
        certificate = await self._certificate(raw) if about["proof"] == "sns" else None
        answer: asyncio.Future[list[tuple[str, bool]]] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait(_Waiting(name, about, headers, raw, certificate, answer))
        except asyncio.QueueFull:
            raise RateLimited("too many alerts wait to be kept", retry_after=1.0) from None
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _source(self, name: str) -> Mapping[str, Any]:
        async with self._asking:
            at, known = self._known
            if time.monotonic() - at >= _KNOWN:
                known = await self._sources(known)
                self._known = time.monotonic(), known
        about: Mapping[str, Any] | None = known["sources"].get(name)
        if about is None:
            raise NotFound("there is no such source")
        if about["problem"] is not None:
            _LOG.warning("the source of alerts %s cannot be used: %s", name, about["problem"])
            raise NotFound("the source cannot be used")
        return about

    async def _sources(self, before: dict[str, Any]) -> dict[str, Any]:
        """As the broker says. Whoever sends alerts is not told of our own mistakes as if they were theirs: they would not send it again."""
        try:
            return await run_in_threadpool(self._hand.alert_sources)
        except InvalidInput as error:
            _LOG.error("the sources of alerts cannot be read: %s", error.code)  # the broker says where
            if before:
                return before
            raise BrokerUnavailable("the sources of alerts cannot be read") from error

    async def _certificate(self, raw: bytes) -> bytes:
        """Of SNS, from SNS itself. Raises Unproven."""
        try:
            url = sns.certificate_url(_object(raw))
        except NotAuthenticated:
            raise Unproven("the message is not proven") from None
        at, kept = self._certificates.get(url, (0.0, b""))
        if not kept or time.monotonic() - at > _CERTIFICATE:
            kept = await run_in_threadpool(self._fetch, url)
            while len(self._certificates) >= _CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[url] = time.monotonic(), kept
        return kept

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            size = len(batch[0].raw)
            while len(batch) < _BATCH and not self._waiting.empty() and size < _BATCH_BYTES:
                batch.append(self._waiting.get_nowait())
                size += len(batch[-1].raw)
            try:
                results = await loop.run_in_executor(self._thread, self._keep, batch)
            except Exception as problem:  # noqa: BLE001  # told to each who waits; the next batch is another one
                results = [problem] * len(batch)
            for one, result in zip(batch, results, strict=True):
                if one.answer.done():
                    continue  # whoever sent it has gone
                if isinstance(result, Exception):
                    one.answer.set_exception(result)
                else:
                    one.answer.set_result(result)

    def _keep(self, batch: Sequence[_Waiting]) -> list[list[tuple[str, bool]] | Exception]:
        """Prove, read, seal and keep a batch. Raises what concerns all of it."""
        sealing = Sealing(unpack(self._known[1]["public"]))
        results: list[list[tuple[str, bool]] | Exception] = []
        kept: list[tuple[int, str, message.Sealed]] = []
        asked = [one for one in batch if one.certificate is None]
        refused = self._hand.alert_prove([(one.name, one.headers, one.raw) for one in asked]) if asked else []
        verdicts = {id(one): code for one, code in zip(asked, refused, strict=True)}
        for number, one in enumerate(batch):
            results.append([])
            try:
                verdict = verdicts.get(id(one))
                if verdict == NotAuthenticated.code:
                    raise Unproven("the message is not proven")
                if verdict is not None:  # a secret that cannot be read: our mistake, and sent again it may be proven
                    raise BrokerUnavailable(f"the message cannot be proven now ({verdict})")
                for alert, raw in self._read(one):
                    kept.append((number, one.name, message.seal_for_intake(one.name, alert, raw, sealing)))
            except TenantryError as error:
                results[-1] = error
        if kept:
            known = self._store.accept([(name, sealed) for _, name, sealed in kept], datetime.now(UTC))
            for (number, _, sealed), was in zip(kept, known, strict=True):
                found = results[number]
                if isinstance(found, list):
                    found.append((sealed.id, was))
            self._ring()
        return results

    def _read(self, one: _Waiting) -> list[tuple[Any, bytes]]:
        raw = one.raw
        if one.certificate is not None:
            envelope = _object(raw)
            try:
                sns.verify(envelope, one.certificate, one.about["topics"], time.time())
                if envelope["Type"] == sns.CONFIRMATION:
                    self._fetch(sns.confirmation_url(envelope))
                    _LOG.warning("the subscription of %s to its topic was confirmed", one.name)
                    return []
            except NotAuthenticated:
                raise Unproven("the message is not proven") from None
            raw = envelope["Message"].encode()
        return message.read(source(one.about["kind"]), parsed(raw), raw, one.about["settings"])

    def _ring(self) -> None:
        # Whoever works on alerts looks by itself too, a little later.
        with (
            contextlib.suppress(OSError),
            address(self._bell) as at,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as bell,
        ):
            bell.sendto(b"!", at)


def _object(raw: bytes) -> Mapping[str, Any]:
    found = parsed(raw)
    if not isinstance(found, Mapping):
        raise InvalidInput("an object is expected", place="body")
    return found


def routes(intake: Intake, *, clock: Callable[[], float] | None = None) -> list[BaseRoute]:
    """The routes of the intake.

    Args:
        clock: what rates are measured with.
    """
    flood, unproven = Callers(_FLOOD, clock), Callers(_UNPROVEN, clock)

    async def accept(request: Request) -> Response:
        flood.admit(request)
        unproven.look(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        name = str(request.path_params["source"])
        # SNS says text/plain of its JSON.
        if kind != "application/json" and not (kind == "text/plain" and "x-amz-sns-message-type" in request.headers):
            raise WrongType("JSON is expected", place="content-type")
        raw = await body(request, message.MAX_BODY, seconds=_SECONDS)
        headers = {key: value[:4_096] for key, value in request.headers.items() if key in HEADERS}
        try:
            kept = await intake.accept(name, headers, raw)
        except Unproven:
            unproven.admit(request)
            raise
        return JSONResponse({"alerts": [{"id": one, "known": was} for one, was in kept]}, 202)

    def described(request: Request) -> Response:
        flood.admit(request)
        return JSONResponse(ALERTS)

    return [
        Route("/openapi.json", described, methods=["GET"]),
        Route("/alerts/{source}", accept, methods=["POST"]),
    ]
