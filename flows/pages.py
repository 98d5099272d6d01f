"""Timelines of runs as pages, made on demand: nothing decrypted lies on the disk; and the figures for Prometheus.

The same sign-in as Prefect's, by HTTP basic authentication; nothing is kept by the browser or by anything between.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import io
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import datetime
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flows.assembly import Installation
from flows.outside import Door, keep_current
from flows.report import timeline_of
from tenantry.alerts.store import AlertStore
from tenantry.broker import Supervisor
from tenantry.errors import NotFound, TenantryError
from tenantry.home import Home
from tenantry.journal import MSP, Record
from tenantry.metrics import CONTENT_TYPE, Counters, Observed, render
from tenantry.timeline import format_named
from tenantry.triage.book import Book
from tenantry.triage.queue import queue_text
from tenantry.vault import Vault

_DUE_EVERY: Final = 60.0
"""Seconds between two looks at what expires."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def application(home: Home, credential: str, counters: Counters | None = None, vault: Vault | None = None) -> Starlette:
    """The pages of one home, and ``/metrics``.

    Args:
        credential: ``user:password`` that lets a person, or Prometheus, in.
        counters: what the process counts that no record holds.
        vault: gives the keys of the record (`Installation.open`).
    """
    figures = Figures(home, counters, vault)

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncGenerator[None]:
        yield
        figures.close()

    def signed_in(page: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def guarded(request: Request) -> Response:
            if not _admits(request.headers.get("authorization", ""), credential):
                challenge = {"WWW-Authenticate": 'Basic realm="Tenantry", charset="UTF-8"'}
                return _plain("Sign in with the credential of Prefect's pages.", 401, challenge)
            return page(request)

        return guarded

    def timeline(request: Request) -> Response:
        # A plain function: Starlette runs it in a thread, away from the dispatcher's loop.
        try:
            page = io.BytesIO()
            installation = figures.opened()
            state = installation.state(request.path_params["run_id"])
            format_named("html").export(timeline_of(installation, state)[0], page)
        except NotFound:
            return _plain("There is no such run.", 404)
        except TenantryError as error:
            return _plain(f"{error.message} {error.remedy}", 500)
        return Response(page.getvalue(), media_type="text/html", headers=_HEADERS)

    def metrics(_: Request) -> Response:
        try:
            return Response(figures.text(), headers=_HEADERS, media_type=CONTENT_TYPE)
        except TenantryError as error:
            return _plain(f"{error.message} {error.remedy}", 500)

    return Starlette(
        routes=[
            Route("/runs/{run_id}/timeline", signed_in(timeline), methods=["GET"]),
            Route("/metrics", signed_in(metrics), methods=["GET"]),
        ],
        lifespan=life,
    )


class Figures:
    """The record's figures, summed up once and carried on: a scrape reads only what is new."""

    def __init__(self, home: Home, counters: Counters | None = None, vault: Vault | None = None) -> None:
        self._home = home
        self._vault = vault
        self._counters = counters
        self._observed = Observed()
        self._due_at = 0.0
        self._lock = threading.Lock()
        self._installation: Installation | None = None
        self._alerts: AlertStore | None = None

    def close(self) -> None:
        """Close the record."""
        with self._lock:
            if self._alerts is not None:
                self._alerts.close()
                self._alerts = None
            if self._installation is not None:
                self._installation.close()
                self._installation = None

    def _secrets(self, tenants: int) -> None:
        """How many secrets need attention, looked up once a minute, of so many tenants. Nothing says whose."""
        if self._counters is None or not isinstance(self._vault, Supervisor) or time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + _DUE_EVERY
        about_unknown = "Tenants whose secret store could not be asked what expires."
        try:
            found, unknown = self._vault.due()
        except TenantryError:  # the broker is being started again, say: all else is still told
            self._counters.set("tenantry_secrets_unknown_tenants", about_unknown, tenants)
            return
        about = "Secrets that have expired, expire within thirty days, or are to be replaced."
        for why in ("expired", "expires", "rotate"):
            self._counters.set("tenantry_secrets_due", about, sum(one.why == why for one in found), why=why)
        self._counters.set("tenantry_secrets_unknown_tenants", about_unknown, len(unknown))

    def opened(self) -> Installation:
        """The installation, kept open: behind the broker each key that is asked for is an entry, and scrapes come every few
        seconds."""
        with self._lock:
            if self._installation is None:
                self._installation = Installation.open(self._home, self._vault)
                _ = self._installation.journal
            return self._installation

    def text(self) -> str:
        """Raises TenantryError: the record cannot be read."""
        installation = self.opened()
        with self._lock:
            journal = installation.journal

            def tail(tenant: str, after: int) -> list[Record]:
                try:
                    return journal.tail(tenant, after)
                except NotFound:  # no key: not begun yet, or destroyed
                    return []

            tenants = [MSP, *installation.tenants.names()]
            self._secrets(len(tenants))
            self._observed.catch_up(tenants, tail)
            now = journal.clock.now()
            return render(now, self._observed, journal.live, self._counters) + self._queue(now)

    def _queue(self, now: datetime) -> str:
        """Figures of the incidents that alerts opened."""
        if self._alerts is None:
            self._alerts = AlertStore(self._home.alerts_db)
        return queue_text(self._alerts.incidents(), Book(self._alerts).clocks(), now)


class Pages:
    """Serves the pages in this process's event loop.

    The socket listens from the beginning: whoever is told the address may call at once, and is answered once
    :meth:`serve` runs.

    Args:
        port: on 127.0.0.1; a free one when 0.
        door: a socket beyond loopback to listen on instead, with TLS.
        counters: for ``/metrics``.
        vault: gives the keys of the record; the process's own way to them when None.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self,
        home: Home,
        credential: str,
        *,
        port: int = 0,
        door: Door | None = None,
        counters: Counters | None = None,
        vault: Vault | None = None,
    ) -> None:
        self._socket = door.socket if door is not None else socket.create_server(("127.0.0.1", port))
        self.url = door.url if door is not None else f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._certificate = door.certificate if door is not None else None
        self._config = uvicorn.Config(
            application(home, credential, counters, vault),
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=3,
        )
        self._server = _Server(self._config)

    async def serve(self) -> None:
        """Until cancelled or told to stop."""
        async with contextlib.AsyncExitStack() as stack:
            if self._certificate is not None:
                self._config.load()
                self._config.ssl = context = self._certificate.context()
                current = asyncio.create_task(keep_current(self._certificate, context))
                stack.callback(current.cancel)
            await self._server.serve([self._socket])

    def stop(self) -> None:
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Signals are the service's to handle."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _admits(header: str, credential: str) -> bool:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        given = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, credential.encode())


def _plain(text: str, status: int, more: dict[str, str] | None = None) -> Response:
    return Response(text, status, {**_HEADERS, **(more or {})}, "text/plain")


__all__ = ["Figures", "Pages", "application"]
