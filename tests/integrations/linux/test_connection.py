"""The way to a host: who it must be, how we are let in, what is kept and what is opened anew."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import os
import threading
import time
from datetime import UTC, datetime

import pytest

from flows.needs import too_much
from integrations.linux import wire
from integrations.linux.command import Command
from integrations.linux.connection import Limits
from integrations.linux.provider import PROVIDER, Settings
from integrations.linux.sudo import EVERYTHING, PROGRAMS
from tenantry import deadline
from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    Rejected,
    SignInFailed,
    TargetNotFound,
    TimedOut,
    Unreachable,
    VendorFault,
)
from tenantry.providers import HostKey
from tests.support.hosts import HostNet, Key


async def opened(net: HostNet, *names: str, limits: Limits | None = None, secrets=None, **more):
    return await PROVIDER.open(net.settings(*names, **more), secrets or net.secrets(), limits=limits)


def connection(handle, name: str = "web1"):
    return handle._connections[name]


async def test_one_connection_for_many_commands(handle) -> None:
    ssh = connection(handle)
    outcomes = await asyncio.gather(*(ssh.read(Command.of("printf", "%s", str(n))) for n in range(40)))
    assert [outcome.out for outcome in outcomes] == [str(n).encode() for n in range(40)]
    assert ssh.opened_count == 1


async def test_a_connection_that_was_lost_is_opened_anew(handle) -> None:
    ssh = connection(handle)
    await ssh.login()
    ssh._opened.transport.close()
    assert (await ssh.read(Command.of("printf", "x"))).out == b"x"
    assert (await ssh.write(Command.of("printf", "y"))).out == b"y"
    assert ssh.opened_count == 2


async def test_hostile_arguments_through_sshd_and_sudo(handle) -> None:
    words = [b"$(id)", b"it's", b"a\nb", b"-n", b"\xff\xfe", b'"`', b"\\"]
    for root in (False, True):
        outcome = await connection(handle).read(Command((b"printf", b"%s\\0", *words), root=root))
        assert outcome.out.split(b"\0")[:-1] == words


async def test_an_unknown_host_is_told_nothing(net: HostNet) -> None:
    settings = net.settings("web1")
    settings["hosts"]["web1"]["host_keys"] = []
    handle = await PROVIDER.open(settings, net.secrets())
    with pytest.raises(SignInFailed) as refused:
        await handle.capability("host").facts("web1")
    assert net.hosts["web1"].key.fingerprint in refused.value.message
    await handle.aclose()


async def test_a_host_with_another_key_is_refused(net: HostNet) -> None:
    settings = net.settings("web1")
    settings["hosts"]["web1"]["host_keys"] = [Key().public]
    handle = await PROVIDER.open(settings, net.secrets())
    with pytest.raises(SignInFailed) as refused:
        await handle.capability("host").facts("web1")
    assert net.hosts["web1"].key.fingerprint in refused.value.message
    check = await handle.check()
    assert not check.signed_in
    assert net.hosts["web1"].key.fingerprint in check.problems[0]
    assert check.host_keys["web1"] == HostKey(net.hosts["web1"].key.fingerprint, expected=False)
    await handle.aclose()


async def test_another_key_of_ours_is_not_let_in_and_no_secret_is_told(net: HostNet) -> None:
    stranger = Key()
    handle = await opened(net, "web1", secrets=net.secrets(key=stranger.pem))
    with pytest.raises(SignInFailed) as refused:
        await handle.capability("host").facts("web1")
    assert stranger.fingerprint in refused.value.message
    assert stranger.pem.decode().split("\n")[1] not in repr(refused.value.as_dict())
    await handle.aclose()


@pytest.mark.parametrize(
    "broken", [b"", b"nonsense", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"]
)
async def test_a_key_that_cannot_be_read(net: HostNet, broken: bytes) -> None:
    handle = await opened(net, "web1", secrets=net.secrets(key=broken))
    with pytest.raises(SignInFailed):
        await handle.capability("host").facts("web1")
    await handle.aclose()


async def test_nobody_there(net: HostNet) -> None:
    settings = net.settings("web1", connect_timeout=2)
    settings["hosts"]["web1"]["port"] = 9
    handle = await PROVIDER.open(settings, net.secrets())
    with pytest.raises(Unreachable):
        await handle.capability("host").facts("web1")
    await handle.aclose()


async def test_certificates_both_ways_through_a_jump_host(net: HostNet) -> None:
    """The host proves itself by a certificate, we by one; the way leads through another host's sshd."""
    if "inner" not in net.hosts:
        trust = (
            f"echo '{net.authority.public}' > etc/ssh/users_ca; echo 'TrustedUserCAKeys /etc/ssh/users_ca' >> etc/ssh/tenantry_test;"
            " rm root/.ssh/authorized_keys home/responder/.ssh/authorized_keys"
        )
        net.add("inner", certified=True, setup=trust)
    settings = net.settings("inner", certified=True)
    bastion = net.hosts["bastion"]
    settings["jump"] = {"address": bastion.address, "host_keys": [bastion.key.public]}
    settings["hosts"]["inner"]["jump"] = True
    certificate = net.authority.certify(net.key, "responder", host=False)
    handle = await PROVIDER.open(settings, net.secrets(certificate=certificate))
    facts = await handle.capability("host").facts("inner")
    assert facts.responder_address == bastion.address
    check = await handle.check()
    assert check.signed_in
    assert check.facts["hosts"]["inner"]["proven_by"] == "certificate"
    assert check.host_keys["inner"].expected
    assert 0 < (check.expiries["certificate"] - datetime.now(UTC)).total_seconds() <= 3600
    assert check.clock_skew is not None
    await handle.aclose()
    expired = net.authority.certify(net.key, "responder", host=False, after=-600, before=-60)
    handle = await PROVIDER.open(settings, net.secrets(certificate=expired))
    with pytest.raises(SignInFailed):
        await handle.capability("host").facts("inner")
    await handle.aclose()


