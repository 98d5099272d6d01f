"""The Prefect server as a tethered process: ``python -m flows.server_process PORT service|command``. Settings come from the environment."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from flows.server import users_file
from tenantry import tether
from tenantry.home import Home

POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
"""Content security policy of Prefect's pages. Both of its UIs call an analytics host, whatever its settings say, and
artifacts may name images anywhere: a browser that shows this machine's runs talks to this machine alone."""

_AGAIN: Final = [(b"retry-after", b"0.1")]
"""Seconds, for a client that met a busy database. Without it Prefect's client sleeps for two, for what takes milliseconds."""

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


def with_policy(inner: _App) -> _App:
    """The application, with the policy and what goes with it on every answer over HTTP."""
    headers = [
        (b"content-security-policy", POLICY.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                again = _AGAIN if message["status"] == 503 else []
                message = {**message, "headers": [*message.get("headers", []), *headers, *again]}
            await send(message)

        await inner(scope, receive, sending if scope["type"] == "http" else send)

    return app


def application() -> _App:
    """Prefect's API and UI, as this home serves them."""
    from prefect.server.api.server import create_app

    from flows import server_database

    server_database.use()
    return with_policy(create_app())


def _when_unused() -> None:
    """Whoever started this server is gone: it ends as soon as no other command uses it."""
    with users_file(Home.locate()).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    # A service's ends with it: the next one starts its own. A command's stays for the other commands that use it.
    tether.hold(None if sys.argv[2:] == ["service"] else _when_unused)
    import uvicorn

    uvicorn.run(
        "flows.server_process:application",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
