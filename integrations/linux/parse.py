"""What programs on a host put out, read strictly: pure functions from bytes to facts.

An intruder chooses names, arguments and comments, so nothing here splits at a character that those can contain where the
program offers better (NUL). A line that does not have the form is left out where lists of others' making are read, and is
an error where the program itself is at fault.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from integrations.linux.hostkeys import fingerprint
from tenantry.capabilities import (
    AuthorizedKey,
    HostAccount,
    HostConnection,
    HostFile,
    HostLogin,
    Package,
    Process,
    Update,
)
from tenantry.capabilities.host import QUARANTINE, path_text
from tenantry.errors import VendorFault

MARK: Final = QUARANTINE.encode()
TICKS: Final = 100
"""USER_HZ, the same on every Linux that people run (time(7))."""
ADMINISTERS: Final = frozenset({"root", "sudo", "wheel", "admin", "docker", "lxd", "disk"})
"""Groups whose members are root, or can be at will."""


def text(data: bytes) -> str:
    """For people: what is not UTF-8 shows as a replacement."""
    return data.decode("utf-8", "replace")


def fault(what: str) -> VendorFault:
    return VendorFault(f"the host's {what} cannot be read: it is not of the form that it should be", vendor="linux")


def moment(seconds: bytes | str) -> datetime:
    """Of seconds since the epoch, with a fraction."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


# --- accounts ---------------------------------------------------------------------------------------------------------


def passwd(lines: Iterable[bytes]) -> list[tuple[str, int, int, str, str]]:
    """``(name, uid, gid, home, shell)`` of getent passwd; passwd(5)."""
    found = []
    for line in lines:
        parts = line.split(b":")
        if len(parts) == 7 and parts[2].isdigit() and parts[3].isdigit():
            found.append((text(parts[0]), int(parts[2]), int(parts[3]), path_text(parts[5]), path_text(parts[6])))
    return found


def groups(lines: Iterable[bytes]) -> tuple[dict[int, str], dict[str, list[str]]]:
    """Name by number, and groups by member, of getent group."""
    names: dict[int, str] = {}
    members: dict[str, list[str]] = {}
    for line in lines:
        parts = line.split(b":")
        if len(parts) != 4 or not parts[2].isdigit():
            continue
        name = text(parts[0])
        names[int(parts[2])] = name
        for member in filter(None, parts[3].split(b",")):
            members.setdefault(text(member), []).append(name)
    return names, members


_PASSWORD: Final[dict[str, Literal["set", "locked", "none"]]] = {
    "P": "set",
    "PS": "set",
    "L": "locked",
    "LK": "locked",
    "NP": "none",
}