async def test_the_key_was_on_no_disk_and_in_no_process(handle, net: HostNet) -> None:
    await handle.capability("host").facts("web1")
    marker = net.key.pem.split(b"\n")[1]
    seen = net.hosts["web1"].run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; cat /var/log/sshd.log")
    assert marker.decode() not in seen


# --- limits, timeouts, doubt ------------------------------------------------------------------------------------------


async def test_more_output_than_the_limit(net: HostNet) -> None:
    handle = await opened(net, "web1", limits=Limits(output=1000))
    ssh = connection(handle)
    with pytest.raises(Rejected):
        await ssh.read(Command.of("seq", "1000"))
    with pytest.raises(InDoubt):
        await ssh.write(Command.of("seq", "1000"))
    total = 0
    async for piece in ssh.stream(Command.of("seq", "100000")):  # streamed, nothing is too much
        total += len(piece)
    assert total == 588_895
    await handle.aclose()


async def test_a_read_that_takes_too_long_is_a_fault_and_a_write_is_in_doubt(handle) -> None:
    ssh = connection(handle)
    with pytest.raises(VendorFault):
        await ssh.read(Command.of("sleep", "20"), timeout=0.3)
    with pytest.raises(InDoubt):
        await ssh.write(Command.of("sleep", "20"), timeout=0.3)
    assert (await ssh.read(Command.of("printf", "x"))).out == b"x"


async def test_a_write_is_not_sent_after_the_deadline(handle, net: HostNet) -> None:
    with deadline.effect(0.0), pytest.raises(TimedOut):
        await connection(handle).write(Command.of("touch", "/tmp/too-late"))
    assert net.hosts["web1"].run("ls /tmp") == ""


