"""How a host is set up: one command, whose sections become a :class:`~tenantry.capabilities.HostPosture`. Nothing is written on the host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from integrations.linux import parse
from integrations.linux import survey_parse as read
from integrations.linux.asking import Asking
from integrations.linux.command import Command
from integrations.linux.posture_script import POSTURE, POSTURE_ROOT
from integrations.linux.survey_parse import Output, Sections
from integrations.linux.survey_script import SMALL, script
from tenantry.capabilities.host_facts import HostAccount, HostRef, path_text
from tenantry.capabilities.posture import FirewallHook, HostPosture, Listener, Mount, Sshd, Unit
from tenantry.errors import VendorFault

__all__ = ["Postures", "hooks", "listeners", "mounts", "sshd_settings", "units"]

_PATIENCE: Final = 600.0
"""Seconds without any output: the walk for what anybody may write says nothing until it finds something."""
_WHOLE: Final = 1800.0
_MOST: Final = max(section.limit for section in POSTURE)


class Postures(Asking):
    """Implements :class:`tenantry.capabilities.Posture`."""

    async def posture_hosts(self) -> Sequence[HostRef]:
        """Every host of the tenant's file."""
        return list(self._refs.values())

    async def posture(self, host: str) -> HostPosture:
        """Raises only where the host cannot be reached or lets us not in."""
        connection = self._to(host)
        await connection.login()
        mark = secrets.token_hex(16).encode()
        asks = connection.sudo and connection.asks
        text = script(POSTURE, sudo=connection.sudo, password=asks, programs=POSTURE_ROOT)
        command = Command.of("sh", "-c", text, stdin=mark + b"\n", asks=True)
        reader, found, broke = Sections(mark, _MOST + 1024), dict[str, Output](), ""
        try:
            async with (
                asyncio.timeout(_WHOLE),
                contextlib.aclosing(connection.stream(command, timeout=_PATIENCE)) as told,
            ):
                async for piece in told:
                    found.update(reader.take(piece))
        except VendorFault as fault:
            broke = fault.message
        except TimeoutError:
            broke = f"it was not through after {_WHOLE / 60:.0f} minutes"
        return _Told(host, connection.target.account, found, broke).posture()


class _Told:
    """What came of the sections, as a posture."""

    def __init__(self, host: str, account: str, found: Mapping[str, Output], broke: str) -> None:
        self._host = host
        self._account = account
        self._found = found
        self._unread: dict[str, str] = {}
        refused = {parse.text(line) for line in self._body("leave").split(b"\n") if line}
        for section in POSTURE:
            output = found.get(section.name)
            kept = sorted(refused.intersection(section.root))
            if kept:
                self._cannot(section.parts, f"sudo does not let us run {', '.join(kept)}")
            elif output is None:
                self._cannot(section.parts, broke or "the host's answer ended before it")
            elif output.status is None:
                self._cannot(section.parts, "the host has more of it than is read")
            elif output.status == 127:
                self._cannot(section.parts, "the host has no program for it")
            elif output.status != 0:
                self._cannot(section.parts, f"what was asked for it ended with {output.status}")

    def _cannot(self, parts: Sequence[str], why: str) -> None:
        for part in parts:
            self._unread.setdefault(part, why)

    def _body(self, name: str) -> bytes:
        found = self._found.get(name)
        return found.body if found is not None else b""

    def posture(self) -> HostPosture:
        """The posture."""
        release, systemd, reboot = (self._body("system").split(b"\0") + [b""] * 3)[:3]
        manager: Literal["systemd", "other"] = "systemd" if systemd.strip() else "other"
        if manager == "other":
            self._cannot(("units",), "systemd does not run there, and nothing else can say which services do")
        sshd = tuple(self._sshd())
        contents = self._contents()
        hooked = self._hooks()
        return HostPosture(
            host=self._host,
            release=_release(release),
            manager=manager,
            responder_account=self._account,
            reboot_required=bool(reboot.strip()),
            accounts=tuple(self._accounts()),
            sshd=sshd,
            kernel=_kernel(self._body("kernel")),
            mounts=tuple(mounts(self._body("mounts"))),
            files={file.path: file for file, _ in read.rows(self._body("files"))},
            contents=contents,
            loose=tuple(file for file, _ in read.rows(self._body("loose"))),
            units=units(self._body("units")) if manager == "systemd" else {},
            listeners=tuple(listeners(self._body("sockets"))),
            packages=frozenset(parse.text(name) for name in self._body("packages").split(b"\n") if name),
            firewall=hooked,
            confinement=self._confinement(),
            synchronised={b"yes": True, b"no": False}.get(self._body("clock").strip()),
            unread=self._unread,
        )

    def _accounts(self) -> Iterator[HostAccount]:
        numbers, members = parse.groups(self._body("group").split(b"\n"))
        states = parse.passwords(self._body("passwords").split(b"\n"))
        for person in parse.passwd(self._body("passwd").split(b"\n")):
            yield parse.host_account(person, numbers, members, states.get(person[0], "unknown"), None)

    def _sshd(self) -> Iterator[Sshd]:
        usual = sshd_settings(self._body("sshd"))
        if usual:
            yield Sshd(file="", settings=usual)
        for one in filter(None, self._body("servers").split(b"\0")):
            file, _, rest = one.partition(b"\n")
            settings = sshd_settings(rest)
            if settings:
                yield Sshd(file=path_text(file), settings=settings)
            else:
                self._cannot(("sshd",), "a server with settings of its own runs, and sudo does not let us read them")

    def _contents(self) -> dict[str, str]:
        found, whole = read.archive(self._body("contents"))
        if not whole:
            self._cannot(("contents",), "the host's settings could not be read whole")
        if any(len(content) > 8 * SMALL for content in found.values()):
            self._cannot(("contents",), "a file of settings is larger than what is judged")
        return {path_text(path): parse.text(content) for path, content in found.items()}

    def _hooks(self) -> tuple[FirewallHook, ...]:
        if "firewall" in self._unread:
            return ()
        try:
            return tuple(hooks(json.loads(self._body("firewall") or b"{}")))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._cannot(("firewall",), "the rules of its packet filter are not of the form that they should be")
            return ()

    def _confinement(self) -> dict[str, bool]:
        apparmor, profiles, selinux = (self._body("confinement").split(b"\0") + [b""] * 3)[:3]
        found = {}
        if apparmor.strip() in (b"Y", b"N"):
            found["apparmor"] = apparmor.strip() == b"Y" and b"(enforce)" in profiles
        if selinux.strip() in (b"0", b"1"):
            found["selinux"] = selinux.strip() == b"1"
        return found


