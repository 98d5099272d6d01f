"""How every vendor with an HTTP interface is called: one client that never repeats what may have been done.

A *read* (whatever its method) is repeated after connection errors, timeouts, 5xx, HTML, half an answer and 429.

A *write* is repeated only where nothing was done: no byte was sent, the vendor said 429 or 503 with ``Retry-After``, or
refused the token with 401. Anything else after the first byte raises :class:`~tenantry.errors.InDoubt`, once and at once.

::

    what happened                          read             write
    no connection, nothing sent            Unreachable *    Unreachable *
    429, 503 with Retry-After              Throttled *      Throttled *
    timeout or broken off after sending    VendorFault *    InDoubt
    5xx, 3xx, HTML, invalid JSON           VendorFault *    InDoubt
    401 with a token                       refreshed once, then SignInFailed
    4xx                                    what the vendor's own dialect makes of it
    effect's deadline passed               TimedOut, nothing sent

    * raised only after the repetitions are used up

Throttling uses up no repetition, whether or not the vendor says for how long: only the call's budget and its deadline end it. Retry-After is
honoured as seconds or HTTP date (RFC 9110 section 10.2.3); without one the wait doubles each time. A wait that exceeds the call's budget or the
effect's deadline raises Throttled at once, carrying the seconds the vendor asked for.

Nothing of a request or an answer is logged here, and no error carries a header, a query string or a body: only the
method, the path, the status, the vendor's code and the request ids.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import json
import logging
import random
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
import orjson

from integrations.lanes import Lanes
from integrations.turns import Turns, family, turns
from tenantry import deadline, waits
from tenantry.errors import (
    InDoubt,
    Rejected,
    SignInFailed,
    TenantryError,
    Throttled,
    TimedOut,
    Unreachable,
    VendorFault,
)

__all__ = [
    "FATES",
    "Answer",
    "Authorizer",
    "Fate",
    "Http",
    "Limits",
    "refused",
    "retry_after",
]

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one tenant's client may do. Times in seconds.

    Attributes:
        concurrency: requests in flight at one tenant of one vendor, over all clients of this process, and of all processes of
            the machine where they share their turns (:mod:`integrations.turns`).
        timeout: one request, from the first byte sent to the last byte received.
        connect_timeout: making the connection.
        attempts: how often a call is tried when it fails for another reason than throttling.
        budget: how long one call may wait between its attempts, all waits together.
        first_wait: first wait of the exponential back-off; doubled each time, with jitter.
        longest_wait: no single back-off is longer (a vendor's own Retry-After may be).
    """

    concurrency: int = 32
    timeout: float = 30.0
    connect_timeout: float = 10.0
    attempts: int = 5
    budget: float = 90.0
    first_wait: float = 0.5
    longest_wait: float = 20.0


class Fate(enum.Enum):
    """What an exception of the HTTP library says about the request."""

    UNSENT = "nothing was sent"
    UNKNOWN = "it may have been sent and done"
    UNUSABLE = "the request itself cannot be sent, now or later"