async def test_a_host_that_dies_in_the_middle_of_a_write(net: HostNet) -> None:
    (host,) = net.add(f"mortal{len(net.hosts)}")
    handle = await opened(net, host.name)
    writing = asyncio.create_task(connection(handle, host.name).write(Command.of("sleep", "30")))
    while "sleep 30" not in host.run("ps -eo args"):  # noqa: ASYNC110  # of another machine there is no event
        await asyncio.sleep(0.02)
    host.process.kill()
    await asyncio.sleep(0)
    os.kill(host.pid, 9) if _alive(host.pid) else None
    handle._connections[host.name]._opened.transport.sock.close()  # as the network would, sooner or later
    with pytest.raises(InDoubt):
        await writing
    await handle.aclose()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_who_is_cancelled_leaves_no_thread_and_no_command_behind(handle, net: HostNet) -> None:
    ssh = connection(handle)
    await ssh.login()
    reading = asyncio.create_task(
        ssh.read(Command.of("sh", "-c", "while sleep 0.05; do echo endless; done"), timeout=60)
    )
    while "echo endless" not in net.hosts["web1"].run("ps -eo args"):  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    for _ in range(100):
        busy = [t for t in threading.enumerate() if t.name.startswith("tenantry-ssh")]
        if "echo endless" not in net.hosts["web1"].run("ps -eo args"):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the command still runs")
    assert len(busy) <= ssh._executor._max_workers
    assert (await asyncio.wait_for(ssh.read(Command.of("printf", "x")), 5)).out == b"x"


# --- sudo -------------------------------------------------------------------------------------------------------------


async def test_sudo_that_does_not_grant_is_named_with_the_lines_that_would(net: HostNet) -> None:
    if "poor" not in net.hosts:
        net.add("poor", sudo="ALL=(root) NOPASSWD: /usr/sbin/nft")
    handle = await opened(net, "poor")
    host = handle.capability("host")
    assert not (await host.isolation("poor")).active
    with pytest.raises(PermissionMissing) as missing:
        await host.lock_account("poor", "root")
    assert "usermod" in missing.value.message
    check = await handle.check()
    assert check.granted is not None
    assert "nft" in check.granted
    assert "usermod" not in check.granted
    assert any("/usr/sbin/usermod" in problem and "sudoers" in problem for problem in check.problems)
    await handle.aclose()


async def test_sudo_for_everything_is_more_than_is_needed(net: HostNet) -> None:
    """Each host for itself: what all of them grant is listed beside it where one is held to a list."""
    if "poor" not in net.hosts:
        net.add("poor", sudo="ALL=(root) NOPASSWD: /usr/sbin/nft")
    needed = set(PROGRAMS)
    for hosts, root, beyond in (
        (("web1",), ["everything"], [EVERYTHING]),
        (("poor",), ["listed"], []),
        (("web1", "poor"), ["everything", "listed"], [EVERYTHING]),
    ):
        handle = await opened(net, *hosts)
        check = await handle.check()
        await handle.aclose()
        assert [check.facts["hosts"][name]["root"] for name in hosts] == root
        assert check.granted is not None
        assert EVERYTHING not in check.granted
        found = too_much(check.granted if check.direct is None else check.direct, check.wider, needed)
        assert [one["name"] for one in found] == beyond
        if hosts == ("web1",):
            assert set(found[0]["instead"]) == needed, "the lines that would do"


async def test_sudo_with_a_password_reads_it_from_standard_input_alone(net: HostNet) -> None:
    if "guarded" not in net.hosts:
        net.add("guarded", sudo="ALL=(ALL) ALL", setup="echo 'responder:c4nary-sudo!' | chroot . chpasswd -c SHA256")
    handle = await opened(net, "guarded", secrets=net.secrets(sudo_password=b"c4nary-sudo!"))
    ssh = connection(handle, "guarded")
    outcome = await ssh.read(Command.of("cat", root=True, stdin=b"the command's own input"))
    assert outcome == dataclasses.replace(outcome, code=0, out=b"the command's own input")
    watching = asyncio.create_task(ssh.read(Command.of("sleep", "0.4", root=True)))
    await asyncio.sleep(0.2)
    seen = net.hosts["guarded"].run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true")
    assert "c4nary" not in seen
    await watching
    await handle.aclose()
    handle = await opened(net, "guarded", secrets=net.secrets(sudo_password=b"wrong"))
    with pytest.raises(PermissionMissing):
        await handle.capability("host").isolation("guarded")
    await handle.aclose()
    handle = await opened(net, "guarded")
    with pytest.raises(PermissionMissing):
        await handle.capability("host").isolation("guarded")
    await handle.aclose()


