"""What the socket beyond loopback changes: the address that Prefect's pages are told, and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from flows import outside
from flows.outside import Outside, keep_current, with_own_address
from tenantry.estate import ServiceSettings
from tenantry.home import Home
from tenantry.tls import Certificate
from tests.support.certificates import Authority

KNOWN = "http://127.0.0.1:4200/api"


def settings(_: Request) -> Response:
    return JSONResponse({"api_url": KNOWN, "auth": "BASIC", "flags": ["x" * 2000]})


def broken(_: Request) -> Response:
    return PlainTextResponse("not now", 503)


def other(_: Request) -> Response:
    return JSONResponse({"api_url": KNOWN})


PREFECT = Starlette(
    routes=[Route("/ui-settings", settings), Route("/v2/ui-settings", broken), Route("/else", other)],
    middleware=[Middleware(GZipMiddleware)],
)


async def get(path: str, host: str) -> httpx.Response:
    transport = httpx.ASGITransport(with_own_address(PREFECT))
    async with httpx.AsyncClient(transport=transport, base_url="https://placeholder") as client:
        return await client.get(path, headers={"Host": host})


@pytest.mark.parametrize("host", ["msp.example:4200", "192.0.2.7", "[2001:db8::1]:4200"])
async def test_pages_call_the_api_where_they_came_from(host: str) -> None:
    answer = await get("/ui-settings", host)
    assert answer.json() == {"api_url": f"https://{host}/api", "auth": "BASIC", "flags": ["x" * 2000]}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ['evil.example/"', "a b", "user@host", ""])
async def test_a_host_that_is_none_is_not_repeated(host: str) -> None:
    assert (await get("/ui-settings", host)).json()["api_url"] == KNOWN


async def test_everything_else_passes_as_it_is() -> None:
    assert (await get("/else", "msp.example")).json() == {"api_url": KNOWN}
    failed = await get("/v2/ui-settings", "msp.example")
    assert (failed.status_code, failed.text) == (503, "not now")


def test_its_address_is_one_that_the_certificate_vouches_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for names, host, expected in (
        (("*.example", "msp.example"), "0.0.0.0", "msp.example"),
        (("msp.example", "127.0.0.1"), "127.0.0.1", "127.0.0.1"),
        (("*.example",), "127.0.0.1", "127.0.0.1"),
    ):
        certificate, key = authority.issue(names=names)
        given = ServiceSettings(host=host, tls_certificate=str(certificate), tls_key=str(key))
        found = Outside.of(given, Home(tmp_path))
        assert found is not None
        door = found.open(None)
        with door.socket:
            assert door.url == f"https://{expected}:{door.socket.getsockname()[1]}"


async def test_a_renewed_certificate_is_shown_to_who_connects_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "_LOOK", 0.01)
    authority = Authority(tmp_path)
    certificate = Certificate.read(*authority.issue(names=("localhost", "first.example")))
    context = certificate.context()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(authority.ca))

    async def shown() -> set[str]:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="localhost")
        found = writer.get_extra_info("peercert")["subjectAltName"]
        writer.close()
        return {name for _, name in found}

    keeping = asyncio.create_task(keep_current(certificate, context))
    async with server:
        assert await shown() == {"localhost", "first.example"}
        (tmp_path / "server.key").write_text("half of a renewal", encoding="ascii")
        await asyncio.sleep(0.1)
        assert await shown() == {"localhost", "first.example"}
        assert not keeping.done()
        authority.issue(names=("localhost", "second.example"))
        async with asyncio.timeout(30):
            while await shown() != {"localhost", "second.example"}:  # noqa: ASYNC110  # nobody tells when the next look is
                await asyncio.sleep(0.01)
    keeping.cancel()
