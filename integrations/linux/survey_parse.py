"""What the sections of a survey put out, read strictly: pure functions from bytes to facts, as :mod:`integrations.linux.parse` has them."""

from __future__ import annotations

import io
import posixpath
import re
import struct
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from integrations.linux import parse
from tenantry.capabilities.host import HostFile, path_text
from tenantry.capabilities.host_survey import BootFile, KernelModule, LoginRecord, PrivilegedFile, Records

__all__ = [
    "Output",
    "Sections",
    "archive",
    "area",
    "boot",
    "capabilities",
    "diverted",
    "hidden",
    "homes",
    "modules",
    "owned",
    "privileged",
    "programs",
    "records",
    "resolved",
    "rows",
    "still_hidden",
    "verified",
]


@dataclass(frozen=True, slots=True)
class Output:
    """What a section put out. ``status`` is None where it was cut at its limit, and so was what stands behind it."""

    body: bytes
    status: int | None


class Sections:
    """Takes a survey's output in pieces and gives each section when it is whole, so that no more than one is held.

    Args:
        mark: the line that no file on the host can contain.
        most: bytes of a section, with what stands around it; a host that sends more without an end sends anything.
    """

    def __init__(self, mark: bytes, most: int) -> None:
        self._most = most
        self._end = re.compile(rb"\n" + re.escape(mark) + rb"/([a-z]+)\n")
        self._status = re.compile(rb"\n" + re.escape(mark) + rb":(\d+)\n\Z")
        self._held = bytearray()
        self._looked = 0
        self._reach = len(mark) + 40

    def take(self, piece: bytes) -> Iterator[tuple[str, Output]]:
        """Sections that ended in this piece. Raises VendorFault where none ends."""
        self._held += piece
        while (end := self._end.search(self._held, self._looked)) is not None:
            body, name = bytes(self._held[: end.start()]), parse.text(end[1])
            del self._held[: end.end()]
            self._looked = 0
            status = self._status.search(body, max(0, len(body) - self._reach))
            if status is None:
                yield name, Output(body, None)
            else:
                yield name, Output(body[: status.start()], int(status[1]))
        self._looked = max(0, len(self._held) - self._reach)
        if len(self._held) > self._most:
            raise parse.fault("answer")


# --- files ------------------------------------------------------------------------------------------------------------

_AREAS: Final = (
    ("sudoers", r"/etc/sudoers(\.d/.*)?"),
    ("at", r"/var/spool/(cron/at(jobs|spool)|at)/.*"),
    ("cron", r"/etc/(ana)?crontab|/etc/cron\.[a-z]+/.*|/var/spool/cron/.*"),
    ("generator", r"/(etc|run|usr/lib|usr/local/lib)/systemd/(system|user)(-environment)?-generators/.*"),
    ("unit", r"/(etc|run|usr/lib|usr/local/lib)/systemd/(system|transient|user|system-sleep|system-shutdown)/.*"),
    ("unit", r".*/systemd/user/.*"),
    ("preload", r"/etc/ld\.so\.(preload|conf(\.d/.*)?)"),
    ("pam_module", r"/usr/lib(64|/[^/]+)?/security/.*"),
    ("pam", r"/etc/pam\.(d/.*|conf)|/usr/lib/pam\.d/.*"),
    ("udev", r"/(etc|run|usr/lib|usr/local/lib)/udev/rules\.d/.*"),
    ("startup", r"/etc/(rc\.local|rc\.d/.*|init\.d/.*|inittab)"),
    ("motd", r"/etc/update-motd\.d/.*"),
    ("network", r"/etc/(NetworkManager|network|networkd-dispatcher|dhcp|ppp)/.*|/usr/lib/(NetworkManager|networkd-dispatcher)/.*"),
    ("packages", r"/etc/apt/.*|/etc/dpkg/.*|/etc/dnf/.*|/etc/yum/.*|/usr/lib/(python3[^/]*/site-packages/dnf|yum)-plugins/.*"),
    ("polkit", r"/(etc|usr/share|usr/local/share|run|var/lib)/polkit-1/.*"),
    ("autostart", r"/etc/xdg/autostart/.*|.*/\.config/autostart/.*"),
    ("boot", r"/etc/(default/grub(\.d/.*)?|grub\.d/.*|initramfs-tools/.*|dracut\.conf.*|kernel/.*)|/usr/share/initramfs-tools/.*|/usr/lib/dracut/.*"),
    ("modules", r"/etc/(modprobe\.d/.*|modules|modules-load\.d/.*)|/usr/local/lib/modules-load\.d/.*"),
    ("git", r"/etc/gitconfig|.*/\.gitconfig|.*/\.config/git/config|.*/\.git/(config|hooks/.*)"),
    ("keys", r".*/\.ssh/authorized_keys.*"),
    ("other", r"/(etc|run|usr/lib|usr/local/lib)/systemd/.*"),
    ("profile", r".*"),
)  # fmt: skip
_AREA: Final = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _AREAS)