async def test_a_password_never_becomes_the_input_of_a_command_where_sudo_asks_for_none(handle, net: HostNet) -> None:
    other = await opened(net, "web1", secrets=net.secrets(sudo_password=b"not-asked-for"))
    outcome = await connection(other).read(Command.of("cat", root=True, stdin=b"input"))
    assert outcome.out == b"input"
    await other.aclose()


def test_settings_are_refused_by_name() -> None:
    good = {"address": "10.0.0.1", "host_keys": [Key().public]}
    Settings.model_validate({"hosts": {"a": good}})
    for wrong in (
        {"hosts": {}},
        {"hosts": {"a": {**good, "host_keys": ["nonsense"]}}},
        {"hosts": {"a": {**good, "jump": True}}},
        {"hosts": {"a": good}, "responder_addresses": ["here"]},
        {"hosts": {"a": good}, "password": "x"},
    ):
        with pytest.raises(ValueError):
            Settings.model_validate(wrong)


async def test_a_quick_host_is_quick(handle) -> None:
    """With Nagle's algorithm on, each command waits 40 ms for an acknowledgement; without, a few milliseconds."""
    ssh = connection(handle)
    await ssh.login()
    sock = ssh._opened.transport.sock
    import socket

    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("what", ["cron", "authorized_keys", "processes", "files", "logins", "disable", "volatile"])
async def test_what_sudo_does_not_let_us_see_is_not_absent(net: HostNet, what: str) -> None:
    """sudo refuses with 1, and so do find and grep when there is nothing."""
    if "blind" not in net.hosts:
        net.add("blind", sudo="ALL=(root) NOPASSWD: /usr/sbin/nft")
    handle = await opened(net, "blind")
    host = handle.capability("host")
    net.hosts["blind"].run("echo x > /var/log/auth.log")
    with pytest.raises(PermissionMissing):
        await _looked(host, what)
    await handle.aclose()


async def _looked(host, what: str) -> None:
    match what:
        case "files":
            [_ async for _ in host.files("blind", ["/root"])]
        case "logins":
            [_ async for _ in host.logins("blind", datetime(2026, 1, 1, tzinfo=UTC))]
        case "disable":
            unit = next(u for u in await host.units("blind") if u.id == "cron.service")
            await host.set_unit_enabled("blind", unit, False)
        case "volatile":
            [_ async for _ in host.volatile("blind", "process-files")]
        case _:
            await getattr(host, what)("blind")


async def test_processes_that_are_not_shown_to_us_are_not_gone(net: HostNet) -> None:
    if "hiding" not in net.hosts:
        net.add("hiding", setup="mount -o remount,hidepid=2 proc")
    handle = await opened(net, "hiding")
    with pytest.raises(PermissionMissing) as caught:
        await handle.capability("host").processes("hiding")
    assert "gid=" in caught.value.remedy
    await handle.aclose()
    as_root = net.settings("hiding")
    as_root["account"] = "root"
    handle = await PROVIDER.open(as_root, net.secrets())
    assert 1 in {process.pid for process in await handle.capability("host").processes("hiding")}
    await handle.aclose()


# --- what is let go of, and when it is too late -----------------------------------------------------------------------


async def test_a_second_way_in_is_closed_with_the_jump_hosts_part_of_it(net: HostNet) -> None:
    settings, bastion = net.settings("web1"), net.hosts["bastion"]
    settings["jump"] = {"address": bastion.address, "host_keys": [bastion.key.public]}
    settings["hosts"]["web1"]["jump"] = True
    handle = await PROVIDER.open(settings, net.secrets())
    anew = await connection(handle).fresh()
    way = anew._own_way
    assert way is not None
    transport = way._opened.transport
    await anew.aclose()
    assert not transport.is_active()
    assert way._opened is None
    await handle.aclose()


