"""The application: what its parts serve, what every answer carries, and how errors look from outside.

A part (`console.web.drop`, and whatever else is to face the network) gives routes; here is what holds for all of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.limits import TooLarge, TooSlow
from console.web.refusals import Unproven, WrongType
from tenantry.alerts.reading import NotJson
from tenantry.errors import (
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OutOfScope,
    RateLimited,
    TenantryError,
)

__all__ = ["HEADERS", "application"]

_LOG: Final = logging.getLogger(__name__)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_HSTS: Final = {"Strict-Transport-Security": "max-age=31536000"}
_STATUS: Final[Sequence[tuple[type[TenantryError], int]]] = (
    (TooLarge, 413),
    (TooSlow, 408),
    (NotJson, 400),
    (WrongType, 415),
    (Unproven, 401),
    (NotFound, 404),
    (RateLimited, 429),
    (OutOfScope, 401),
    (Conflict, 409),
    (InvalidInput, 422),
)
"""The first that fits. Whatever else goes wrong is on this side, and may be tried again."""


def application(routes: Sequence[BaseRoute], *, tls: bool, rejected: Callable[[], None] = lambda: None) -> ASGIApp:
    """What the console serves.

    Args:
        routes: of the parts.
        tls: it is reached by TLS alone.
        rejected: called when the broker no longer knows this process: it is to end, and the service starts another.
    """

    def failed(request: Request, error: Exception) -> Response:
        del request
        if isinstance(error, NotAuthenticated):
            _LOG.warning("the broker no longer takes this process's token")
            rejected()
        if not isinstance(error, TenantryError):
            return _plain(500)
        status = next((number for kind, number in _STATUS if isinstance(error, kind)), 503)
        more = {}
        if isinstance(error, RateLimited):
            more["Retry-After"] = str(math.ceil(error.retry_after))
        elif status == 503:
            _LOG.warning("%s", error.code, extra={"error_code": error.code})
            more["Retry-After"] = "1"
        # The code alone: what our messages say is for the MSP's people.
        return JSONResponse({"code": error.code}, status, more)

    def refused(request: Request, error: Exception) -> Response:
        del request
        if not isinstance(error, HTTPException):
            return _plain(500)
        return _plain(error.status_code, error.headers)  # a 405 says what there is (RFC 9110, 15.5.6)

    handlers: Any = {TenantryError: failed, HTTPException: refused, Exception: failed}
    inner = Starlette(routes=list(routes), exception_handlers=handlers, middleware=[Middleware(_SameOrigin)])
    return _Headers(inner, HEADERS | _HSTS if tls else HEADERS)  # around all of it: what fails carries them too


def _plain(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(f"{status}\n", status, headers, media_type="text/plain")


class _Headers:
    """On every answer, errors included."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class _SameOrigin:
    """What changes something is taken from our own pages, or from what is no browser: a browser says where it comes from."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site", "same-origin")
            own = f"{scope['scheme']}://{headers.get(b'host', '')}"
            if site != "same-origin" or origin not in (None, own):
                await _plain(403)(scope, receive, send)
                return
        await self._app(scope, receive, send)
