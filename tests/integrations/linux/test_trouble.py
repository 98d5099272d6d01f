"""A host in trouble: what answers at its port is no sshd, lets nobody in just now, or lets us in no more. Each is told, nothing is concluded from
it, and what was refused works when the trouble is over."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrations.linux.connection import Limits
from integrations.linux.provider import PROVIDER
from tenantry.discovery import TaskRegistry
from tenantry.errors import PermissionMissing, SignInFailed, Unreachable
from tenantry.run import Status
from tests.support.hosts import HostNet, Key, TestHost
from tests.support.stand import QUICK, Access, Stand

HASTY = Limits(connect=1.0)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>no</html>",
        b"",
        b"SSH-2.",
        b"SSH-2.0-x\r\n\x00\x00",
        "SSH-2.0-OpenSSH\r\n".encode("utf-16"),
        b"\xff" * 100_000,
        b"Not allowed at this time\r\n",
        b"SSH-2.0-OpenSSH_9\r\n" + b"\x7f\xff\xff\xff" * 64,
    ],
    ids=["html", "nothing", "half a greeting", "half a message", "UTF-16", "bytes", "throttled", "a packet of 2 GB"],
)
@pytest.mark.parametrize("ends", [True, False], ids=["ends", "stays"])
async def test_what_is_no_sshd_is_a_host_that_cannot_be_reached(net: HostNet, said: bytes, ends: bool) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        if ends:
            writer.close()
            return
        heard.append(await reader.read(100_000))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    place = {"address": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "host_keys": [Key().public]}
    handle = await PROVIDER.open({"account": "responder", "hosts": {"web1": place}}, net.secrets(), limits=HASTY)
    with pytest.raises(Unreachable) as caught:
        await handle.capability("host").facts("web1")
    assert caught.value.retryable
    found = await handle.check()
    assert (found.signed_in, found.granted) == (False, None)
    assert not any(b"responder" in part for part in heard), "who has not proven itself is told no name"
    await handle.aclose()
    server.close()


async def test_a_host_that_takes_no_more_connections_now(net: HostNet) -> None:
    """sshd's own throttle, MaxStartups: who has not signed in yet counts."""
    if "busy" not in net.hosts:
        net.add("busy", setup="sed -i 's/^MaxStartups.*/MaxStartups 1/' etc/ssh/tenantry_test")
    handle = await PROVIDER.open(net.settings("busy"), net.secrets(), limits=HASTY)
    with contextlib.ExitStack() as held:
        said = b""
        while (
            said != b"SSH-"
        ):  # until it is the one that is served: who asked before, whether the host is there, may still be
            waiting = held.enter_context(socket.create_connection((net.hosts["busy"].address, 22), 5))
            said = waiting.recv(4)
        with pytest.raises(Unreachable):
            await handle.capability("host").facts("busy")
    for _ in range(100):  # until sshd has seen its end
        try:
            facts = await handle.capability("host").facts("busy")
            break
        except Unreachable:
            await asyncio.sleep(0.05)
    assert facts.hostname == "busy"
    await handle.aclose()


async def test_a_key_that_is_taken_off_the_host_in_mid_run(net: HostNet) -> None:
    if "fickle" not in net.hosts:
        net.add("fickle")
    fickle, keys = net.hosts["fickle"], "/home/responder/.ssh/authorized_keys"
    handle = await PROVIDER.open(net.settings("fickle"), net.secrets())
    host = handle.capability("host")
    await host.facts("fickle")
    fickle.run(f"mv {keys} {keys}.away")
    _hang_up(handle)
    with pytest.raises(SignInFailed) as caught:
        await host.facts("fickle")
    assert net.key.fingerprint in caught.value.message
    with pytest.raises(SignInFailed):
        await host.lock_account("fickle", "games")
    fickle.run(f"mv {keys}.away {keys}")
    await host.lock_account("fickle", "games")
    assert fickle.run("passwd -S games").split()[1] == "L"
    await handle.aclose()