async def test_a_write_whose_channel_came_too_late_is_not_sent() -> None:
    class Channel:
        def __init__(self) -> None:
            self.sent: list[bytes] = []
            self.closed = False

        def settimeout(self, _: float) -> None: ...

        def exec_command(self, line: bytes) -> None:
            self.sent.append(line)

        def close(self) -> None:
            self.closed = True

    class Transport:
        def __init__(self) -> None:
            self.channel = Channel()

        def open_session(self, timeout: float) -> Channel:
            time.sleep(0.06)
            return self.channel

    for write in (True, False):
        transport, call = Transport(), wire.Call()
        with deadline.effect(0.05), pytest.raises(TimedOut) if write else contextlib.nullcontext():
            wire.begin(transport, call, b"touch /x", b"", 5.0, write=write)
        assert (transport.channel.sent, transport.channel.closed, call.sent) == (
            ([], True, False) if write else ([b"touch /x"], False, True)
        )


async def test_a_sign_in_that_never_ends_is_a_host_that_cannot_be_reached(net: HostNet, monkeypatch) -> None:
    handle = await opened(net, "web1", limits=Limits(connect=0.05))
    monkeypatch.setattr(wire, "sign_in", lambda *_: time.sleep(0.5))
    with pytest.raises(Unreachable):
        await handle.capability("host").facts("web1")
    await handle.aclose()


async def test_a_look_from_a_host_whose_connection_broke_is_a_fault(net: HostNet) -> None:
    handle = await opened(net, "web1", "db1")
    ssh = connection(handle)
    await ssh.login()

    class Broken:
        active = True

        def open_channel(self, *_: object, **__: object) -> None:
            self.active = False
            raise EOFError

        def is_active(self) -> bool:
            return self.active

        def close(self) -> None: ...

    real, ssh._opened.transport = ssh._opened.transport, Broken()
    with pytest.raises(VendorFault):
        await handle.capability("host").reaches("web1", "db1")
    real.close()
    assert await handle.capability("host").reaches("web1", "db1")
    await handle.aclose()


async def test_a_key_under_a_cipher_that_nobody_knows(net: HostNet) -> None:
    body = b"".join(net.key.pem.split(b"\n")[1:-2])
    odd = base64.b64encode(base64.b64decode(body).replace(b"\0\0\0\x04none", b"\0\0\0\x04nope", 1))
    pem = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + odd + b"\n-----END OPENSSH PRIVATE KEY-----\n"
    handle = await opened(net, "web1", secrets=net.secrets(key=pem))
    with pytest.raises(SignInFailed):
        await handle.capability("host").facts("web1")
    await handle.aclose()


async def test_streams_leave_a_channel_for_what_is_asked_meanwhile(net: HostNet) -> None:
    """A list of files asks for digests while it is read: two at once over two channels would wait for each other for ever."""
    handle = await opened(net, "web1", limits=Limits(channels=2))
    host = handle.capability("host")

    async def listed() -> int:
        return sum([file.sha256 is not None async for file in host.files("web1", ["/usr/bin"])])

    async with asyncio.timeout(30):
        first, second = await asyncio.gather(listed(), listed())
    assert first == second > 200
    await handle.aclose()


async def test_files_by_sftp(handle, net: HostNet) -> None:
    ssh = connection(handle)

    def content(path: str):
        def work(client) -> bytes:
            with client.open(path) as file:
                return bytes(file.read())

        return work

    assert await ssh.sftp(content("/var/www/html/index.html")) == b"<h1>owned</h1>\n"
    with pytest.raises(TargetNotFound):
        await ssh.sftp(content("/nowhere"))
    with pytest.raises(PermissionMissing):
        await ssh.sftp(content("/etc/shadow"))
    with pytest.raises(VendorFault):
        await ssh.sftp(lambda client: ssh._opened.transport.close() or client.listdir("/"))
    assert await ssh.sftp(content("/etc/hostname"))
