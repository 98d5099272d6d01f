"""The page on which a client's contact hands over credentials, and what its script calls.

The token of the link stands in the fragment, which browsers keep to themselves, and comes in a body; what is open to whoever
proved themselves hangs on a cookie that scripts cannot read. Both are only passed on: the broker knows of which drop they are.

========================================  ============================================================================
``GET /drop/{id}``                        the page, the same for every id
``POST /drop/{id}/look``                  ``{token}`` → how the drop stands, and how to prove oneself
``POST /drop/{id}/verify``                ``{token, code}`` → the cookie, or why not
``GET /drop/{id}/state``                  cookie → what is expected, what came, and the key to seal to
``PUT /drop/{id}/sealed/{place}``         cookie, a sealed value → it lies in the vault
========================================  ============================================================================
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final, Protocol

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from console.web.limits import Callers, body
from tenantry.broker.limit import Rate
from tenantry.drop import MAX_SEALED
from tenantry.errors import InvalidInput, NotFound, OutOfScope

__all__ = ["Hand", "routes"]

_COOKIE: Final = "drop"
_SMALL: Final = 4_096
_TYPES: Final = {"css": "text/css", "html": "text/html", "js": "text/javascript"}
_PROOFS: Final = Rate(burst=20, per_second=0.5)
"""Tokens and codes from one address: a person needs a handful."""
_CALLS: Final = Rate(burst=120, per_second=10.0)


class Hand(Protocol):
    """What is asked of the broker (`tenantry.broker.ConsoleHand`)."""

    def look(self, drop: str, token: SecretStr) -> dict[str, Any]: ...
    def verify(self, drop: str, token: SecretStr, code: SecretStr) -> dict[str, Any]: ...
    def state(self, drop: str, session: SecretStr) -> dict[str, Any]: ...
    def take(self, drop: str, session: SecretStr, place: int, sealed: bytes) -> dict[str, Any]: ...


def routes(hand: Hand, *, secure: bool, clock: Callable[[], float] | None = None) -> list[BaseRoute]:
    """The routes of drops.

    Args:
        secure: reached by TLS, so the cookie goes nowhere else.
        clock: what rates are measured with.
    """
    proofs, calls = Callers(_PROOFS, clock), Callers(_CALLS, clock)

    def page(request: Request) -> Response:
        del request
        return _file("drop.html")

    def asset(request: Request) -> Response:
        return _file(f"drop.{request.path_params['kind']}")

    async def look(request: Request) -> Response:
        proofs.admit(request)
        given = await _fields(request)
        return JSONResponse(await run_in_threadpool(hand.look, _drop(request), _secret(given, "token")))

    async def verify(request: Request) -> Response:
        proofs.admit(request)
        given = await _fields(request)
        drop, code = _drop(request), _secret(given, "code", 64)
        found = await run_in_threadpool(hand.verify, drop, _secret(given, "token"), code)
        session = found.pop("session", None)
        answer = JSONResponse(found or {"refused": None})
        if session is not None:
            answer.set_cookie(_COOKIE, session, path=f"/drop/{drop}", secure=secure, httponly=True, samesite="strict")
        return answer

    async def state(request: Request) -> Response:
        calls.admit(request)
        found = await run_in_threadpool(hand.state, _drop(request), _session(request))
        return JSONResponse(found | {"public": base64.b64encode(found["public"]).decode()})

    async def sealed(request: Request) -> Response:
        calls.admit(request)
        session = _session(request)  # before anything of the body is read
        place, value = _place(request), await body(request, MAX_SEALED)
        return JSONResponse(await run_in_threadpool(hand.take, _drop(request), session, place, value))

    return [
        Route("/drop/assets/drop.{kind:str}", asset, methods=["GET"]),
        Route("/drop/{drop}", page, methods=["GET"]),
        Route("/drop/{drop}/look", look, methods=["POST"]),
        Route("/drop/{drop}/verify", verify, methods=["POST"]),
        Route("/drop/{drop}/state", state, methods=["GET"]),
        Route("/drop/{drop}/sealed/{place}", sealed, methods=["PUT"]),
    ]


def _file(name: str) -> Response:
    kind = _TYPES.get(name.rpartition(".")[2])
    if kind is None:
        raise NotFound("there is no such file")
    return Response(files("console.web").joinpath(name).read_bytes(), media_type=kind)


def _drop(request: Request) -> str:
    drop = str(request.path_params["drop"])
    if not (len(drop) <= 32 and drop.isascii() and drop.isalnum()):
        raise NotFound("there is no such drop")
    return drop


def _place(request: Request) -> int:
    text = str(request.path_params["place"])
    if not (len(text) <= 3 and text.isascii() and text.isdecimal()):
        raise NotFound("there is no such place")
    return int(text)


def _session(request: Request) -> SecretStr:
    found = request.cookies.get(_COOKIE, "")
    if not 0 < len(found) <= 100:
        raise OutOfScope("nobody has proven themselves here")
    return SecretStr(found)


async def _fields(request: Request) -> Mapping[str, Any]:
    raw = await body(request, _SMALL)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not request.headers.get("content-type", "").startswith("application/json"):
        raise InvalidInput("a JSON object is expected", place="body")
    return found


def _secret(given: Mapping[str, Any], field: str, most: int = 100) -> SecretStr:
    found = given.get(field)
    if not isinstance(found, str) or not 0 < len(found) <= most:
        raise InvalidInput("a text is expected", place=field)
    return SecretStr(found)
