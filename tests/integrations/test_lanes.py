"""Lanes: reused one by one, opened when all are busy, given back after a whole answer, dropped after anything else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from integrations.lanes import Lanes


class Body(httpx.AsyncByteStream):
    """A body that arrives in parts."""

    def __init__(self) -> None:
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"some"
        yield b"thing"

    async def aclose(self) -> None:
        self.closed += 1


class Lane(httpx.AsyncBaseTransport):
    """Counts what it carries; ``hold`` keeps requests waiting, ``fault`` breaks them."""

    made: list[Lane]
    hold: asyncio.Event | None = None
    fault: Exception | None = None

    def __init__(self) -> None:
        self.carried: list[str] = []
        self.busy = 0
        self.closed = 0
        Lane.made.append(self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert self.busy == 0, "two requests at once in one lane"
        self.busy += 1
        try:
            if Lane.hold is not None:
                await Lane.hold.wait()
            if Lane.fault is not None:
                raise Lane.fault
            self.carried.append(str(request.url))
            return httpx.Response(200, stream=Body())
        finally:
            self.busy -= 1

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def lanes() -> Lanes:
    Lane.made, Lane.hold, Lane.fault = [], None, None
    return Lanes(True, 5.0, Lane)


async def test_one_after_the_other_use_one_lane(lanes: Lanes) -> None:
    async with httpx.AsyncClient(transport=lanes) as client:
        for _ in range(5):
            assert (await client.get("https://vendor.example/a")).text == "something"
    (lane,) = Lane.made
    assert len(lane.carried) == 5
    assert lane.closed == 1


async def test_as_many_lanes_as_requests_at_once_and_no_more_later(lanes: Lanes) -> None:
    async with httpx.AsyncClient(transport=lanes) as client:
        for _ in range(3):
            Lane.hold = asyncio.Event()
            calls = [asyncio.create_task(client.get("https://vendor.example/a")) for _ in range(4)]
            await asyncio.sleep(0)
            Lane.hold.set()
            await asyncio.gather(*calls)
        assert len(Lane.made) == 4


async def test_a_lane_is_busy_until_the_answer_is_closed(lanes: Lanes) -> None:
    async with httpx.AsyncClient(transport=lanes) as client:
        async with client.stream("GET", "https://vendor.example/a"):
            await client.get("https://vendor.example/b")
        assert len(Lane.made) == 2
        await client.get("https://vendor.example/c")
        assert len(Lane.made) == 2


async def test_hosts_do_not_share_lanes(lanes: Lanes) -> None:
    async with httpx.AsyncClient(transport=lanes) as client:
        for address in ("https://login.example/", "https://graph.example/", "http://graph.example/") * 2:
            await client.get(address)
    assert [len(lane.carried) for lane in Lane.made] == [2, 2, 2]


async def test_a_broken_request_drops_its_lane(lanes: Lanes) -> None:
    async with httpx.AsyncClient(transport=lanes) as client:
        Lane.fault = httpx.ReadError("gone")
        with pytest.raises(httpx.ReadError):
            await client.get("https://vendor.example/a")
        Lane.fault = None
        await client.get("https://vendor.example/a")
        assert [lane.closed for lane in Lane.made] == [1, 0]
    assert [lane.closed for lane in Lane.made] == [1, 1]


async def test_a_cancelled_request_drops_its_lane(lanes: Lanes) -> None:
    async with httpx.AsyncClient(transport=lanes) as client:
        Lane.hold = asyncio.Event()
        call = asyncio.create_task(client.get("https://vendor.example/a"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        Lane.hold = None
        await client.get("https://vendor.example/a")
    assert [lane.closed for lane in Lane.made] == [1, 1]


async def test_an_answer_that_cannot_be_closed_drops_its_lane(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(self: Body) -> None:
        raise httpx.CloseError("gone")

    request = httpx.Request("GET", "https://vendor.example/a")
    answer = await lanes.handle_async_request(request)
    with monkeypatch.context() as patched:
        patched.setattr(Body, "aclose", fails)
        with pytest.raises(httpx.CloseError):
            await answer.aclose()
    await (await lanes.handle_async_request(request)).aclose()
    assert len(Lane.made) == 2


async def test_cancelled_at_any_moment_the_next_request_is_answered() -> None:
    """Over real connections: whichever await the cancellation meets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with httpx.AsyncClient(transport=Lanes(True, 5.0), timeout=5.0) as client:
        for moment in range(40):
            calls = [asyncio.create_task(client.get(url)) for _ in range(2)]
            for _ in range(moment):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert (await client.get(url)).text == "ok", f"after {moment}"
    server.close()


async def test_closing_an_answer_twice_gives_its_lane_back_once(lanes: Lanes) -> None:
    request = httpx.Request("GET", "https://vendor.example/a")
    answer = await lanes.handle_async_request(request)
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    await answer.stream.aclose()
    await answer.stream.aclose()
    first = await lanes.handle_async_request(request)
    second = await lanes.handle_async_request(request)
    assert len(Lane.made) == 2
    await first.aclose()
    await second.aclose()