async def test_sudo_that_is_taken_away_in_mid_run(net: HostNet) -> None:
    if "demoted" not in net.hosts:
        net.add("demoted")
    demoted, line = net.hosts["demoted"], "/etc/sudoers.d/responder"
    handle = await PROVIDER.open(net.settings("demoted"), net.secrets())
    host = handle.capability("host")
    before = await host.authorized_keys("demoted")
    assert before
    demoted.run(f"mv {line} /run/away")
    for call in (host.authorized_keys("demoted"), host.cron("demoted"), host.lock_account("demoted", "games")):
        with pytest.raises(PermissionMissing):
            await call
    demoted.run(f"mv /run/away {line}")
    assert await host.authorized_keys("demoted") == before
    await handle.aclose()


RUNBOOK = """
id: locking
version: 1
title: Locking
description: Three accounts are locked, one after the other.
kind: incident
params: {}
phases: [contain]
steps:
  - {id: first, title: One, phase: contain, uses: host.lock_account, with: {host: revoked, account: one}}
  - {id: second, title: Two, phase: contain, needs: [first], uses: host.lock_account, with: {host: revoked, account: two}}
  - {id: third, title: Three, phase: contain, needs: [second], uses: host.lock_account, with: {host: revoked, account: three}}
"""
KEYS, SUDO = "/home/responder/.ssh/authorized_keys", "/etc/sudoers.d/responder"
TAKEN: dict[str, tuple[Callable[[TestHost], Any], Callable[[TestHost], Any], str]] = {
    "key": (lambda h: h.run(f"mv {KEYS} /run/kept"), lambda h: h.run(f"mv /run/kept {KEYS}"), "sign_in_failed"),
    "sudo": (lambda h: h.run(f"mv {SUDO} /run/kept"), lambda h: h.run(f"mv /run/kept {SUDO}"), "permission_missing"),
    "sshd": (
        lambda h: h.run(
            "nft add table ip away; nft 'add chain ip away in { type filter hook input priority 0; }';"
            "nft add rule ip away in tcp dport 22 reject with tcp reset"
        ),
        lambda h: h.run("nft delete table ip away"),
        "unreachable",
    ),
}
"""What is gone in the middle of a run: how it goes and comes back, and what the step says."""


class Watched:
    """The hosts; before the second account is locked something happens."""

    def __init__(self, host: Any, happens: Callable[[], Any]) -> None:
        self._host, self._happens, self.locked = host, happens, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def lock_account(self, host: str, account: str) -> None:
        self.locked += 1
        if self.locked == 2:
            await asyncio.to_thread(self._happens)
        await self._host.lock_account(host, account)


@pytest.mark.parametrize("what", TAKEN)
async def test_a_run_goes_on_when_what_was_taken_away_in_its_middle_is_back(
    net: HostNet, tmp_path: Path, what: str
) -> None:
    if "revoked" not in net.hosts:
        net.add("revoked", setup="for a in one two three; do chroot . useradd --password x --shell /bin/sh $a; done")
    host, (take, give, code) = net.hosts["revoked"], TAKEN[what]
    host.run("for a in one two three; do usermod -p x -e '' $a; done")
    handle = await PROVIDER.open(net.settings("revoked"), net.secrets(), limits=HASTY)
    stand = Stand(tmp_path, TaskRegistry.discover(entry_points=False))

    def happens() -> None:
        take(host)
        _hang_up(handle)

    watched = Watched(handle.capability("host"), happens)
    access = Access(capabilities={"host": watched})
    stand.create(RUNBOOK)
    policy = replace(QUICK, lease_life=15.0, effect_timeout_cap=12.0, read_attempts=2, effect_attempts=2)
    try:
        state = await stand.run("run-1", access, policy)
    finally:
        give(host)
    assert state.ended is None
    second = next(step for step in stand.view()["steps"] if step["id"] == "second")
    assert (second["outcome"], second["error"]["code"]) == ("failed", code)
    assert second["error"]["remedy"]
    assert stand.outcomes()["first"] == "changed"
    state = await stand.run("run-1", access, policy)
    assert state.ended is Status.COMPLETED, stand.view()
    assert [host.run(f"passwd -S {a}").split()[1] for a in ("one", "two", "three")] == ["L"] * 3
    await handle.aclose()
    stand.close()


def _hang_up(handle: Any) -> None:
    for connection in handle.connections():
        if connection._opened is not None:
            connection._opened.transport.close()