def area(path: str) -> str:
    """Which kind of place a path is; what people's shells read at their start is what no other is."""
    return next(name for name, pattern in _AREA if pattern.fullmatch(path))


def rows(body: bytes) -> list[tuple[HostFile, bytes]]:
    """Of ``find -printf FIND``, also where it was cut off; one path once."""
    parts = body.split(b"\0")[:-1]
    found: dict[bytes, HostFile] = {}
    for at in range(0, len(parts) - 8, 9):
        found.setdefault(parts[at + 7], parse.found_file(parts[at : at + 9]))
    return [(file, path) for path, file in found.items()]


def archive(body: bytes) -> tuple[dict[bytes, bytes], bool]:
    """Path → content of a tar, and whether it is whole: one that was cut gives what stands before the cut."""
    found: dict[bytes, bytes] = {}
    if not body:
        return found, True
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:", encoding="utf-8", errors="surrogateescape") as opened:
            for member in opened:
                file = opened.extractfile(member) if member.isreg() else None
                if file is not None:
                    content = file.read()
                    if len(content) < member.size:
                        return found, False
                    found[member.name.encode("utf-8", "surrogateescape")] = content
    except (tarfile.TarError, EOFError, ValueError):
        return found, False
    return found, body.endswith(b"\0" * 1024)


