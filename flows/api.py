"""Calls of Prefect's API from code that must not fall over when the server does: tried again, and errors become ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from tenantry.errors import TenantryError

T = TypeVar("T")

PATIENCE: Final = 90.0
"""Seconds for a server that does not answer: a service needs that long at most to bring it back up."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 3.0


class PrefectUnavailable(TenantryError):
    """Prefect's server does not answer, or answers that it cannot now. What was recorded stays recorded."""

    code = "prefect_unavailable"
    remedy = "Look at run/prefect-server.log in TENANTRY_HOME; then `tenantry resume` goes on from the record."
    retryable = True


class PrefectRejected(TenantryError):
    """Prefect's server refused a request of ours."""

    code = "prefect_rejected"
    remedy = "Look at run/prefect-server.log in TENANTRY_HOME; another version of Prefect's server is the usual cause."


async def patiently(call: Callable[[], Awaitable[T]], patience: float = PATIENCE) -> T:
    """Await ``call()``, again for as long as the server is away. Only for what may be done twice.

    Args:
        patience: seconds after which it is given up.

    Raises:
        PrefectUnavailable: nobody answered in time.
        PrefectRejected: the server refused the request (a status of 400 to 499).
        Exception: what ``call`` raises that is no error of Prefect's client.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return await call()
        except errors() as problem:
            if not away(problem):
                raise PrefectRejected(f"Prefect refused a request ({_told(problem)})") from problem
            if time.monotonic() + pause > deadline:
                raise PrefectUnavailable(f"Prefect's server does not answer ({_told(problem)})") from problem
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def errors() -> type[Exception]:
    """The family of what Prefect's client raises when a request fails: no connection, time-out, or a bad status.

    It is the client's HTTP library's own (``httpx.HTTPError``), reached through Prefect's error for a bad status, because that
    library is Prefect's choice and not ours to name here.
    """
    from prefect.exceptions import PrefectHTTPStatusError

    status_error = PrefectHTTPStatusError.__bases__[0]
    family: type[Exception] = status_error.__bases__[0]
    return family


def away(problem: BaseException) -> bool:
    """Whether the same request may succeed in a moment: it met no server, or one that said it could not now."""
    status = _status(problem)
    return status is None or status >= 500 or status in (408, 429)


def _status(problem: BaseException) -> int | None:
    response: Any = getattr(problem, "response", None)
    return None if response is None else int(response.status_code)


def _told(problem: BaseException) -> str:
    """Without the text, which may quote what was sent."""
    status = _status(problem)
    return type(problem).__name__ if status is None else f"status {status}"


__all__ = ["PATIENCE", "PrefectRejected", "PrefectUnavailable", "away", "errors", "patiently"]