def _release(body: bytes) -> dict[str, str]:
    pairs = (line.partition("=") for line in parse.text(body).splitlines() if not line.startswith("#"))
    return {key: value.strip().strip("\"'") for key, sign, value in pairs if sign}


def _kernel(body: bytes) -> dict[str, str]:
    found = {}
    for line in parse.text(body).splitlines():
        path, sign, value = line.partition(":")
        if sign and path.startswith("/proc/sys/"):
            found[path.removeprefix("/proc/sys/").replace("/", ".")] = value.strip()
    return found


def sshd_settings(body: bytes) -> dict[str, tuple[str, ...]]:
    """Keyword → values of ``sshd -T``; a keyword that stands on several lines has all of theirs."""
    found: dict[str, tuple[str, ...]] = {}
    for line in parse.text(body).splitlines():
        key, _, value = line.strip().partition(" ")
        if key:
            found[key.lower()] = (*found.get(key.lower(), ()), value.strip())
    return found


def mounts(body: bytes) -> Iterator[Mount]:
    """Of /proc/self/mounts; proc_mounts(5). Of several over each other the last one counts."""
    by_path: dict[str, Mount] = {}
    for line in body.split(b"\n"):
        parts = line.split(b" ")
        if len(parts) >= 4:
            path = parse.text(parts[1]).replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n")
            path = path.replace("\\134", "\\")
            options = frozenset(parse.text(parts[3]).split(","))
            by_path[path] = Mount(path=path, kind=parse.text(parts[2]), options=options)
    yield from by_path.values()


def units(body: bytes) -> dict[str, Unit]:
    """Of ``systemctl list-unit-files`` and ``list-units --state=active``, with a NUL between them."""
    files, _, running = body.partition(b"\0")
    active = {parse.text(line.split()[0]) for line in running.split(b"\n") if line.split()}
    states = {
        parse.text(words[0]): parse.text(words[1]) for line in files.split(b"\n") if len(words := line.split()) >= 2
    }
    names = states.keys() | active
    return {name: Unit(id=name, enabled=states.get(name, "transient"), active=name in active) for name in sorted(names)}


def listeners(body: bytes) -> Iterator[Listener]:
    """Of ``ss -HtulnpO``."""
    for line in body.split(b"\n"):
        words = parse.text(line).split()
        if len(words) < 6 or words[0] not in ("tcp", "udp"):
            continue
        address, _, port = words[4].rpartition(":")
        address = address.strip("[]").partition("%")[0].removeprefix("::ffff:")
        program = words[6].partition('(("')[2].partition('"')[0] if len(words) > 6 else ""
        if port.isdigit():
            protocol: Literal["tcp", "udp"] = "tcp" if words[0] == "tcp" else "udp"
            yield Listener(protocol=protocol, address=address, port=int(port), program=program)


_REFUSES: Final = ("drop", "reject")


def hooks(ruleset: Any) -> Iterator[FirewallHook]:
    """Base chains at the hook ``input`` of ``nft -j list ruleset``; libnftables-json(5)."""
    rules: dict[tuple[str, str, str], Any] = {}
    chains: list[dict[str, Any]] = []
    for one in ruleset.get("nftables", []):
        if "chain" in one and one["chain"].get("hook") == "input" and one["chain"].get("type") == "filter":
            chains.append(one["chain"])
        elif "rule" in one:
            rule = one["rule"]
            rules[rule["family"], rule["table"], rule["chain"]] = rule.get("expr", [])
    for chain in chains:
        last = rules.get((chain["family"], chain["table"], chain["name"]), [])
        ends = [part for part in last if "counter" not in part and "log" not in part]
        refuses = chain.get("policy") == "drop" or (len(ends) == 1 and any(name in ends[0] for name in _REFUSES))
        yield FirewallHook(family=chain["family"], table=chain["table"], chain=chain["name"], refuses=refuses)