def resolved(path: str, target: str) -> str:
    """Where a link leads, as far as it says itself."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else ""


_PROGRAM: Final = re.compile(rb"(?<![\w.~$}*-])/(?:[\w.+@:-]+/)*[\w.+@:-]+")


def programs(content: bytes) -> set[bytes]:
    """Absolute paths that a script or setting names."""
    return {one.rstrip(b".:") for one in _PROGRAM.findall(content)}


def privileged(body: bytes) -> list[PrivilegedFile]:
    """SUID and SGID programs."""
    return [
        PrivilegedFile(
            path=file.path, kind="suid" if file.mode & 0o4000 else "sgid", uid=file.uid, changed_at=file.changed_at
        )
        for file, _ in rows(body)
    ]


_CAPABLE: Final = re.compile(rb"(/.*?)(?: =)? (?:(cap_[a-z_,]+|all)?([+=][eip]+|=))$", re.DOTALL)


def capabilities(body: bytes) -> list[PrivilegedFile]:
    """Of getcap(8), in its old form (``path = cap+ep``) and its new one (``path cap=ep``)."""
    found = []
    for line in body.split(b"\n"):
        match = _CAPABLE.fullmatch(line)
        if match is not None:
            found.append(
                PrivilegedFile(
                    path=path_text(match[1]),
                    kind="capabilities",
                    capabilities=parse.text((match[2] or b"all") + match[3]),
                )
            )
    return found


def verified(body: bytes) -> tuple[list[bytes], list[bytes]]:
    """Of ``md5sum -c --quiet`` or ``rpm -Va``: paths whose content, or right to run as another, is not the package's; and those that are
    there and could not be read. What is missing does nothing."""
    altered: list[bytes] = []
    unread: list[bytes] = []
    for line in body.split(b"\n"):
        summed = re.fullmatch(rb"(.+): FAILED( open or read)?", line, re.DOTALL)
        if summed is not None:
            if not summed[2]:  # root reads what is there: what cannot be read is not there
                altered.append(b"/" + summed[1].lstrip(b"/"))
            continue
        found = re.fullmatch(rb"([S.?])([M.?])([5.?])[.A-Z?]{6}\s+([a-z] )?\s*(/.+)", line, re.DOTALL)
        if found is not None and (found[4] or b"").strip() not in (b"d", b"g", b"l", b"r"):
            if found[3] == b"5" or (found[2] == b"M" and _RUN.match(found[5])):
                altered.append(found[5])
            elif found[3] == b"?":
                unread.append(found[5])
    return [path for path in altered if _RUN.match(path)], [path for path in unread if _RUN.match(path)]


_RUN: Final = re.compile(
    rb"/(usr/)?(local/)?(s?bin/|libexec/|lib(32|64|x32)?/(.*\.so(\.[0-9.]+)?\Z|systemd/|udev/|NetworkManager/|modules/))|/boot/vmlinuz|/etc/(init\.d|update-motd\.d|cron\.[a-z]+|grub\.d|NetworkManager/dispatcher\.d|network/if-[a-z-]+\.d)/"
)


def owned(body: bytes) -> dict[str, str]:
    """Path → package, of lines ``…/<package>.list:<path>``."""
    found = {}
    for line in body.split(b"\n"):
        listed, separator, path = line.partition(b".list:")
        if separator:
            found[path_text(path)] = parse.text(listed.rsplit(b"/", 1)[-1].partition(b":")[0])
    return found


def diverted(body: bytes) -> dict[str, str]:
    """Where a package's file lies instead → the package that had it moved; dpkg-divert(1): original, other place, package."""
    lines = body.split(b"\n")
    return {
        path_text(lines[at + 1]): parse.text(lines[at + 2])
        for at in range(0, len(lines) - 2, 3)
        if lines[at].startswith(b"/")
    }


# --- processes that hide ----------------------------------------------------------------------------------------------


def _leaders(body: bytes) -> set[int]:
    """Of ``grep -H ^Tgid:``: numbers that are processes and no threads of others."""
    found = re.findall(rb"^/proc/(\d+)/status:Tgid:\s*(\d+)$", body, re.M)
    return {int(pid) for pid, group in found if pid == group}


def hidden(body: bytes) -> tuple[set[int], set[int], bool]:
    """Processes that answered by number and stood in neither list, those over whose folder something is mounted, and whether anybody was
    asked by number."""
    before, asked, after, mounts = (body.split(b"\0") + [b""] * 4)[:4]
    listed = {int(one) for one in (*before.split(), *after.split()) if one.isdigit()}
    covered = {int(one) for one in re.findall(rb" /proc/(\d+)(?:/\S*)? ", mounts)}
    return _leaders(asked) - listed, covered, b"Tgid:" in asked


def still_hidden(body: bytes, candidates: Iterable[int]) -> set[int]:
    """Those that still answer, and are still in no list: what began or ended meanwhile is not among them."""
    asked, _, listing = body.partition(b"\0")
    return _leaders(asked) & set(candidates) - {int(one) for one in listing.split() if one.isdigit()}


# --- kernel and boot --------------------------------------------------------------------------------------------------


def modules(body: bytes) -> tuple[int, list[KernelModule]]:
    """The kernel's taint, and the modules that it lists or that only sysfs knows; proc(5), Documentation/admin-guide/tainted-kernels."""
    taint, listed, loaded, disk = (body.split(b"\0") + [b""] * 4)[:4]
    files = {parse.text(re.sub(rb"\.ko(\.\w+)?\Z", b"", line)).replace("-", "_") for line in disk.split(b"\n") if line}
    flags: dict[str, str] = {}
    for line in listed.split(b"\n"):
        words = parse.text(line).split()
        if len(words) >= 6:
            flags[words[0]] = words[6].strip("()+-") if len(words) > 6 else ""
    names = {parse.text(line.rsplit(b"/", 1)[-1]) for line in loaded.split(b"\n") if line}
    return (
        int(taint.strip()) if taint.strip().isdigit() else 0,
        [
            KernelModule(
                name=name, listed=name in flags, taints=flags.get(name, ""), on_disk=not files or name in files
            )
            for name in sorted({*flags, *names})
        ],
    )


