"""TXT records from a real name server on this machine: what is published, what is not, and what cannot be believed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from integrations.public_dns import Resolvers
from tenantry.errors import InvalidInput, Unreachable

ZONE = {
    "acme.example.": ('"v=spf1 include:spf.example" " -all"', '"something else"'),
    "_dmarc.acme.example.": ('"v=DMARC1; p=reject"',),
    "long.example.": tuple(f'"{number:03d}{"x" * 200}"' for number in range(20)),
}


def answered(question: bytes, zone: Mapping[str, tuple[str, ...]], *, udp: bool) -> bytes:
    asked = dns.message.from_wire(question)
    answer = dns.message.make_response(asked)
    name = asked.question[0].name.canonicalize().to_text()
    if name == "broken.example.":
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif name == "empty.example.":
        pass
    elif name not in zone:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    elif name == "long.example." and udp:
        answer.flags |= dns.flags.TC
    else:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *zone[name]))
    return answer.to_wire()


@contextlib.asynccontextmanager
async def name_server(
    zone: Mapping[str, tuple[str, ...]] = ZONE, *, mute: bool = False
) -> AsyncIterator[tuple[str, int]]:
    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            if not mute:
                self.transport.sendto(answered(data, zone, udp=True), addr)

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2))
        found = answered(await reader.readexactly(length), zone, udp=False)
        writer.write(len(found).to_bytes(2) + found)
        await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(stream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", port))
    try:
        yield "127.0.0.1", port
    finally:
        transport.close()
        server.close()


async def test_the_strings_of_a_record_are_one_text_and_a_name_without_any_has_none() -> None:
    async with name_server() as server:
        resolvers = Resolvers([server])
        assert await resolvers.texts("ACME.example") == ("something else", "v=spf1 include:spf.example -all")
        assert await resolvers.texts("_dmarc.acme.example") == ("v=DMARC1; p=reject",)
        assert await resolvers.texts("nobody.example") == ()
        assert await resolvers.texts("empty.example") == ()


async def test_what_is_cut_off_is_asked_for_again_over_tcp() -> None:
    async with name_server() as server:
        assert len(await Resolvers([server]).texts("long.example")) == 20


async def test_no_answer_and_a_failure_are_no_empty_answer_and_the_next_resolver_is_asked() -> None:
    async with name_server() as good, name_server(mute=True) as mute:
        with pytest.raises(Unreachable, match=r"broken\.example"):
            await Resolvers([good]).texts("broken.example")
        with pytest.raises(Unreachable):
            await Resolvers([mute], within=0.3).texts("acme.example")
        assert await Resolvers([mute, good]).texts("_dmarc.acme.example") == ("v=DMARC1; p=reject",)


@pytest.mark.parametrize("name", ["a..b", f"{'x' * 64}.example", ".".join(["abcdefgh"] * 40)])
async def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of the DNS"):
        await Resolvers([("127.0.0.1", 9)]).texts(name)
