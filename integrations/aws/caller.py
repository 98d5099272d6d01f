"""How AWS is called: botocore in threads, each call with a timeout, nothing repeated that may have been done.

botocore is synchronous. A call runs in a thread of the handle's own pool; whoever awaits it may be cancelled at any moment: the thread then
sends nothing more, and ends with its call's timeout at the latest. An effect's deadline is asked before a write is handed over, and again
where a connection had to be made for it. botocore's own repetitions are off: it would repeat writes after
timeouts. Throttling slows every thread of the handle that calls the same service and region: whoever comes next waits as long as the one
that was throttled. (botocore's own adaptive mode falls to one call in two seconds after a single throttled one, which an effect's deadline does
not outlive.) ``errors.py`` has what is repeated.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import random
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.client import BaseClient
from botocore.config import Config
from botocore.parsers import ResponseParserError

from integrations.aws.errors import EXPIRED, VENDOR, code_of, mapped
from integrations.turns import turns
from tenantry import deadline
from tenantry.errors import InDoubt, TenantryError, Throttled, TimedOut, Unreachable, VendorFault

__all__ = ["Caller", "Limits", "Sessions", "answered"]

T = TypeVar("T")

_SENSELESS: Final = (LookupError, ValueError, TypeError, AttributeError, SyntaxError)
"""What botocore's parsers raise over an answer that is well formed and none of the service's (a proxy's page): after sending, it says as
much as a broken one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one account's handle may do. Times in seconds.

    Attributes:
        concurrency: calls in flight.
        timeout: waiting for an answer's next byte.
        connect_timeout: making the connection.
        attempts: how often a call is tried when it fails for another reason than throttling.
        budget: how long one call may wait between its attempts, all waits together.
        first_wait: first wait of the exponential back-off; doubled each time, with jitter.
        longest_wait: no single back-off is longer.
    """

    concurrency: int = 16
    timeout: float = 15.0
    connect_timeout: float = 5.0
    attempts: int = 5
    budget: float = 60.0
    first_wait: float = 0.2
    longest_wait: float = 10.0


class Sessions(Protocol):
    """Where clients come from: `integrations/aws/session.py`."""

    async def ready(self) -> None:
        """Have a session that will not expire during the next call."""
        ...

    async def renew(self) -> None:
        """AWS refused the present session: begin another. Raises SignInFailed."""
        ...

    def client(self, service: str, region: str, config: Config) -> BaseClient: ...


class _GivenUp(Exception):
    """A signal inside this module: whoever waited for the call does not any more."""


@dataclass(slots=True)
class _Attempt:
    """One call on its way, for the hook that runs right before bytes are sent."""

    write: bool
    cancelled: threading.Event
    sent: bool = False
    late: TimedOut | None = None
    """The deadline passed while the connection was being made; botocore hands on an error of its own instead."""


_attempt: ContextVar[_Attempt | None] = ContextVar("aws_attempt", default=None)


def _before_send(request: Any, **_: Any) -> None:  # noqa: ARG001  # botocore calls it by keyword
    attempt = _attempt.get()
    if attempt is None:
        return
    if attempt.cancelled.is_set():
        raise _GivenUp
    if attempt.write:
        deadline.check()  # waiting for a thread may have taken long, or the machine slept meanwhile
    attempt.sent = True


class _Punctual:
    """A connection over which no write is begun that became too late while it was being made."""

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        attempt = _attempt.get()
        if attempt is not None and attempt.write:
            try:
                deadline.check()
            except TimedOut as late:
                attempt.late = late
                raise


class _Plain(_Punctual, AWSHTTPConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _Secure(_Punctual, AWSHTTPSConnection):  # type: ignore[misc]  # as above
    pass


class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]  # as above
    ConnectionCls = _Plain


class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]  # as above
    ConnectionCls = _Secure


class Caller:
    """Calls one account through one set of sessions. Close it with :meth:`aclose`.

    Args:
        sessions: signed clients.
        regions: where the tenant lives; the first one is used for services that have no regions.
        account: whose limits they are: other runs of it, in their processes, take their turns among the same.
    """

    def __init__(
        self, sessions: Sessions, regions: tuple[str, ...], account: str, limits: Limits | None = None
    ) -> None:
        self.regions: Final = regions
        self.limits: Final = limits or Limits()
        self._sessions = sessions
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._making = threading.Lock()
        self._pool = ThreadPoolExecutor(self.limits.concurrency, thread_name_prefix="aws")
        self._turns = turns(VENDOR, account, self.limits.concurrency)
        self._random = random.Random()  # noqa: S311  # jitter, not a secret
        self._config = Config(
            connect_timeout=self.limits.connect_timeout,
            read_timeout=self.limits.timeout,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=self.limits.concurrency,
            user_agent_extra="tenantry",
            s3={"addressing_style": "path"},
        )

    # --- calls --------------------------------------------------------------------------------------------------------

    async def read(self, service: str, operation: str, region: str | None = None, /, **params: Any) -> dict[str, Any]:
        """One call that changes nothing. ``operation`` is botocore's: ``get_user``."""
        return await self._in_thread(functools.partial(self._call, service, operation, region, params, False))

    async def write(self, service: str, operation: str, region: str | None = None, /, **params: Any) -> dict[str, Any]:
        """One call that changes something. Raises InDoubt when the answer never came; TimedOut when the effect's deadline
        passed before anything was sent."""
        return await self._in_thread(functools.partial(self._call, service, operation, region, params, True))

    async def pages(
        self, service: str, operation: str, needs: str, region: str | None = None, /, **params: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """A list page by page.

        Args:
            needs: what every whole answer has: without it, the page is no page (a proxy's, or cut off), and nothing is concluded.
        """
        await self._sessions.ready()
        while True:
            page = await self._in_thread(functools.partial(self._page, service, operation, region, dict(params), needs))
            yield page.answer
            if page.rest is None:
                return
            params = page.rest

    async def open_body(self, service: str, operation: str, region: str | None = None, /, **params: Any) -> Body:
        """A call whose answer has a body to be streamed (S3)."""
        answer = await self.read(service, operation, region, **params)
        return Body(self, answer)

    async def aclose(self) -> None:
        """Let go of threads and connections. Calls under way send nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    # --- threads ------------------------------------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[threading.Event], T]) -> T:
        await self._sessions.ready()
        for last in (False, True):
            try:
                return await self.run(work)
            except _Expired as expired:
                if last:
                    raise expired.error from None
                await self._sessions.renew()
        raise AssertionError("unreachable")

    async def run(self, work: Callable[[threading.Event], T]) -> T:
        """Run something that blocks in a thread, with the effect's deadline; cancelled, the thread is told."""
        cancelled = threading.Event()
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(self._pool, context.run, work, cancelled)
        try:
            return await future
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def _client(self, service: str, region: str | None) -> BaseClient:
        key = (service, region or self.regions[0])
        found = self._clients.get(key)
        if found is None:
            with self._making:  # a botocore session is not to be used by two threads at once
                found = self._clients.get(key)
                if found is None:
                    found = self._sessions.client(*key, self._config)
                    found.meta.events.register_last("before-send", _before_send)
                    # Botocore offers no way to name them. Its pools look them up at each new connection.
                    found._endpoint.http_session._pool_classes_by_scheme.update(http=_PlainPool, https=_SecurePool)
                    self._clients[key] = found
        return found

    def _call(
        self,
        service: str,
        operation: str,
        region: str | None,
        params: Mapping[str, Any],
        write: bool,
        cancelled: threading.Event,
        accept: Callable[[dict[str, Any]], bool] | None = None,
    ) -> dict[str, Any]:
        client = self._client(service, region)
        what = f"{service}.{client.meta.method_to_api_mapping[operation]}"
        state = _Attempt(write, cancelled)
        _attempt.set(state)
        waited = 0.0
        tried = {True: 0, False: 0}  # throttled, and failed otherwise: being slowed uses up no attempt
        while True:
            state.sent = False
            self._queue(service, region, what, cancelled, write=write)
            with self._turns.turn_in_thread(cancelled):
                try:
                    answer: dict[str, Any] = getattr(client, operation)(**params)
                    if accept is None or accept(answer):
                        return answer
                    error: TenantryError = VendorFault(f"{what}: the answer is not a whole one", vendor=VENDOR)
                except Exception as caught:
                    # botocore hands on whatever its hooks raise; what is not its own, ours or the network's is a defect, and shows.
                    if isinstance(caught, _GivenUp):
                        raise asyncio.CancelledError from None
                    if state.late is not None:
                        raise state.late from None
                    if code_of(caught) in EXPIRED:
                        raise _Expired(mapped(caught, what, write=write)) from None
                    found = mapped(caught, what, write=write)
                    if found is None and state.sent and isinstance(caught, _SENSELESS):
                        found = mapped(ResponseParserError(type(caught).__name__), what, write=write)
                    if found is None:
                        raise
                    error = found
            throttled = isinstance(error, Throttled)
            tried[throttled] += 1
            if isinstance(error, Throttled):
                self._slow(service, region, error, tried[throttled])
            waited += self._wait(error, tried[throttled], waited, cancelled, write=write)

    def _slow(self, service: str, region: str | None, error: Throttled, attempt: int) -> None:
        """Nobody else, of this run or of another, calls this service in this region for as long as the throttled one waits."""
        self._turns.hold(self._kind(service, region), max(error.retry_after or 0.0, self._backoff(attempt) / 2))

    def _kind(self, service: str, region: str | None) -> str:
        return f"{service} {region or self.regions[0]}"

    def _queue(self, service: str, region: str | None, what: str, cancelled: threading.Event, *, write: bool) -> None:
        wait = self._turns.left(self._kind(service, region))
        if wait <= 0:
            return
        left = deadline.remaining()
        if wait > self.limits.budget or (write and left is not None and wait >= left):
            raise Throttled(f"{what} waits for throttling to end", retry_after=wait, vendor=VENDOR)
        if cancelled.wait(wait):
            raise asyncio.CancelledError

    def _backoff(self, attempt: int) -> float:
        limits = self.limits
        return min(limits.longest_wait, limits.first_wait * 2.0 ** min(attempt - 1, 16))

    def _wait(
        self, error: TenantryError, attempt: int, waited: float, cancelled: threading.Event, *, write: bool
    ) -> float:
        """Wait before the next attempt, or raise: because it must not be repeated, or was often enough."""
        throttled = isinstance(error, Throttled)
        safe = isinstance(error, (Throttled, Unreachable)) or (isinstance(error, VendorFault) and not write)
        if not safe or (not throttled and attempt >= self.limits.attempts):
            raise error
        limits = self.limits
        wait = self._backoff(attempt) * self._random.uniform(0.5, 1.0)
        if isinstance(error, Throttled) and error.retry_after is not None:
            wait = max(error.retry_after, wait)
        left = deadline.remaining()
        if waited + wait > limits.budget or (write and left is not None and wait >= left):
            raise error
        if cancelled.wait(wait):
            raise asyncio.CancelledError
        return wait

    # --- pages --------------------------------------------------------------------------------------------------------

    def _page(
        self,
        service: str,
        operation: str,
        region: str | None,
        params: dict[str, Any],
        needs: str,
        cancelled: threading.Event,
    ) -> _Page:
        answer = self._call(service, operation, region, params, False, cancelled, lambda found: needs in found)
        client = self._client(service, region)
        if not client.can_paginate(operation):
            token = answer.get("NextToken")
            return _Page(answer, None if not token else params | {"NextToken": token})
        return _Page(answer, _following(client, operation, params, answer))


@dataclass(frozen=True, slots=True)
class _Page:
    answer: dict[str, Any]
    rest: dict[str, Any] | None
    """Parameters of the next page."""


class _Expired(Exception):
    """A signal inside this module: AWS does not know the session (any more)."""

    def __init__(self, error: TenantryError | None) -> None:
        super().__init__()
        self.error = error or Unreachable("AWS does not accept the session", vendor=VENDOR)


def _following(
    client: BaseClient, operation: str, params: dict[str, Any], answer: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The next page's parameters, by botocore's own description of how the operation pages."""
    import jmespath

    config = client.get_paginator(operation)._pagination_cfg  # botocore's paginator cannot repeat a page
    more = config.get("more_results")
    if more is not None and not jmespath.search(more, answer):
        return None
    inputs, outputs = config["input_token"], config["output_token"]
    inputs = [inputs] if isinstance(inputs, str) else inputs
    outputs = [outputs] if isinstance(outputs, str) else outputs
    tokens = {name: jmespath.search(path, answer) for name, path in zip(inputs, outputs, strict=True)}
    tokens = {name: value for name, value in tokens.items() if value}
    if not tokens:
        return None
    if all(params.get(name) == value for name, value in tokens.items()):
        raise VendorFault(f"{operation}: the same page again and again", vendor=VENDOR)
    return {**{name: value for name, value in params.items() if name not in inputs}, **tokens}


class Body:
    """The body of an answer, read piece by piece in the handle's threads."""

    def __init__(self, caller: Caller, answer: Mapping[str, Any]) -> None:
        self._caller = caller
        self.answer = answer
        self._stream = answer["Body"]

    async def piece(self, size: int) -> bytes:
        """At most ``size`` bytes; none: the end. Raises VendorFault when the connection broke."""

        def read(_: threading.Event) -> bytes:
            try:
                return bytes(self._stream.read(size))
            except Exception as caught:
                error = mapped(caught, "s3.GetObject", write=False)
                if error is None:
                    raise
                raise error from None

        return await self._caller.run(read)

    def close(self) -> None:
        """Let go of the connection."""
        self._stream.close()


def answered(answer: Mapping[str, Any], key: str, what: str, *, write: bool = False) -> Any:
    """What every whole answer of this call has.

    Raises:
        VendorFault: it is not there: nothing may be concluded from this answer. InDoubt, for a write.
    """
    if key in answer:
        return answer[key]
    if write:
        raise InDoubt(f"{what} was answered without {key}", vendor=VENDOR)
    raise VendorFault(f"{what} was answered without {key}", vendor=VENDOR)