FATES: Final[Mapping[type[Exception], Fate]] = {
    httpx.ConnectError: Fate.UNSENT,
    httpx.ConnectTimeout: Fate.UNSENT,
    httpx.PoolTimeout: Fate.UNSENT,
    httpx.ProxyError: Fate.UNSENT,
    httpx.UnsupportedProtocol: Fate.UNUSABLE,
    httpx.InvalidURL: Fate.UNUSABLE,
    httpx.CookieConflict: Fate.UNUSABLE,
    httpx.HTTPError: Fate.UNKNOWN,
    httpx.RequestError: Fate.UNKNOWN,
    httpx.TransportError: Fate.UNKNOWN,
    httpx.TimeoutException: Fate.UNKNOWN,
    httpx.ReadTimeout: Fate.UNKNOWN,
    httpx.WriteTimeout: Fate.UNKNOWN,
    httpx.NetworkError: Fate.UNKNOWN,
    httpx.ReadError: Fate.UNKNOWN,
    httpx.WriteError: Fate.UNKNOWN,
    httpx.CloseError: Fate.UNKNOWN,
    httpx.ProtocolError: Fate.UNKNOWN,
    httpx.LocalProtocolError: Fate.UNKNOWN,
    httpx.RemoteProtocolError: Fate.UNKNOWN,
    httpx.DecodingError: Fate.UNKNOWN,
    httpx.TooManyRedirects: Fate.UNKNOWN,
    httpx.HTTPStatusError: Fate.UNKNOWN,
    httpx.StreamError: Fate.UNKNOWN,
    httpx.StreamConsumed: Fate.UNKNOWN,
    httpx.StreamClosed: Fate.UNKNOWN,
    httpx.ResponseNotRead: Fate.UNKNOWN,
    httpx.RequestNotRead: Fate.UNKNOWN,
}
"""Every exception class of httpx, by name: a test walks httpx's tree and fails on one that is not here."""

# The library logs the whole address of each request, and some addresses are secrets or name people.
logging.getLogger("httpx").addFilter(lambda line: line.levelno > logging.INFO)


def _parsed(body: bytes) -> Any:
    """An answer's JSON. What the fast parser is too strict for (half a surrogate in somebody's rule name), the other takes. It is
    UTF-8 (RFC 8259, 8.1): the other parser would guess what else it might be.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(body)
    except ValueError:
        return json.loads(body.decode())


_HTTPX_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)


@dataclass(slots=True)
class Answer:
    """A vendor's complete answer. ``data`` is the parsed JSON of a success, None where the body was empty."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    data: Any = None
    client_request_id: str = ""

    def json(self) -> Any:
        """The body of a refusal as JSON; None when it is empty or no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def ids(self) -> dict[str, str]:
        """What vendor support asks for: the request's ids on both sides."""
        found = {"client_request_id": self.client_request_id}
        if theirs := self.headers.get("request-id") or self.headers.get("x-ms-request-id"):
            found["request_id"] = theirs
        return found


class Authorizer(Protocol):
    """Where the value of the Authorization header comes from."""

    async def header(self) -> str: ...

    async def refused(self, header: str) -> bool:
        """The vendor answered 401 to ``header``: whether another can be had."""
        ...


class Dialect(Protocol):
    """What a vendor's 4xx answer means."""

    def __call__(self, answer: Answer, what: str) -> TenantryError: ...


def refused(answer: Answer, what: str) -> TenantryError:
    """A 4xx of a vendor without words of its own."""
    return Rejected(f"{what} was refused with status {answer.status}", status=answer.status, **answer.ids)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait, from ``Retry-After`` in either form; None when there is none that can be read.

    A date is compared with the answer's own ``Date``, so that a wrong clock on either side does no harm.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass  # not seconds: a date, or nothing usable
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    try:
        base = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        base = time.time() if now is None else now
    return max(0.0, at - base)


@dataclass(slots=True)
class _Call:
    method: str
    url: str
    write: bool
    headers: Mapping[str, str]
    content: bytes | Callable[[], Awaitable[bytes]] | None
    authorizer: Authorizer | None
    dialect: Dialect
    timeout: float
    what: str
    attempts: int
    plain: bool
    family: str


class _Unauthorized(Exception):
    """A signal inside this module: the vendor answered 401."""

    def __init__(self, header: str, answer: Answer) -> None:
        super().__init__()
        self.header = header
        self.answer = answer


@dataclass(slots=True)
class _Wire:
    """Watches one request on its way out, where the transport can be watched."""

    watched: bool = False
    sent: bool = False

    async def __call__(self, event: str, _info: Mapping[str, Any]) -> None:
        self.watched = True
        if event.endswith("send_request_headers.started"):
            deadline.check()  # connecting may have taken long, or the machine slept meanwhile
            self.sent = True

    @property
    def untouched(self) -> bool:
        return self.watched and not self.sent


