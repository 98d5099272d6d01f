"""Listening beyond loopback: never without TLS, and everything that answers asks for the credential as it does on loopback.

The worker and the commands of this machine go on over loopback, and a socket beyond it is one more way in to the same application.
The supervisor opens it and hands it down, so that callers wait, and are not turned away, while Prefect's server starts again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from tenantry.errors import InvalidInput
from tenantry.estate import ServiceSettings
from tenantry.home import Home
from tenantry.tls import Certificate

__all__ = ["App", "Door", "Outside", "keep_current", "with_own_address"]

_LOG: Final = logging.getLogger(__name__)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_LOOK: Final = 60.0
"""Seconds between two looks whether the certificate was renewed."""
_SOON: Final = timedelta(days=14)
_HOST: Final = re.compile(r"^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outside:
    """Where else than on loopback the service is to be reached.

    Attributes:
        host: address or name of this machine to listen on; ``0.0.0.0`` or ``::`` for all of them.
    """

    host: str
    certificate: Certificate

    @classmethod
    def of(cls, settings: ServiceSettings, home: Home) -> Self | None:
        """As configured; None for plain HTTP on loopback, which needs no certificate.

        Args:
            home: what relative paths in the configuration begin at.

        Raises:
            InvalidInput: beyond loopback without a certificate, a certificate without its key, or as `Certificate.read`.
        """
        file, key = settings.tls_certificate, settings.tls_key
        if file is None and key is None:
            if settings.host in _LOOPBACK:
                return None
            raise InvalidInput(
                f"beyond loopback the service listens with TLS alone, and there is no certificate for {settings.host[:80]}",
                place="--host",
                remedy="Give --tls-cert and --tls-key (or service.tls_certificate and tls_key in estate.yaml), or leave it on 127.0.0.1.",
            )
        if file is None or key is None:
            missing = "--tls-key" if key is None else "--tls-cert"
            raise InvalidInput("a certificate and its key go together", place=missing)
        certificate = Certificate.read(home.path / file, home.path / key)
        certificate.context()
        return cls(settings.host, certificate)

    def open(self, port: int | None) -> Door:
        """Listen.

        Args:
            port: a free one when None.

        Raises:
            InvalidInput: not an address of this machine, or the port is taken.
        """
        try:
            (family, *_), *_ = socket.getaddrinfo(self.host, port or 0, type=socket.SOCK_STREAM)
            listening = socket.create_server(
                (self.host, port or 0), family=family, dualstack_ipv6=self.host == "::" and socket.has_dualstack_ipv6()
            )
        except OSError as error:
            raise InvalidInput(
                f"cannot listen on {self.host[:80]}{f' port {port}' if port else ''} ({error.strerror})", place="--host"
            ) from error
        return Door(listening, self._url(listening.getsockname()[1]), self.certificate)

    def _url(self, port: int) -> str:
        """By the name that the certificate vouches for: others are refused by every client."""
        plain = (name for name in self.certificate.names if not name.startswith("*."))
        name = self.host if self.certificate.vouches_for(self.host) else next(plain, self.host)
        return f"https://{f'[{name}]' if ':' in name else name}:{port}"


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that listens, the address by which people reach it, and what it proves itself with."""

    socket: socket.socket
    url: str
    certificate: Certificate


async def keep_current(certificate: Certificate, context: ssl.SSLContext) -> None:
    """Until cancelled: take up a renewed certificate without a restart, and say in time that one was not renewed."""
    warned: datetime | None = None
    while True:
        now = datetime.now(UTC)
        if certificate.until - now < _SOON and (warned is None or now - warned > timedelta(days=1)):
            _LOG.warning("the certificate in %s expires on %s", certificate.file, f"{certificate.until:%Y-%m-%d}")
            warned = now
        await asyncio.sleep(_LOOK)
        try:
            renewed = await asyncio.to_thread(certificate.renewed)
            if renewed is not None:
                renewed.into(context)
                certificate, warned = renewed, None
                _LOG.info("the certificate in %s was renewed; it lasts until %s", renewed.file, renewed.until)
        except InvalidInput as error:
            # Half of a renewal, perhaps: the one that was loaded goes on, and the next look finds the other half.
            _LOG.warning("a renewed certificate is not taken: %s", error.message)


def with_own_address(inner: App) -> App:
    """Prefect's application, telling its pages to call the API where they came from.

    Its settings know one address, the one on loopback (``PREFECT_UI_API_URL``), and its pages build WebSocket addresses from it,
    so it must be a whole one.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope.get("headers", ())
        host = dict(headers).get(b"host", b"").decode("latin-1")
        if scope["type"] != "http" or not scope["path"].endswith("/ui-settings") or not _HOST.match(host):
            await inner(scope, receive, send)
            return
        body = bytearray()
        start: Message = {}

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        # Uncompressed, because it is read here.
        plain = [(name, value) for name, value in headers if name != b"accept-encoding"]
        await inner({**scope, "headers": plain}, receive, collect)
        with contextlib.suppress(ValueError):  # an error's page: passed on as it is
            found = json.loads(bytes(body))
            if isinstance(found, dict) and "api_url" in found:
                body[:] = json.dumps(found | {"api_url": f"https://{host}/api"}).encode()
        kept = [(name, value) for name, value in start.get("headers", ()) if name.lower() != b"content-length"]
        told = [*kept, (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
        await send({**start, "headers": told})
        await send({"type": "http.response.body", "body": bytes(body)})

    return app