def passwords(lines: Iterable[bytes]) -> dict[str, Literal["set", "locked", "none"]]:
    """Of ``passwd -S -a``; passwd(1)."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) >= 2 and text(words[1]) in _PASSWORD:
            found[text(words[0])] = _PASSWORD[text(words[1])]
    return found


def expiries(lines: Iterable[bytes]) -> dict[str, date]:
    """Of name and eighth field of shadow(5): days since the epoch."""
    found = {}
    for line in lines:
        name, _, days = line.partition(b":")
        if days.strip().isdigit():
            found[text(name)] = date(1970, 1, 1) + timedelta(days=min(int(days), 2_900_000))
    return found


def host_account(
    person: tuple[str, int, int, str, str],
    numbers: Mapping[int, str],
    members: Mapping[str, Sequence[str]],
    password: Literal["set", "locked", "none", "unknown"],
    expires: date | None,
) -> HostAccount:
    """An account of what :func:`passwd` and :func:`groups` found."""
    name, uid, gid, home, shell = person
    of = tuple(dict.fromkeys([numbers.get(gid, str(gid)), *members.get(name, ())]))
    return HostAccount(
        id=name,
        uid=uid,
        gid=gid,
        home=home,
        shell=shell,
        groups=of,
        privileged=uid == 0 or not ADMINISTERS.isdisjoint(of),
        password=password,
        expires=expires,
    )


# --- keys -------------------------------------------------------------------------------------------------------------


def authorized_keys(account: str, path: bytes, content: bytes, changed: datetime) -> list[AuthorizedKey]:
    """sshd(8), AUTHORIZED_KEYS FILE FORMAT. A comment is no key, unless it is one that we put into quarantine."""
    digest = hashlib.sha256(content).hexdigest()
    found = []
    for raw in content.split(b"\n"):
        line = raw.removeprefix(MARK)
        if b"\0" in line or line.lstrip().startswith(b"#"):
            continue
        key = _key(line)
        if key is None:
            continue
        options, kind, blob, comment = key
        mark = fingerprint(blob)
        found.append(
            AuthorizedKey(
                id=f"{path_text(path)}#{mark}",
                account=account,
                path=path_text(path),
                fingerprint=mark,
                kind=kind,
                comment=comment,
                options=options,
                enabled=not raw.startswith(MARK),
                line=path_text(line),
                file_sha256=digest,
                file_changed_at=changed,
            )
        )
    return found


def _key(line: bytes) -> tuple[str, str, bytes, str] | None:
    for match in re.finditer(rb"(?:\A|\s)([a-z0-9@.-]+)\s+(AAAA[A-Za-z0-9+/]+=*)(?=\s|\Z)", line):
        try:
            blob = base64.b64decode(match[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        if blob[4 : 4 + int.from_bytes(blob[:4])] == match[1]:
            return text(line[: match.start()].strip()), text(match[1]), blob, text(line[match.end() :].strip())
    return None


# --- cron -------------------------------------------------------------------------------------------------------------

_ASSIGNMENT: Final = re.compile(rb"\s*[\"']?[A-Za-z_][A-Za-z0-9_]*[\"']?\s*=")


def crontab(content: bytes, *, account: str | None) -> list[tuple[str, str, str, bool, bytes]]:
    """``(schedule, account, command, enabled, line)`` of crontab(5).

    Args:
        account: whose crontab it is; None where each line names one.
    """
    found = []
    for raw in content.split(b"\n"):
        line = raw.removeprefix(MARK)
        if b"\0" in line or not line.strip() or line.lstrip().startswith(b"#") or _ASSIGNMENT.match(line):
            continue
        fields = 1 if line.lstrip().startswith(b"@") else 5
        words = line.split(None, fields + (account is None))
        if len(words) <= fields + (account is None):
            continue
        who = account if account is not None else text(words[fields])
        schedule = b" ".join(words[:fields])
        found.append((text(schedule), who, text(words[-1]), not raw.startswith(MARK), line))
    return found


def line_id(path: str, line: bytes) -> str:
    return f"{path}#{hashlib.sha256(line).hexdigest()[:32]}"


# --- processes --------------------------------------------------------------------------------------------------------


def proc_files(out: bytes) -> dict[int, dict[str, list[bytes]]]:
    """Of ``grep -azZH ''`` over files of /proc: a name, NUL, a piece, NUL, again and again."""
    found: dict[int, dict[str, list[bytes]]] = {}
    parts = out.split(b"\0")
    for name, piece in zip(parts[::2], parts[1::2], strict=False):
        match = re.fullmatch(rb"/proc/(\d+)/(stat|status|cmdline)", name)
        if match is None:
            raise fault("list of processes")
        found.setdefault(int(match[1]), {}).setdefault(text(match[2]), []).append(piece)
    return found


def links(out: bytes) -> dict[int, bytes]:
    """Of ``find -printf '%p\\0%l\\0'`` over /proc/*/exe."""
    parts = out.split(b"\0")
    found = {}
    for name, target in zip(parts[::2], parts[1::2], strict=False):
        match = re.fullmatch(rb"/proc/(\d+)/exe", name)
        if match is not None and target:
            found[int(match[1])] = target
    return found


def processes(
    files: Mapping[int, Mapping[str, Sequence[bytes]]],
    executables: Mapping[int, bytes],
    names: Mapping[int, str],
    booted_at: datetime,
) -> list[Process]:
    """Of what proc(5) says. One that ended meanwhile is left out."""
    found = []
    for pid, parts in sorted(files.items()):
        stat, status = b"".join(parts.get("stat", ())), b"".join(parts.get("status", ()))
        after = stat.rpartition(b") ")[2].split()
        uid = re.search(rb"^Uid:\s+(\d+)\s+(\d+)", status, re.MULTILINE)
        if len(after) < 20 or uid is None:
            continue
        start = int(after[19])
        target = executables.get(pid, b"")
        found.append(
            Process(
                id=f"{pid}:{start}",
                pid=pid,
                parent=int(after[1]),
                account=names.get(int(uid[2]), uid[2].decode()),
                uid=int(uid[2]),
                state=text(after[0]),
                name=text(stat[stat.find(b"(") + 1 : stat.rfind(b")")]),
                executable=path_text(target.removesuffix(b" (deleted)")),
                deleted=target.endswith(b" (deleted)"),
                arguments=_arguments(parts.get("cmdline", ())),
                started_at=booted_at + timedelta(seconds=start / TICKS),
            )
        )
    return found


def _arguments(pieces: Sequence[bytes]) -> tuple[str, ...]:
    """Without the empty rest that a program leaves which writes a title over its arguments."""
    words = [text(piece) for piece in pieces]
    while words and not words[-1]:
        words.pop()
    return tuple(words)


def connections(lines: Iterable[bytes]) -> list[HostConnection]:
    """Of ``ss -HtunapO``; ss(8)."""
    found = []
    for line in lines:
        words = line.split(None, 6)
        if len(words) < 6:
            continue
        remote, port = _endpoint(text(words[5]))
        listening = words[1] in (b"LISTEN", b"UNCONN")
        found.append(
            HostConnection(
                protocol=text(words[0]),
                state=text(words[1]),
                local=text(words[4]),
                remote="" if listening else remote,
                remote_port=0 if listening else port,
                pids=tuple(
                    int(pid) for pid in re.findall(rb'",pid=(\d+),fd=\d+\)', words[6] if len(words) > 6 else b"")
                ),
            )
        )
    return found


def _endpoint(words: str) -> tuple[str, int]:
    address, _, port = words.rpartition(":")
    address = address.strip("[]").partition("%")[0]
    return address.removeprefix("::ffff:"), int(port) if port.isdigit() else 0


# --- files ------------------------------------------------------------------------------------------------------------

FIND: Final = "%y\\0%s\\0%m\\0%U\\0%G\\0%T@\\0%C@\\0%p\\0%l\\0"
"""What find(1) prints of each file: nine fields."""
_KINDS: Final[dict[bytes, Literal["file", "folder", "link"]]] = {b"f": "file", b"d": "folder", b"l": "link"}


def found_file(fields: Sequence[bytes], sha256: str | None = None) -> HostFile:
    """One file of ``find -printf FIND``."""
    kind, size, mode, uid, gid, modified, changed, path, target = fields
    try:
        return HostFile(
            path=path_text(path),
            kind=_KINDS.get(kind, "other"),
            size=int(size),
            mode=int(mode, 8),
            uid=int(uid),
            gid=int(gid),
            modified_at=moment(modified),
            changed_at=moment(changed),
            sha256=sha256,
            target=path_text(target),
        )
    except ValueError:
        raise fault("list of files") from None


def hashes(out: bytes) -> dict[bytes, str]:
    """Path → digest, of ``sha256sum --zero``."""
    found = {}
    for entry in filter(None, out.split(b"\0")):
        if re.match(rb"[0-9a-f]{64} [ *]", entry):
            found[entry[66:]] = entry[:64].decode()
    return found


# --- logins -----------------------------------------------------------------------------------------------------------

_LOGIN: Final = re.compile(
    r"(?P<how>Accepted|Failed) (?P<method>[a-z/-]+) for (?P<invalid>invalid user )?(?P<account>.{0,256})"
    r" from (?P<origin>[0-9a-fA-F.:]+) port \d+ ssh2(?:: \S+ (?P<key>SHA256:\S+))?\s*\Z"
)
_SSHD: Final = re.compile(r"\bsshd(?:-session)?\[(\d+)\]: (.*)")
_TRADITIONAL: Final = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) ")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def login(at: datetime, message: str, raw: str) -> HostLogin | None:
    """sshd's own words: auth.c, auth_log(). The account is what was typed, so the match goes from the line's end."""
    match = _LOGIN.search(message)
    if match is None:
        return None
    return HostLogin(
        id=hashlib.sha256(raw.encode("utf-8", "surrogateescape")).hexdigest()[:32],
        at=at,
        account=match["account"],
        origin=match["origin"].removeprefix("::ffff:"),
        method=match["method"],
        key=match["key"],
        success=match["how"] == "Accepted",
        raw=raw,
    )


def syslog_login(line: bytes, now: datetime) -> HostLogin | None:
    """Of a line of auth.log, in rsyslog's new or traditional form (RFC 3164: no year, the host's zone taken as UTC)."""
    row = text(line)
    found = _SSHD.search(row)
    if found is None:
        return None
    at = _when(row, now)
    return login(at, found[2], row) if at is not None else None


def _when(row: str, now: datetime) -> datetime | None:
    match = _TRADITIONAL.match(row)
    if match is None:
        try:
            at = datetime.fromisoformat(row.split(" ", 1)[0])
        except ValueError:
            return None
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if match[1] not in _MONTHS:
        return None
    month, day = _MONTHS.index(match[1]) + 1, int(match[2])
    for year in (now.year, now.year - 1):
        try:
            at = datetime(year, month, day, int(match[3]), int(match[4]), int(match[5]), tzinfo=UTC)
        except ValueError:  # 29 February of another year
            continue
        if at <= now + timedelta(days=1):
            return at
    return None


def journal_login(line: bytes) -> HostLogin | None:
    """Of a line of ``journalctl -o json``."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("MESSAGE"), str):
        return None
    at = (
        moment(str(int(row["__REALTIME_TIMESTAMP"]) / 1e6))
        if str(row.get("__REALTIME_TIMESTAMP", "")).isdigit()
        else None
    )
    return login(at, row["MESSAGE"], f"{row.get('__CURSOR', '')} {row['MESSAGE']}") if at is not None else None


# --- packages ---------------------------------------------------------------------------------------------------------


def packages(lines: Iterable[bytes]) -> list[Package]:
    """Of dpkg-query or rpm, with tabs."""
    rows = (line.split(b"\t") for line in lines)
    return [
        Package(id=text(row[0]), version=text(row[1]), architecture=text(row[2]))
        for row in rows
        if len(row) >= 3 and (len(row) == 3 or row[3] == b"installed")
    ]


_INST: Final = re.compile(r"Inst (\S+) \[([^\]]+)\] \((\S+) (.*?)(?: \[\S+\])?\)")


def updates(lines: Iterable[bytes]) -> list[Update]:
    """Of ``apt-get --simulate upgrade``: ``Inst name [old] (new Origin:1/suite, … [arch])``; packages that would be new
    have no old version and are none of ours."""
    found = []
    for line in lines:
        match = _INST.match(text(line))
        if match is not None:
            found.append(
                Update(id=match[1], present=match[2], offered=match[3], security="security" in match[4].lower())
            )
    return found


# --- units ------------------------------------------------------------------------------------------------------------


def exec_start(content: bytes) -> str:
    """What a unit's file starts: ExecStart of a service, Unit of a timer; systemd.service(5)."""
    found = re.findall(
        rb"^\s*(?:ExecStart(?:Pre|Post)?|Unit|ListenStream|PathChanged|PathExists)\s*=\s*(.*)$", content, re.M
    )
    return text(b"; ".join(one.strip() for one in found if one.strip()))


def json_of(out: bytes, what: str) -> Any:
    try:
        return json.loads(out)
    except ValueError:
        raise fault(what) from None