@functools.cache
def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """A TLS context of this process; some 40 ms to make.

    Args:
        authorities: PEM of those that are trusted; None: those that httpx ships.
    """
    if authorities is None:
        made = httpx.create_ssl_context(trust_env=False)
    else:
        made = ssl.create_default_context(cadata=authorities)
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves it to what the machine is set to
    return made


@dataclass(slots=True)
class _Clients:
    reads: httpx.AsyncClient
    writes: httpx.AsyncClient
    closed: bool = field(default=False)


class Http:
    """A client for one tenant at one vendor. Build it with :meth:`open`; close it with :meth:`aclose`.

    Reads and writes use separate connections: a read on a connection that the vendor closed meanwhile is simply
    repeated, a write must not be, so a connection idle for more than a second is never used for a write.
    """

    def __init__(self, vendor: str, clients: _Clients, limits: Limits, shared: Turns, sleep: Sleep) -> None:
        self.vendor = vendor
        self.limits = limits
        self._clients = clients
        self._turns = shared
        self._sleep = sleep
        self._random = random.Random()  # noqa: S311  # jitter, not a secret
        self._last: tuple[str, float] | None = None

    @classmethod
    async def open(
        cls,
        vendor: str,
        tenant: str,
        *,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> Http:
        """A client pinned to nothing but its limiter; ``transport`` replaces the network (tests, the lab in process)."""
        limits = limits or Limits()
        shared = turns(vendor, tenant, limits.concurrency)

        def client(carrier: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                transport=carrier, trust_env=False, follow_redirects=False, headers={"User-Agent": "tenantry"}
            )

        if transport is not None:
            only = client(transport)
            return cls(vendor, _Clients(only, only), limits, shared, sleep)
        tls = await asyncio.to_thread(tls_context)  # reads the certificate store
        clients = _Clients(client(Lanes(tls, idle=30.0)), client(Lanes(tls, idle=1.0)))
        return cls(vendor, clients, limits, shared, sleep)

    @property
    def answered(self) -> bool:
        """Whether anything ever answered, whatever it said."""
        return self._last is not None

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the vendor's clock was ahead of ours at its newest answer, to the second; None when it did not
        say (RFC 9110 section 6.6.1)."""
        if self._last is None:
            return None
        said, here = self._last
        try:
            return parsedate_to_datetime(said).timestamp() - here
        except (ValueError, OverflowError):
            return None

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        if not self._clients.closed:
            self._clients.closed = True
            await self._clients.reads.aclose()
            await self._clients.writes.aclose()

    async def pause(self, seconds: float) -> None:
        """Wait between two calls (polling), with the clock that the tests replace."""
        await self._sleep(seconds)

    async def read(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Callable[[], Awaitable[bytes]] | None = None,
        authorizer: Authorizer | None = None,
        dialect: Dialect = refused,
        timeout: float | None = None,  # one request's own limit, not the call's
        what: str = "",
        attempts: int | None = None,
    ) -> Answer:
        """Ask; repeated as often as the limits allow. ``content`` may be a function, called for each attempt.

        Args:
            method: HTTP method; a POST that changes nothing is a read.
            url: absolute address.
            headers: besides Authorization, client-request-id and Accept.
            content: the body.
            authorizer: where the token comes from; None for none.
            dialect: what a 4xx answer means.
            timeout: seconds for one request; the limits' own when None.
            what: how errors name the call; method and path when empty.
            attempts: instead of the limits' own.

        Raises:
            Unreachable, Throttled, VendorFault: after the repetitions.
            SignInFailed: the token is refused, a fresh one too.
            TimedOut: the effect's deadline passed.
            TenantryError: what ``dialect`` returned.
        """
        return await self._call(
            self._prepared(method, url, False, headers, content, authorizer, dialect, timeout, what, attempts, False)
        )

    async def write(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        authorizer: Authorizer | None = None,
        dialect: Dialect = refused,
        timeout: float | None = None,  # one request's own limit, not the call's
        what: str = "",
        plain: bool = False,
    ) -> Answer:
        """Change something; repeated only where nothing was done. Parameters as for :meth:`read`.

        Args:
            plain: the vendor answers in plain text: a body that is no JSON is no fault.

        Raises:
            InDoubt: it was sent and its answer never came, or cannot be understood.
            Unreachable, Throttled: nothing was done.
            SignInFailed: the token is refused, a fresh one too; nothing was done.
            TimedOut: the effect's deadline passed; nothing was sent.
            TenantryError: what ``dialect`` returned.
        """
        return await self._call(
            self._prepared(method, url, True, headers, content, authorizer, dialect, timeout, what, None, plain)
        )

    def _prepared(
        self,
        method: str,
        url: str,
        write: bool,
        headers: Mapping[str, str] | None,
        content: bytes | Callable[[], Awaitable[bytes]] | None,
        authorizer: Authorizer | None,
        dialect: Dialect,
        timeout: float | None,
        what: str,
        attempts: int | None,
        plain: bool,
    ) -> _Call:
        return _Call(
            method=method,
            url=url,
            write=write,
            headers=headers or {},
            content=content,
            authorizer=authorizer,
            dialect=dialect,
            timeout=self.limits.timeout if timeout is None else timeout,
            what=what or f"{method} {urlsplit(url).path}",
            attempts=attempts or self.limits.attempts,
            plain=plain,
            family=family(urlsplit(url).path),
        )

    async def _call(self, call: _Call) -> Answer:
        failures = slowed = 0
        waited = 0.0
        refreshed = rested = False
        error: TenantryError
        while True:
            # Outside of the retries below: signing in has retried by itself.
            token = await call.authorizer.header() if call.authorizer is not None else None
            held = 0.0 if rested else self._turns.left(call.family)
            rested = False
            try:
                if held:  # the vendor said so to another client, of this run or of another
                    raise Throttled(f"{self.vendor} throttles {call.what}", retry_after=held, vendor=self.vendor)
                return await self._attempt(call, token)
            except _Unauthorized as signal:
                answer, header = signal.answer, signal.header
                error = SignInFailed(
                    f"{self.vendor} refused the token for {call.what}", status=401, vendor=self.vendor, **answer.ids
                )
                wait = None
            except Throttled as throttled:
                error = throttled
                wait = throttled.retry_after
                if wait is None:  # not every vendor says a time, and being slowed is no failure then either
                    slowed += 1
                    wait = self._backoff(slowed)
                else:
                    if not held:
                        self._turns.hold(call.family, wait)
                    wait += wait * 0.1 * self._random.random() + 0.01  # not all of us at the same moment
            except (Unreachable, VendorFault) as fault:
                failures += 1
                error = fault
                wait = self._backoff(failures)
            # From here on outside of the handlers: what is raised must not carry the library's exception, which holds
            # the request with its Authorization header.
            if wait is None:
                if not refreshed and call.authorizer is not None and await call.authorizer.refused(header):
                    refreshed = True
                    continue
                raise error
            if call.write and isinstance(error, VendorFault):
                raise InDoubt(f"{error.message}; it may have been done", **error.detail)
            left = deadline.remaining()
            if failures >= call.attempts or waited + wait > self.limits.budget or (left is not None and wait >= left):
                raise error
            waited += wait
            if isinstance(error, Throttled):
                rested = True
                waits.asked(self.vendor, call.what, wait)
            await self._sleep(wait)

    def _backoff(self, times: int) -> float:
        ceiling = min(self.limits.longest_wait, self.limits.first_wait * 2.0 ** min(times - 1, 32))
        return ceiling * (0.5 + 0.5 * self._random.random())

    async def _attempt(self, call: _Call, header: str | None) -> Answer:
        content = await call.content() if callable(call.content) else call.content
        request_id = str(uuid.uuid4())
        headers = {"Accept": "application/json", "client-request-id": request_id, **call.headers}
        if header is not None:
            headers["Authorization"] = header
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self._turns.turn():
            deadline.check()  # right before sending: waiting for the token or for our turn may have taken long
            answer = await self._exchange(call, headers, content, request_id)
        return self._judged(call, answer, header)

    async def _exchange(
        self, call: _Call, headers: Mapping[str, str], content: bytes | None, request_id: str
    ) -> Answer:
        """Send the request and read the whole answer; map the library's exceptions."""
        client = self._clients.writes if call.write else self._clients.reads
        left = deadline.remaining()
        seconds = call.timeout if left is None else min(call.timeout, left)
        wire = _Wire()
        status = 0
        received: Mapping[str, str] = {}
        try:
            async with asyncio.timeout(seconds):
                request = client.build_request(
                    call.method,
                    call.url,
                    headers=headers,
                    content=content,
                    timeout=httpx.Timeout(seconds, connect=min(seconds, self.limits.connect_timeout)),
                    extensions={"trace": wire} if call.write else None,
                )
                response = await client.send(request, stream=True)
                try:
                    status, received = response.status_code, response.headers
                    self._last = (response.headers.get("date", ""), time.time())
                    body = await response.aread()
                finally:
                    await response.aclose()
            return Answer(status, received, body, client_request_id=request_id)
        except TimeoutError:
            failure, name = Fate.UNKNOWN, "Timeout"
        except _HTTPX_ERRORS as exc:
            failure, name = _fate(exc), type(exc).__name__
        if status >= 400:
            # The status alone is the answer. Exchange declares its blank 403 as gzip, which no decoder accepts.
            return Answer(status, received, b"", client_request_id=request_id)
        detail = {"vendor": self.vendor, "cause": name, "client_request_id": request_id}
        if failure is Fate.UNUSABLE:
            raise Rejected(f"{call.what} cannot be sent: its address is not usable", **detail)
        if failure is Fate.UNSENT or wire.untouched:
            raise Unreachable(f"no connection to {self.vendor} for {call.what}; nothing was sent", **detail)
        if name == "Timeout" and not call.write and deadline.remaining() == 0.0:
            raise TimedOut(f"the deadline passed while waiting for {self.vendor} to answer {call.what}", **detail)
        raise VendorFault(f"{self.vendor} did not answer {call.what} completely", **detail)

    def _judged(self, call: _Call, answer: Answer, header: str | None) -> Answer:
        status = answer.status
        if 200 <= status < 300:
            if answer.body.strip():
                try:
                    answer.data = _parsed(answer.body)
                except ValueError:  # JSONDecodeError, or bytes that are no text
                    answer.data = None
                    problem = True
                else:
                    problem = False
                if problem and not call.plain:
                    raise self._fault(call, answer, "answered something that is not JSON to")
            return answer
        if status == 401 and header is not None:
            raise _Unauthorized(header, answer)
        wait = retry_after(answer.headers)
        if status == 429 or (status == 503 and wait is not None):
            raise Throttled(
                f"{self.vendor} throttles {call.what}",
                retry_after=wait,
                vendor=self.vendor,
                status=status,
                **answer.ids,
            )
        if 400 <= status < 500 and status != 408:
            raise call.dialect(answer, call.what)
        raise self._fault(call, answer, f"answered {status} to")

    def _fault(self, call: _Call, answer: Answer, problem: str) -> VendorFault:
        return VendorFault(
            f"{self.vendor} {problem} {call.what}", vendor=self.vendor, status=answer.status, **answer.ids
        )


def _fate(exc: Exception) -> Fate:
    for kind in type(exc).__mro__:
        if kind in FATES:
            return FATES[kind]
    return Fate.UNKNOWN
