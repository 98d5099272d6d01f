"""Isolation on real hosts: proven from a third one, and taken back by the host when we are lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.linux import isolation
from integrations.linux.provider import PROVIDER
from tenantry.errors import Rejected, Unreachable
from tests.support.hosts import HostNet


@pytest.fixture(autouse=True)
async def _open_again(handle) -> AsyncIterator[None]:
    yield
    await handle.capability("host").release("web1")


async def test_nobody_else_gets_in_or_out(handle, net: HostNet) -> None:
    host, web, outside = handle.capability("host"), net.hosts["web1"], net.hosts["mon1"]
    assert outside.connects(web.address)
    assert web.connects(outside.address)
    web.run(f"(exec 3<>/dev/tcp/{outside.address}/22; sleep 100) >/dev/null 2>&1 & true", check=False)
    await host.isolate("web1", [])
    assert not outside.connects(web.address)
    assert not web.connects(outside.address)
    assert "tenantry_unconfirmed" not in web.run("nft list tables")
    again = await PROVIDER.open(net.settings("web1"), net.secrets())
    assert (await again.capability("host").facts("web1")).hostname == "web1"
    await again.aclose()
    await host.release("web1")
    assert web.run("nft list tables") == ""
    assert outside.connects(web.address)


async def test_a_connection_that_stood_before_is_cut(handle, net: HostNet) -> None:
    web, outside = net.hosts["web1"], net.hosts["mon1"]
    client = "import socket,sys; s=socket.create_connection((sys.argv[1],22)); s.recv(99); input(); s.settimeout(1)\ntry: s.sendall(b'SSH-2.0-x\\r\\n'); print('data' if s.recv(99) else 'end')\nexcept OSError: print('cut')"
    asking = subprocess.Popen(  # noqa: ASYNC220  # starts at once
        ["nsenter", "-t", str(outside.pid), "-n", sys.executable, "-c", client, web.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    while web.run(f"ss -Htn dst {outside.address}") == "":  # noqa: ASYNC110  # of another machine there is no event
        await asyncio.sleep(0.02)
    await handle.capability("host").isolate("web1", [])
    out, _ = asking.communicate(b"\n", timeout=20)
    assert out.strip() == b"cut"


async def test_the_host_takes_it_back_when_the_responder_is_killed(net: HostNet, tmp_path: Path) -> None:
    """A process that was killed after the rules were in force and before it had confirmed them."""
    web, outside = net.hosts["web1"], net.hosts["mon1"]
    settings = net.settings("web1") | {"rollback_after": 8}  # time enough to look, on a machine that is busy
    (tmp_path / "key").write_bytes(net.key.pem)
    script = f"""
import asyncio, os, signal
from pydantic import SecretBytes
from integrations.linux import connection
from integrations.linux.provider import PROVIDER
from tenantry.errors import InvalidTenant

async def secret(name):
    if name != "key":
        raise InvalidTenant("none")
    return SecretBytes(open({str(tmp_path / "key")!r}, "rb").read())

async def die(self):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    handle = await PROVIDER.open({settings!r}, secret)
    connection.Connection.fresh = die
    await handle.capability("host").isolate("web1", [])

asyncio.run(main())
"""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], cwd=Path(__file__).parents[3])
    assert done.returncode == -signal.SIGKILL
    assert isolation.TABLE in web.run("nft list tables")
    assert not outside.connects(web.address)
    for _ in range(600):
        if web.run("nft list tables") == "":
            break
        await asyncio.sleep(0.05)
    assert web.run("nft list tables") == ""
    assert outside.connects(web.address)
    assert "tenantry-rollback" not in web.run("ps -eo args"), "nothing of ours goes on running"


async def test_the_host_takes_it_back_when_we_do_not_get_in_anew(handle, net: HostNet, monkeypatch) -> None:
    host = handle.capability("host")
    connection = host._connections["web1"]

    async def lost(self):
        raise Unreachable("the way is gone")

    monkeypatch.setattr(type(connection), "fresh", lost)
    with pytest.raises(Unreachable) as error:
        await host.isolate("web1", [])
    assert "takes that back" in error.value.message
    assert not (await host.isolation("web1")).confirmed
    for _ in range(200):
        if not (await host.isolation("web1")).active:
            break
        await asyncio.sleep(0.05)
    assert not (await host.isolation("web1")).active


async def test_an_old_timer_does_not_undo_a_later_isolation(handle, net: HostNet) -> None:
    """The first attempt was never confirmed; its timer fires after the second one was."""
    host, web = handle.capability("host"), net.hosts["web1"]
    old = "0" * 16
    for command in (isolation.arm(old, 1, systemd=False),):
        await host._do("web1", command)
    web.run(f"nft add table inet tenantry_unconfirmed_{old}")
    await host.isolate("web1", [])
    while "tenantry-rollback" in web.run("ps -eo args"):  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.05)
    assert (await host.isolation("web1")).confirmed


async def test_addresses_of_the_file_get_through_and_no_other_port(net: HostNet) -> None:
    web, outside = net.hosts["web1"], net.hosts["mon1"]
    settings = net.settings("web1", responder_addresses=[f"{outside.address}/32", "2001:db8::/64"])
    handle = await PROVIDER.open(settings, net.secrets())
    host = handle.capability("host")
    await host.isolate("web1", [f"{net.subnet}.11", f"{net.subnet}.10/31"])
    assert outside.connects(web.address)
    assert not net.hosts["db1"].connects(web.address)
    assert not web.connects(outside.address)
    allowed = (await host.isolation("web1")).allowed
    assert "2001:db8::/64" in allowed
    await handle.aclose()


@pytest.mark.parametrize("wrong", ["here", "10.0.0.1; flush ruleset", "10.0.0.1 }", "", "10.0.0.0/99"])
def test_what_is_no_address_never_reaches_the_rules(wrong: str) -> None:
    with pytest.raises(Rejected):
        isolation.ruleset([wrong], 22, "0" * 16)


def test_nobody_at_all_would_lock_us_out() -> None:
    with pytest.raises(Rejected):
        isolation.ruleset([], 22, "0" * 16)
    assert os.getpid()
