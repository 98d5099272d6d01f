from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.http import FATES, Answer, Fate, Http, Limits, retry_after
from tenantry import deadline
from tenantry.errors import (
    InDoubt,
    ProviderError,
    Rejected,
    SignInFailed,
    TargetNotFound,
    TenantryError,
    Throttled,
    TimedOut,
    Unreachable,
    VendorFault,
)

URL = "http://127.0.0.1/thing"
Reply = httpx.Response | Exception
CANARY = "canary-51fe"


class Scripted(httpx.AsyncBaseTransport):
    """Gives the replies in order, the last one for ever."""

    def __init__(self, *replies: Reply | Callable[[httpx.Request], Reply]) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, stream=reply.stream, request=request)


class Sleeps(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


async def client(transport: httpx.AsyncBaseTransport, sleeps: Sleeps | None = None, **limits: Any) -> Http:
    return await Http.open(
        "vendor", "tenant", transport=transport, limits=Limits(**limits), sleep=Sleeps() if sleeps is None else sleeps
    )


def ok(data: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"done": True} if data is None else data)


def tree(root: type[BaseException]) -> set[type[BaseException]]:
    return {root}.union(*(tree(child) for child in root.__subclasses__() if child.__module__.startswith("httpx")))


def httpx_errors() -> set[type[BaseException]]:
    roots = [value for value in vars(httpx).values() if isinstance(value, type) and issubclass(value, Exception)]
    return set().union(*(tree(root) for root in roots))


# --- the mapping is complete -----------------------------------------------------------------------------------------------


def test_every_exception_of_the_library_is_mapped() -> None:
    assert httpx_errors() == set(FATES), "a new exception class of httpx needs a decision"


