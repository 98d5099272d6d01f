"""How secret stores with an HTTP interface are called: in a thread, one request at a time, from the process that holds the master key.

A read is repeated after a connection that was closed meanwhile; a write never is, except where nothing was sent. Errors carry the
method, the path without what it names, the status and the store's own request id; never a header, a query or a body.
"""

from __future__ import annotations

import functools
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import httpx

from integrations.http import FATES, Fate
from tenantry.errors import InDoubt, InvalidInput, StoreUnavailable, TenantryError

__all__ = ["StoreAnswer", "StoreHttp"]

_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
"""Seconds. Less than the 30 that a broker's client waits."""
_ATTEMPTS: Final = 3
_PAUSE: Final = 0.2
_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """A complete answer; ``data`` is its JSON, None where there is none."""

    status: int
    data: Any
    headers: Mapping[str, str]


@functools.cache
def _tls(authority: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves it to what the machine is set to
    if authority is not None:
        context.load_verify_locations(cafile=authority)
    return context


class StoreHttp:
    """A client of one store.

    Args:
        name: of the store, for errors.
        base: its address.
        authority: PEM file with a certificate authority besides the public ones.
        transport: instead of the network.
    """

    def __init__(
        self,
        name: str,
        base: str,
        *,
        authority: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = name
        self._sleep = sleep
        try:
            tls = _tls(str(authority) if authority else None) if base.startswith("https:") else False
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(
                f"the authority of the secret store {name} cannot be read", place=str(authority)
            ) from error
        self._client = httpx.Client(
            base_url=base,
            timeout=_TIMEOUT,
            verify=tls,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "tenantry"},
        )

    def close(self) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        write: bool = False,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> StoreAnswer:
        """One call; the caller makes something of its status.

        Args:
            what: names the call in errors.
            write: it changes something.
            body: JSON.
            form: instead of a body.

        Raises:
            StoreUnavailable: no answer, and nothing was done; for a read, no usable answer.
            InDoubt: a write was sent, and there is no usable answer.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._client.request(method, path, headers=headers, json=body, data=form, params=params)
            except _ERRORS as error:
                fate = next(FATES[kind] for kind in type(error).__mro__ if kind in FATES)
                if attempt < _ATTEMPTS and (fate is Fate.UNSENT or (not write and fate is Fate.UNKNOWN)):
                    self._sleep(_PAUSE * attempt)
                    continue
                problem = self._failed(fate, write, what, type(error).__name__)
            else:
                try:
                    data = json.loads(answer.content) if answer.content else None
                    return StoreAnswer(answer.status_code, data, answer.headers)
                except ValueError:  # carries the text, so nothing is chained to it
                    if answer.status_code >= 400:
                        return StoreAnswer(answer.status_code, None, answer.headers)
                    problem = self._failed(Fate.UNKNOWN, write, what, "no JSON")
            break
        raise problem

    def _failed(self, fate: Fate, write: bool, what: str, why: str) -> TenantryError:
        if write and fate is Fate.UNKNOWN:
            return InDoubt(f"{what} at the secret store {self._name} was sent and its answer never came ({why})")
        return self.away(f"{what}: no answer ({why})")

    def away(self, what: str, remedy: str | None = None, **detail: Any) -> StoreUnavailable:
        """The store cannot be used just now."""
        return StoreUnavailable(f"the secret store {self._name} cannot be used: {what}", remedy=remedy, **detail)

    def unavailable(self, what: str) -> NoReturn:
        raise self.away(what)
