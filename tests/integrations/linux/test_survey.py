"""A survey's sections and their parsing: hostile names and outputs, recorded outputs of other systems, and a host that grants little."""

from __future__ import annotations

import io
import itertools
import struct
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integrations.linux import survey
from integrations.linux import survey_parse as read
from integrations.linux.command import Command
from integrations.linux.hostkeys import KnownHost
from integrations.linux.provider import PROVIDER
from integrations.linux.sudo import NEEDS, sudoers
from integrations.linux.survey import Surveys
from integrations.linux.survey_parse import Output, Sections
from integrations.linux.survey_script import FIRST, SECOND, Section, script
from integrations.linux.wire import Login, Target
from tenantry.capabilities.host_survey import PARTS, PlacedFile
from tenantry.errors import VendorFault
from tests.support.hosts import SMALL, HostNet, host_net

MARK = b"0123456789abcdef0123456789abcdef"


# --- sections ---------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from(["passwd", "placed", "wtmp"]), st.binary(max_size=80), st.integers(0, 255)),
        max_size=5,
    ),
    st.integers(1, 40),
)
@example([("placed", b"\n" + MARK[:-1] + b"/placed\n", 0)], 7)
@example([("placed", b"\n" + MARK[:-1] + b":0\n", 1)], 1)
def test_sections_come_out_as_they_went_in(parts: list[tuple[str, bytes, int]], size: int) -> None:
    whole = b"".join(
        b"%s\n%s:%d\n\n%s/%s\n" % (body, MARK, status, MARK, name.encode()) for name, body, status in parts
    )
    reader = Sections(MARK, 10_000)
    found = [one for at in range(0, len(whole), size) for one in reader.take(whole[at : at + size])]
    assert found == [(name, Output(body, status)) for name, body, status in parts]


def test_one_that_was_cut_has_no_status() -> None:
    assert list(Sections(MARK, 10_000).take(b"half\n%s/placed\n" % MARK)) == [("placed", Output(b"half", None))]


def test_a_host_that_sends_without_end_is_not_listened_to() -> None:
    reader = Sections(MARK, 1000)
    with pytest.raises(VendorFault):
        list(itertools.chain.from_iterable(reader.take(b"x" * 100) for _ in range(100)))


class Half(Surveys):
    """A host whose connection ends in the middle of the first command."""

    class Connection:
        sudo, asks = True, False
        target = Target("web1", "192.0.2.1", 22, "responder", KnownHost(("web1",), (), ()))

        async def login(self) -> Login:
            return Login("SHA256:ours", "SHA256:host", False)

        commands = 0

        async def stream(self, command: Command, *, timeout: float) -> AsyncIterator[bytes]:
            self.commands += 1
            mark = command.stdin.split(b"\n")[0]
            for name, body in (("passwd", b"root:x:0:0::/root:/bin/sh\n"), ("group", b""), ("passwords", b"root P\n")):
                yield b"%s\n%s:0\n\n%s/%s\n" % (body, mark, mark, name.encode())
            yield b"half of what"
            raise VendorFault("the connection ended while sh ran")

    def __init__(self) -> None:
        self.connection = self.Connection()
        super().__init__({"web1": self.connection}, {})  # type: ignore[dict-item]  # as much of it as is used


async def test_what_came_before_the_connection_ended_is_told() -> None:
    half = Half()
    found = await half.survey("web1")
    assert half.connection.commands == 2, "round trips of a survey"
    assert [(account.id, account.password) for account in found.accounts] == [("root", "set")]
    assert set(PARTS) - found.unread.keys() == {"accounts"}
    assert found.unread["pinned"] == "the connection ended while sh ran"


@pytest.mark.parametrize(("sudo", "password"), [(False, False), (True, False), (True, True)])
def test_the_script_is_a_shells(sudo: bool, password: bool) -> None:
    for sections in (FIRST, SECOND):
        text = script(sections, sudo=sudo, password=password)
        for shell in ("sh", "bash"):
            subprocess.run([shell, "-n"], input=text.encode(), check=True)


def test_sections_name_parts_that_there_are() -> None:
    assert {part for section in (*FIRST, *SECOND) for part in section.parts} == set(PARTS)
    names = [section.name for section in (*FIRST, *SECOND)]
    assert len(names) == len(set(names))