def make(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        request = httpx.Request("GET", URL)
        return kind("x", request=request, response=httpx.Response(500, request=request))
    if issubclass(kind, httpx.StreamConsumed | httpx.StreamClosed | httpx.ResponseNotRead | httpx.RequestNotRead):
        return kind()  # type: ignore[call-arg]  # these take no message
    return kind("x")


@pytest.mark.parametrize("kind", sorted(FATES, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_every_exception_becomes_one_of_ours(kind: type[Exception], write: bool) -> None:
    transport = Scripted(make(kind))
    http = await client(transport)
    with pytest.raises(ProviderError) as caught:
        await (http.write if write else http.read)("POST", URL)
    fate = FATES[kind]
    expected = {
        Fate.UNSENT: Unreachable,
        Fate.UNUSABLE: Rejected,
        Fate.UNKNOWN: InDoubt if write else VendorFault,
    }[fate]
    assert type(caught.value) is expected
    assert len(transport.requests) == (1 if fate is Fate.UNUSABLE or (write and fate is Fate.UNKNOWN) else 5)
    assert caught.value.__context__ is None, "the library's error holds the request with its credentials"


# --- reads and writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 302])
async def test_statuses_that_say_nothing(status: int) -> None:
    read, write = Scripted(httpx.Response(status), ok()), Scripted(httpx.Response(status), ok())
    assert (await (await client(read)).read("GET", URL)).data == {"done": True}
    with pytest.raises(InDoubt) as caught:
        await (await client(write)).write("POST", URL)
    assert len(write.requests) == 1
    assert caught.value.detail["status"] == status


@pytest.mark.parametrize(
    "body", ["<html></html>", '{"a": ', "\ufeff{", b"\xff\xfe\x00", '{"a": 1}'.encode("utf-16"), b'{"a": "\xff"}']
)
async def test_an_answer_that_is_no_json(body: str | bytes) -> None:
    broken = httpx.Response(200, content=body)
    assert (await (await client(Scripted(broken, ok()))).read("GET", URL)).data == {"done": True}
    with pytest.raises(InDoubt):
        await (await client(Scripted(broken, ok()))).write("POST", URL)


async def test_an_empty_answer_is_a_success() -> None:
    assert (await (await client(Scripted(httpx.Response(204)))).write("DELETE", URL)).data is None


async def test_a_refusal_is_what_the_dialect_says_and_not_repeated() -> None:
    def dialect(answer: Answer, what: str) -> TenantryError:
        return TargetNotFound(f"{what} {answer.status} {answer.json()}")

    transport = Scripted(httpx.Response(404, json={"a": 1}))
    with pytest.raises(TargetNotFound, match=r"POST /thing 404 \{'a': 1\}"):
        await (await client(transport)).write("POST", URL, dialect=dialect)
    assert len(transport.requests) == 1


async def test_a_dialects_fault_on_a_write_is_in_doubt() -> None:
    transport = Scripted(httpx.Response(400))
    with pytest.raises(InDoubt):
        await (await client(transport)).write("POST", URL, dialect=lambda _answer, what: VendorFault(what))
    assert len(transport.requests) == 1


async def test_a_refusal_whose_body_cannot_be_decoded() -> None:
    """A blank body declared as gzip: the status alone is the answer."""
    blank = httpx.Response(403, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\0" * 20))
    with pytest.raises(Rejected) as caught:
        await (await client(Scripted(blank))).read("GET", URL)
    assert caught.value.detail["status"] == 403


async def test_a_success_whose_body_cannot_be_decoded() -> None:
    blank = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\0" * 20))
    good = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(gzip.compress(b'{"done": true}'))
    )
    assert (await (await client(Scripted(blank, good))).read("GET", URL)).data == {"done": True}
    with pytest.raises(InDoubt):
        await (await client(Scripted(blank, good))).write("POST", URL)


async def test_the_back_off_grows_and_ends() -> None:
    sleeps = Sleeps()
    transport = Scripted(httpx.Response(500))
    with pytest.raises(VendorFault):
        await (await client(transport, sleeps, attempts=6, first_wait=1.0, longest_wait=4.0)).read("GET", URL)
    assert len(transport.requests) == 6
    for slept, ceiling in zip(sleeps, [1, 2, 4, 4, 4], strict=True):
        assert ceiling / 2 <= slept <= ceiling


@pytest.mark.parametrize("method", ["read", "write"])
async def test_throttled_without_a_time_uses_up_no_attempt(method: str) -> None:
    sleeps = Sleeps()
    throttled = [httpx.Response(429) for _ in range(7)]
    transport = Scripted(*throttled, httpx.Response(200, json={"id": "x"}))
    limits = {"attempts": 1, "first_wait": 1.0, "longest_wait": 4.0}
    answer = await getattr(await client(transport, sleeps, **limits), method)("POST", URL)
    assert answer.data == {"id": "x"}
    for slept, ceiling in zip(sleeps, [1, 2, 4, 4, 4, 4, 4], strict=True):
        assert ceiling / 2 <= slept <= ceiling


async def test_throttled_without_a_time_ends_with_the_budget() -> None:
    sleeps = Sleeps()
    transport = Scripted(httpx.Response(429))
    with pytest.raises(Throttled) as caught:
        await (await client(transport, sleeps, attempts=3, budget=30.0)).write("POST", URL)
    assert caught.value.retry_after is None
    assert 10 < sum(sleeps) <= 30


async def test_throttling_leaves_the_attempts_of_other_failures() -> None:
    bad = [httpx.Response(500), httpx.Response(429), httpx.Response(429), httpx.Response(500), httpx.Response(429)]
    transport = Scripted(*bad, httpx.Response(200, json={"id": "x"}))
    assert (await (await client(transport, attempts=3)).read("GET", URL)).data == {"id": "x"}


async def test_all_waits_together_stay_within_the_budget() -> None:
    sleeps = Sleeps()
    transport = Scripted(httpx.Response(429, headers={"Retry-After": "20"}))
    with pytest.raises(Throttled):
        await (await client(transport, sleeps, budget=50.0)).read("GET", URL)
    assert sum(sleeps) <= 50
    assert len(sleeps) == 2


async def test_content_is_made_anew_for_each_attempt() -> None:
    made = []

    async def content() -> bytes:
        made.append(1)
        return str(len(made)).encode()

    transport = Scripted(httpx.Response(500), ok())
    await (await client(transport)).read("POST", URL, content=content)
    assert [request.content for request in transport.requests] == [b"1", b"2"]


async def test_each_attempt_has_an_id_of_its_own() -> None:
    transport = Scripted(httpx.Response(500, headers={"request-id": "theirs"}))
    with pytest.raises(VendorFault) as caught:
        await (await client(transport)).read("GET", URL)
    ids = [request.headers["client-request-id"] for request in transport.requests]
    assert len(set(ids)) == 5
    assert caught.value.detail["client_request_id"] == ids[-1]
    assert caught.value.detail["request_id"] == "theirs"


# --- Retry-After ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_retry_after_in_seconds(seconds: int) -> None:
    assert retry_after({"retry-after": str(seconds)}) == seconds


@given(st.integers(-(10**6), 10**6), st.integers(10**9, 3 * 10**9))
def test_retry_after_as_a_date_is_compared_with_the_answers_own(seconds: int, stamp: int) -> None:
    moment = datetime.fromtimestamp(stamp, UTC)
    headers = {
        "date": format_datetime(moment, usegmt=True),
        "retry-after": format_datetime(moment + timedelta(seconds=seconds), usegmt=True),
    }
    assert retry_after(headers) == max(0, seconds)


def test_retry_after_as_a_date_without_the_answers_own() -> None:
    at = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
    assert retry_after({"retry-after": format_datetime(at, usegmt=True)}, now=at.timestamp() - 30) == 30


@given(st.text())
def test_retry_after_of_anything(text: str) -> None:
    found = retry_after({"retry-after": text})
    assert found is None or found >= 0


# --- tokens --------------------------------------------------------------------------------------------------------------


class Authorizer:
    def __init__(self, renewable: bool = True) -> None:
        self.refusals: list[str] = []
        self.renewable = renewable

    async def header(self) -> str:
        return f"Bearer {CANARY}-{len(self.refusals)}"

    async def refused(self, header: str) -> bool:
        self.refusals.append(header)
        return self.renewable


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
async def test_a_refused_token_is_renewed_once(write: bool) -> None:
    transport = Scripted(httpx.Response(401), ok())
    authorizer = Authorizer()
    http = await client(transport)
    await (http.write if write else http.read)("POST", URL, authorizer=authorizer)
    assert [request.headers["authorization"] for request in transport.requests] == [
        f"Bearer {CANARY}-0",
        f"Bearer {CANARY}-1",
    ]


@pytest.mark.parametrize(("renewable", "requests"), [(True, 2), (False, 1)])
async def test_a_token_that_stays_refused(renewable: bool, requests: int) -> None:
    transport = Scripted(httpx.Response(401))
    with pytest.raises(SignInFailed) as caught:
        await (await client(transport)).write("POST", URL, authorizer=Authorizer(renewable))
    assert len(transport.requests) == requests
    assert CANARY not in json.dumps(caught.value.as_dict()) + repr(caught.value)
    assert caught.value.__context__ is None


# --- deadlines ------------------------------------------------------------------------------------------------------------


async def test_no_stale_write_is_sent() -> None:
    transport = Scripted(ok())
    http = await client(transport)
    with deadline.effect(0.0), pytest.raises(TimedOut):
        await http.write("POST", URL)
    assert transport.requests == []


async def test_a_wait_that_outlasts_the_deadline_is_not_begun() -> None:
    sleeps = Sleeps()
    transport = Scripted(httpx.Response(429, headers={"Retry-After": "30"}), ok())
    http = await client(transport, sleeps)
    with deadline.effect(10.0), pytest.raises(Throttled) as caught:
        await http.write("POST", URL)
    assert caught.value.retry_after == 30
    assert sleeps == []


async def test_waiting_for_ones_turn_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline passes while others hold the limiter: the write is not sent."""
    transport = Scripted(ok())
    http = await client(transport, concurrency=1)
    passed = asyncio.Event()
    monkeypatch.setattr(deadline, "remaining", lambda: 0.0 if passed.is_set() else 60.0)
    async with http._turns.turn():
        waiting = asyncio.create_task(http.write("POST", URL))
        await asyncio.sleep(0)
        passed.set()
    with pytest.raises(TimedOut):
        await waiting
    assert transport.requests == []


async def test_a_request_gets_no_more_time_than_the_deadline_leaves() -> None:
    transport = Scripted(ok())
    http = await client(transport, timeout=30.0)
    with deadline.effect(5.0):
        await http.read("GET", URL)
    assert 0 < transport.requests[0].extensions["timeout"]["read"] <= 5.0
    await http.read("GET", URL)
    assert transport.requests[1].extensions["timeout"]["read"] == 30.0


class Hanging(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_trickling_answer_ends_with_the_request() -> None:
    http = await client(Hanging(), timeout=0.01, attempts=2)
    with pytest.raises(VendorFault):
        await http.read("GET", URL)
    with pytest.raises(InDoubt):
        await http.write("POST", URL)


async def test_a_read_cut_by_the_deadline_says_so() -> None:
    http = await client(Hanging(), timeout=30.0)
    with deadline.effect(0.02), pytest.raises(TimedOut):
        await http.read("GET", URL)


# --- how many at once ------------------------------------------------------------------------------------------------------


class Counting(httpx.AsyncBaseTransport):
    def __init__(self) -> None:
        self.now = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now -= 1
        return httpx.Response(200, json={}, request=request)


async def test_one_tenants_clients_share_a_limit_and_others_do_not() -> None:
    transport = Counting()
    mine = [await Http.open("vendor", "one", transport=transport, limits=Limits(concurrency=3)) for _ in range(2)]
    await asyncio.gather(*(http.read("GET", URL) for http in mine for _ in range(10)))
    assert transport.most == 3
    other = await Http.open("vendor", "two", transport=transport, limits=Limits(concurrency=3))
    transport.most = 0
    await asyncio.gather(*(http.read("GET", URL) for http in (*mine, other) for _ in range(10)))
    assert transport.most == 6


# --- over a real connection --------------------------------------------------------------------------------------------------


class Peer:
    """A server that does to each connection what its script says."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.answers: list[bytes | None] = []
        self._server: asyncio.Server | None = None
        self.close_after_answer = False

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/thing"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                try:
                    self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                except asyncio.IncompleteReadError:
                    return
                answer = self.answers.pop(0) if self.answers else full(b"{}")
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
                if self.close_after_answer:
                    return
        finally:
            writer.close()


def full(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as found:
        yield found


async def real(**limits: Any) -> Http:
    return await Http.open("vendor", "tenant", limits=Limits(**limits), sleep=Sleeps())


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/thing"
        http = await real()
        for call in (http.read, http.write):
            with pytest.raises(Unreachable):
                await call("POST", url)
        await http.aclose()


async def test_dropped_before_and_in_the_middle_of_an_answer(peer: Peer) -> None:
    http = await real()
    half = full(b'{"a": "long enough"}')[:-8]
    peer.close_after_answer = True
    peer.answers = [None, half, full(b'{"a": 1}')]
    assert (await http.read("GET", peer.url)).data == {"a": 1}
    for answer in (None, half):
        peer.answers = [answer]
        before = len(peer.requests)
        with pytest.raises(InDoubt):
            await http.write("POST", peer.url)
        assert len(peer.requests) == before + 1
    await http.aclose()


async def test_a_connection_closed_while_idle_is_no_error(peer: Peer) -> None:
    http = await real()
    peer.close_after_answer = True
    for _ in range(5):
        await http.read("GET", peer.url)
        await http.write("POST", peer.url)
        await asyncio.sleep(0)  # the close arrives
    assert len(peer.requests) == 10
    await http.aclose()


async def test_connections_are_reused(peer: Peer) -> None:
    http = await real()
    for _ in range(10):
        await http.read("GET", peer.url)
    assert peer.connections == 1
    await http.aclose()


async def test_a_deadline_that_passes_while_connecting_stops_the_write(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked again when the connection stands, right before the first byte."""
    http = await real()
    left = iter([60.0, 60.0])  # before sending, and for the request's own time
    monkeypatch.setattr(deadline, "remaining", lambda: next(left, 0.0))
    with pytest.raises(TimedOut):
        await http.write("POST", peer.url)
    monkeypatch.undo()
    await http.aclose()
    assert peer.requests == []


async def test_no_environment_decides_the_way(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    http = await real()
    await http.read("GET", peer.url)
    assert len(peer.requests) == 1
    await http.aclose()
    await http.aclose()


async def test_nothing_secret_is_logged(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    http = await real()
    await http.write("POST", peer.url, authorizer=Authorizer(), content=b'{"password": "' + CANARY.encode() + b'"}')
    await http.aclose()
    assert CANARY not in caplog.text
