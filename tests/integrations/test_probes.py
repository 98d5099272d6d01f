"""Pages and ports as they answer, from real servers: nothing is followed, trusted or waited for that a health check may not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integrations.probes import ask_dns, ask_http, ask_tcp
from tenantry.disaster.judge import judged
from tenantry.disaster.probes import DnsProbe, HttpProbe, TcpProbe
from tests.support.tls import authority


@contextlib.asynccontextmanager
async def serving(
    answer: bytes, *, context: ssl.SSLContext | None = None, mute: bool = False
) -> AsyncIterator[tuple[int, list[bytes]]]:
    asked: list[bytes] = []
    over = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not answer.startswith(b"220"):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
        if mute:
            await over.wait()
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        over.set()
        server.close()


def page(text: str, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n{head}\r\n{text}".encode()


def probe(url: str, **more: object) -> HttpProbe:
    return HttpProbe.model_validate({"kind": "http", "url": url, "contains": "Add to basket", "within": 20, **more})


async def holds(one: HttpProbe) -> tuple[bool | None, str]:
    verdict = judged(one, await ask_http(one), datetime.now(UTC))
    return verdict.holds, verdict.said


async def test_a_page_is_asked_for_at_the_address_under_its_name() -> None:
    async with serving(page("Add to basket")) as (port, asked):
        assert await holds(probe(f"http://www.shop.example:{port}/a?b", address="127.0.0.1")) == (True, "as it should")
    assert asked[0].startswith(b"GET /a?b HTTP/1.1\r\n")
    assert f"host: www.shop.example:{port}".encode() in asked[0].lower()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page("We are sorry"), "not the page that was expected"),
        (page("", "503 Service Unavailable"), "status 503"),
        (page("", "302 Found", "Location: http://127.0.0.1:9/\r\n"), "status 302"),
        (b"nonsense\r\n\r\n", "no answer: RemoteProtocolError"),
    ],
)
async def test_what_only_looks_like_an_answer_does_not_hold(answer: bytes, said: str) -> None:
    async with serving(answer) as (port, _):
        held, told = await holds(probe(f"http://127.0.0.1:{port}/"))
    assert held is False
    assert said in told


async def test_who_does_not_answer_in_time_is_down() -> None:
    async with serving(page("Add to basket"), mute=True) as (port, _):
        assert await holds(probe(f"http://127.0.0.1:{port}/", within=0.2)) == (False, "no answer within 0.2 s")
    assert (await holds(probe(f"http://127.0.0.1:{port}/")))[1] == "no answer: ConnectError"


async def test_certificates_are_held_against_the_name_the_authority_and_the_calendar(tmp_path: Path) -> None:
    trusted, stranger = authority(), authority("stranger")
    context = trusted.server(tmp_path, "www.shop.example", days=5)
    async with serving(page("Add to basket"), context=context) as (port, _):
        fine = {"address": "127.0.0.1", "authority": trusted.pem}
        one = probe(f"https://www.shop.example:{port}/", **fine)
        assert await holds(one) == (True, "as it should")
        until = (await ask_http(one)).certificate_until
        assert until is not None
        assert timedelta(days=4) < until - datetime.now(UTC) < timedelta(days=6)
        held, said = await holds(probe(f"https://www.shop.example:{port}/", **fine, certificate_days=7))
        assert (held, "its certificate ends on" in said) == (False, True)
        assert (await holds(probe(f"https://mail.shop.example:{port}/", **fine)))[0] is False
        assert (await holds(probe(f"https://www.shop.example:{port}/", **{**fine, "authority": stranger.pem})))[
            0
        ] is False
        assert (await holds(probe(f"https://www.shop.example:{port}/", address="127.0.0.1")))[0] is False


async def test_a_port_says_who_it_is() -> None:
    async with serving(b"220 mail ready\r\n") as (port, _):
        asked = TcpProbe(kind="tcp", host="127.0.0.1", port=port, expects="220 ")
        assert judged(asked, await ask_tcp(asked), datetime.now(UTC)).holds is True
        other = asked.model_copy(update={"expects": "SSH-2.0"})
        assert judged(other, await ask_tcp(other), datetime.now(UTC)).holds is False
    gone = await ask_tcp(asked)
    assert gone.error.startswith("no connection")


async def test_a_name_is_looked_up_as_this_machine_would() -> None:
    one = DnsProbe(kind="dns", name="localhost", addresses=("127.0.0.1",))
    found = await ask_dns(one)
    assert "127.0.0.1" in found.text.split() or "::1" in found.text.split()
    assert (await ask_dns(one.model_copy(update={"name": "nobody.invalid"}))).error.startswith("it does not resolve")