def boot(body: bytes) -> tuple[str, datetime | None, list[BootFile]]:
    """The running kernel's line with those that the boot loader has, when packages changed last, and what is booted."""
    line, packages, kept, files = (body.split(b"\0", 3) + [b""] * 4)[:4]
    moments = [parse.moment(one) for one in packages.split()]
    parts = files.split(b"\0")
    found = [
        BootFile(path=path_text(path), changed_at=parse.moment(at))
        for at, path in zip(parts[::2], parts[1::2], strict=False)
    ]
    return parse.text(line + b"\n" + kept).strip(), max(moments, default=None), found


# --- records of logins ------------------------------------------------------------------------------------------------

_RECORD: Final = 384
_USER_PROCESS: Final = b"\x07\0"
_NEVER: Final = 86_400
"""Seconds by which a clock that is set may step back."""


def records(links: bytes, wtmp: bytes, lastlog: bytes = b"") -> Records:
    """utmp(5) as glibc has it on every 64-bit Linux: 384 bytes, type first, time at 340. An entry that was wiped is zeros among others, and
    time does not go back by days. Who came in over the network, by wtmp, is not one of whom lastlog(8) says that they never did."""
    odd = []
    parts = links.split(b"\0")
    for path, target in zip(parts[::2], parts[1::2], strict=False):
        if target in (b"/dev/null", b"/dev/zero", b"/dev/full"):
            odd.append(LoginRecord(path=path_text(path), kind="linked_away"))
    size, separator, data = wtmp.partition(b"\n\0")
    if not separator or not size.isdigit():
        return Records(odd=tuple(odd))
    whole = len(data) - len(data) % _RECORD
    if int(size) % _RECORD:
        odd.append(LoginRecord(path="/var/log/wtmp", kind="broken"))
        return Records(odd=tuple(odd))
    zeroed, backwards, last, entries = 0, 0, 0, whole // _RECORD
    seen_at: int | None = None
    came: set[bytes] = set()
    for at in range(0, whole, _RECORD):
        one = data[at : at + _RECORD]
        if not one.strip(b"\0"):
            zeroed += 1
            seen_at = last or seen_at
            continue
        (seconds,) = struct.unpack_from("<I", one, 340)
        if last and 0 < seconds < last - _NEVER:
            backwards += 1
        last = max(last, seconds)
        if one[:2] == _USER_PROCESS and one[8:12] == b"pts/" and one[76:332].strip(b"\0"):
            came.add(one[44:76].rstrip(b"\0"))
    for kind, count in (("zeroed", zeroed), ("backwards", backwards)):
        if count:
            when = datetime.fromtimestamp(seen_at, UTC) if kind == "zeroed" and seen_at else None
            odd.append(
                LoginRecord(
                    path="/var/log/wtmp", kind="zeroed" if kind == "zeroed" else "backwards", count=count, at=when
                )
            )
    said = [line for line in lastlog.split(b"\n")[1:] if line.split()]
    never = {line.split()[0] for line in said if line.endswith(b"**Never logged in**")}
    if len(never) < len(said):  # where nobody ever did, nobody writes it
        odd += [
            LoginRecord(path=f"/var/log/lastlog of {parse.text(name)}", kind="forgotten")
            for name in sorted(came & never)
        ]
    return Records(odd=tuple(odd), entries=entries)


def homes(accounts: Iterable[tuple[str, int, int, str, str]]) -> Mapping[str, str]:
    """Home → account; the first of several."""
    found: dict[str, str] = {}
    for name, _, _, home, _ in accounts:
        found.setdefault(home.rstrip("/"), name)
    return found