def test_a_section_is_cut_and_its_status_told() -> None:
    sections = (
        Section("one", "printf abc; (exit 3)", ()),
        Section("two", "yes", (), limit=1000),
        Section("three", 'IFS= read -r c; head -c "$c"', ()),
    )
    stdin = MARK + b"\n5\nhello"
    done = subprocess.run(
        ["sh", "-c", script(sections, sudo=False, password=False)], input=stdin, capture_output=True, check=True
    )
    found = dict(Sections(MARK, 10_000).take(done.stdout))
    assert found["one"] == Output(b"abc", 3)
    assert found["two"].status is None
    assert len(found["two"].body) == 1000
    assert found["three"] == Output(b"hello", 0)
    assert done.stderr == b""


# --- parsing ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_whatever_comes_is_no_crash(out: bytes) -> None:
    read.archive(out)
    read.capabilities(out)
    read.verified(out)
    read.owned(out)
    read.diverted(out)
    read.hidden(out)
    read.still_hidden(out, [1])
    read.modules(out)
    read.boot(out)
    read.records(out, out)
    read.programs(out)


NAMES = st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name and b"/" not in name)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=60), max_size=4), st.integers(0, 5000))
def test_an_archive_and_half_of_one(files: dict[bytes, bytes], cut: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", encoding="utf-8", errors="surrogateescape") as made:
        for name, content in files.items():
            member = tarfile.TarInfo("/etc/" + name.decode("utf-8", "surrogateescape"))
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    found, whole = read.archive(out.getvalue())
    assert (found, whole) == ({b"/etc/" + name: content for name, content in files.items()}, True)
    part, whole = read.archive(out.getvalue()[:cut])
    assert part.items() <= found.items()
    if cut and len(part) < len(found):
        assert not whole


@given(NAMES)
def test_owners_of_hostile_names(name: bytes) -> None:
    from tenantry.capabilities.host import path_text

    path = b"/usr/bin/" + name.replace(b"\n", b"x")
    found = read.owned(b"/var/lib/dpkg/info/libc6:amd64.list:" + path + b"\n")
    assert found == {path_text(path): "libc6"}


def test_verification_of_dpkg_and_rpm() -> None:
    out = b"usr/bin/ls: FAILED\nusr/bin/gone: FAILED open or read\nusr/share/doc/x: FAILED\n"
    assert read.verified(out) == ([b"/usr/bin/ls"], [])
    rpm = (
        b"S.5....T.  c /etc/ssh/sshd_config\n"
        b"S.5....T.    /usr/bin/ls\n"
        b".M.......    /usr/bin/find\n"
        b".......T.    /usr/bin/cat\n"
        b"S.5......  c /etc/cron.daily/logrotate\n"
        b"..?......    /usr/bin/sudo\n"
        b"missing     /usr/bin/x\n"
        b"S.5......  d /usr/share/doc/x\n"
        b".M.......    /var/log/x\n"
    )
    assert read.verified(rpm) == ([b"/usr/bin/ls", b"/usr/bin/find", b"/etc/cron.daily/logrotate"], [b"/usr/bin/sudo"])


def test_capabilities_in_both_forms() -> None:
    out = b"/usr/bin/ping cap_net_raw=ep\n/usr/bin/py = cap_setuid,cap_net_raw+ep\n/opt/a b =ep\nnonsense\n"
    assert [(one.path, one.capabilities) for one in read.capabilities(out)] == [
        ("/usr/bin/ping", "cap_net_raw=ep"),
        ("/usr/bin/py", "cap_setuid,cap_net_raw+ep"),
        ("/opt/a b", "all=ep"),
    ]


def test_a_module_that_hides() -> None:
    """Recorded of Debian 12 with a module that took itself out of the list, and one built for the machine."""
    out = (
        b"12288\n\0"
        b"ext4 983040 1 - Live 0xffffffffc0a00000\n"
        b"nvidia 56000000 4 nvidia_uvm, Live 0xffffffffc1000000 (POE)\n"
        b"rk 16384 0 - Live 0xffffffffc2000000 (OE)\n"
        b"\0/sys/module/ext4\n/sys/module/nvidia\n/sys/module/rk\n/sys/module/reptile\n"
        b"\0ext4.ko.xz\nnvidia.ko\nsnd-hda-intel.ko.zst\n"
    )
    taint, modules = read.modules(out)
    assert taint == 12288
    assert {(one.name, one.listed, one.taints, one.on_disk) for one in modules} == {
        ("ext4", True, "", True),
        ("nvidia", True, "POE", True),
        ("rk", True, "OE", False),
        ("reptile", False, "", False),
    }


def test_processes_that_hide() -> None:
    asked = b"/proc/1/status:Tgid:\t1\n/proc/7/status:Tgid:\t7\n/proc/8/status:Tgid:\t7\n/proc/66/status:Tgid:\t66\n/proc/9/status:Tgid:\t9\n"
    mounts = b"101 99 0:44 / /proc/66 rw shared:1 - tmpfs tmpfs rw\n36 35 0:5 / /proc/sys/fs rw - x x rw\n"
    suspects, covered, whole = read.hidden(b"1\n7\n9\n\0" + asked + b"\0" + b"1\n7\n\0" + mounts)
    assert (suspects, covered, whole) == ({66}, {66}, True)
    assert read.still_hidden(b"/proc/66/status:Tgid:\t66\n\0001\n7\n", {66, 5}) == {66}
    assert read.still_hidden(b"/proc/66/status:Tgid:\t66\n\0001\n66\n", {66}) == set()


def entry(seconds: int, kind: int = 7, user: bytes = b"", origin: bytes = b"") -> bytes:
    record = bytearray(384)
    struct.pack_into("32s", record, 44, user)
    struct.pack_into("4s", record, 8, b"pts/" if user else b"")
    struct.pack_into("256s", record, 76, origin)
    struct.pack_into("<h", record, 0, kind)
    struct.pack_into("<I", record, 340, seconds)
    return bytes(record)


def test_records_that_were_wiped() -> None:
    day = 86_400

    def kinds(*entries: bytes, links: bytes = b"", size: int | None = None) -> list[tuple[str, int]]:
        data = b"".join(entries)
        whole = b"%d\n\0%s" % (len(data) if size is None else size, data)
        return [(one.kind, one.count) for one in read.records(links, whole).odd]

    assert kinds(entry(1000 * day), entry(1001 * day)) == []
    assert kinds() == []
    assert kinds(entry(1000 * day), entry(1000 * day - 3600)) == [], "clocks are set"
    assert kinds(entry(1000 * day), bytes(384), bytes(384), entry(1001 * day)) == [("zeroed", 2)]
    assert kinds(entry(1000 * day), entry(900 * day)) == [("backwards", 1)]
    assert kinds(entry(1000 * day), size=500) == [("broken", 1)]
    assert kinds(links=b"/var/log/btmp\0/dev/null\0/var/log/syslog\0/srv/syslog\0") == [("linked_away", 1)]


def test_who_came_in_and_never_signed_in() -> None:
    """Recorded of Debian 12's lastlog."""
    said = (
        b"Username         Port     From                                       Latest\n"
        b"root             pts/0    192.0.2.7                                  Sun Nov 22 10:00:00 +0000 2026\n"
        b"alice                                                                **Never logged in**\n"
        b"bob                                                                  **Never logged in**\n"
    )
    came = (
        entry(10**9, user=b"alice", origin=b"203.0.113.9")
        + entry(10**9, user=b"root", origin=b"192.0.2.7")
        + entry(10**9, user=b"bob")
    )
    wtmp = b"%d\n\0%s" % (len(came), came)
    assert [(one.path, one.kind) for one in read.records(b"", wtmp, said).odd] == [
        ("/var/log/lastlog of alice", "forgotten")
    ]
    unused = b"\n".join(line for line in said.split(b"\n") if not line.startswith(b"root"))
    assert read.records(b"", wtmp, unused).odd == (), "a host that keeps no lastlog"


def test_places_are_told_apart() -> None:
    for path, place in (
        ("/etc/sudoers.d/x", "sudoers"),
        ("/var/spool/cron/atjobs/a1", "at"),
        ("/var/spool/cron/crontabs/root", "cron"),
        ("/etc/systemd/system/a\nb.service", "unit"),
        ("/home/a/.config/systemd/user/x.service", "unit"),
        ("/usr/lib/systemd/system-generators/x", "generator"),
        ("/usr/lib/x86_64-linux-gnu/security/pam_x.so", "pam_module"),
        ("/home/a/.ssh/authorized_keys2", "keys"),
        ("/home/a/.bashrc", "profile"),
        ("/srv/app/.git/hooks/post-merge", "git"),
        ("/etc/ld.so.preload", "preload"),
        ("/etc/modprobe.d/x.conf", "modules"),
    ):
        assert read.area(path) == place


# --- real hosts -------------------------------------------------------------------------------------------------------

_HOSTILE = r"""
mkdir -p etc/cron.d etc/systemd/system
printf '* * * * * root true\n' > "etc/cron.d/a
b'\$(touch owned)"
printf '[Service]\nExecStart=/opt/x\n' > "etc/systemd/system/\`id\`;x.service"
ln -s /etc/passwd home/responder/.bashrc2; ln -sf /etc/hostname home/responder/.profile; ln -sf loop home/responder/.zshrc; ln -sf .zshrc home/responder/loop
mkfifo etc/profile.d/pipe.sh
head -c 300000 /dev/zero | tr '\0' x > etc/profile.d/large.sh
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("survey")) as made:
        less = SMALL + "for d in usr/share usr/include usr/local; do mount -t tmpfs tmpfs $d; done\n"
        made.add("odd", setup=less + _HOSTILE)
        made.add("little", setup=less, sudo="ALL=(root) NOPASSWD: /usr/bin/find")
        made.add(
            "least",
            setup=less,
            sudo=sudoers("responder", NEEDS["survey"]).removeprefix("responder ").replace("\\\n", ""),
        )
        made.add("asks", setup=less + "echo responder:hunter2 | chroot . chpasswd\n", sudo="ALL=(root) ALL")
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what walks over a whole host: the conformance suite has it."""
    slow = ("privileged", "capabilities", "altered")
    monkeypatch.setattr(survey, "FIRST", tuple(section for section in FIRST if section.name not in slow))


@pytest.fixture
async def hosts(net: HostNet) -> AsyncIterator[Any]:
    opened = await PROVIDER.open(net.settings("odd", "little", "least"), net.secrets())
    yield opened.capability("host")
    await opened.aclose()


@pytest.mark.usefixtures("quick")
async def test_names_are_names(hosts: Any, net: HostNet) -> None:
    found = await hosts.survey("odd")
    files: dict[str, PlacedFile] = {file.path: file for file in found.files}
    assert "/etc/cron.d/a\nb'$(touch owned)" in files
    assert "/etc/systemd/system/`id`;x.service" in files
    assert files["/home/responder/.profile"].content == net.hosts["odd"].run("cat /etc/hostname"), (
        "what a link leads to"
    )
    assert files["/home/responder/.zshrc"].content is None
    assert files["/etc/profile.d/large.sh"].content is None
    assert found.unread.keys() == {"files"}
    assert "large.sh" in found.unread["files"], "what was not read is no pass"
    assert net.hosts["odd"].run("find / -xdev -name owned") == ""
    assert found.owner("/usr/lib/systemd/system/ssh.service") == "openssh-server"


async def test_what_sudo_does_not_grant_is_unread(hosts: Any) -> None:
    found = await hosts.survey("little")
    assert {"files", "connections", "altered", "capabilities", "accounts", "keys"} <= found.unread.keys()
    assert "sudo does not let us run" in found.unread["connections"]
    assert "privileged" not in found.unread
    assert any(file.path == "/usr/bin/passwd" for file in found.privileged)


@pytest.mark.usefixtures("quick")
async def test_the_printed_lines_suffice(hosts: Any) -> None:
    found = await hosts.survey("least")
    assert found.unread == {}


@pytest.mark.usefixtures("quick")
async def test_sudo_with_a_password(net: HostNet) -> None:
    opened = await PROVIDER.open(net.settings("asks"), net.secrets(sudo_password=b"hunter2"))
    try:
        found = await opened.capability("host").survey("asks")
    finally:
        await opened.aclose()
    assert found.unread == {}
    assert any(process.pid == 1 for process in found.processes)
    assert found.connections
