"""A look over a whole host: two commands, whose sections become a :class:`~tenantry.capabilities.HostSurvey`.

The first command (:data:`integrations.linux.survey_script.FIRST`) reads everything that can be asked for without knowing anything; the second what
depends on that. Sections are parsed as they come; of what was refused, cut, missing or out of time the survey says so, and the rest of it
stands. Nothing is written on the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from integrations.linux import parse
from integrations.linux import survey_parse as read
from integrations.linux.asking import Asking
from integrations.linux.command import Command
from integrations.linux.reads import pretty_name
from integrations.linux.sshd_files import Configured, configured_by, expanded_keys, started_with
from integrations.linux.survey_parse import Output, Sections
from integrations.linux.survey_script import FIRST, MOST, SECOND, SMALL, Section, script
from tenantry.capabilities import AuthorizedKey, CronEntry, HostAccount, HostSurvey, Process
from tenantry.capabilities.host import HostFile, path_bytes, path_text
from tenantry.capabilities.host_survey import Altered, BootFile, KernelModule, PlacedFile, PrivilegedFile, Records
from tenantry.errors import VendorFault

__all__ = ["Surveys"]

_PATIENCE: Final = 900.0
"""Seconds without any output: a walk over millions of files says nothing until it finds something."""
_WHOLE: Final = 3600.0
"""Seconds for one command: a host that drips is not waited for."""
_MOST_PATHS: Final = 20_000
"""Paths whose packages are asked for."""
_MOST_LINKS: Final = 500


class Surveys(Asking):
    """Of :class:`tenantry.capabilities.Host`: :meth:`survey`."""

    async def survey(self, host: str) -> HostSurvey:
        """Raises only where the host cannot be reached or lets us not in."""
        found = _Found(host)
        await self._sections(host, FIRST, b"", found)
        paths = found.candidates()
        lists = (found.links(), b"".join(b"/proc/%d/status\n" % pid for pid in sorted(found.suspects)), b"".join(paths))
        await self._sections(host, SECOND, b"".join(b"%d\n" % len(one) + one for one in lists), found)
        connection = self._to(host)
        return found.told(connection.target.account, (await connection.login()).key)

    async def _sections(self, host: str, sections: tuple[Section, ...], stdin: bytes, found: _Found) -> None:
        connection = self._to(host)
        await connection.login()  # a host that is away is no matter of a part
        mark = secrets.token_hex(16).encode()
        text = script(sections, sudo=connection.sudo, password=connection.sudo and connection.asks)
        command = Command.of("sh", "-c", text, stdin=mark + b"\n" + stdin, asks=True)
        reader = Sections(mark, MOST + 1024)
        try:
            async with (
                asyncio.timeout(_WHOLE),
                contextlib.aclosing(connection.stream(command, timeout=_PATIENCE)) as told,
            ):
                async for piece in told:
                    for name, output in reader.take(piece):
                        found.take(name, output)
        except VendorFault as fault:
            found.broke = fault.message
        except TimeoutError:
            found.broke = f"it was not through after {_WHOLE / 60:.0f} minutes"
        found.ended(sections)


class _Found:
    """What has come of a survey so far."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.broke = ""
        self.suspects: set[int] = set()
        self._sections: dict[str, Output] = {}
        self._unread: dict[str, str] = {}
        self._refused: frozenset[str] = frozenset()
        self._placed: list[tuple[HostFile, bytes]] = []
        self._contents: dict[bytes, bytes] = {}
        self._configured: dict[bytes, bytes] = {}
        """Of sshd."""
        self._asked: frozenset[bytes] = frozenset()
        """Paths whose contents the second command was asked for."""
        self._people: list[tuple[str, int, int, str, str]] = []
        self._hidden: set[int] = set()
        self._owners: dict[str, str] = {}
        self._altered: list[str] = []
        self._privileged: list[PrivilegedFile] = []
        self._boot: tuple[str, datetime | None, list[BootFile]] = ("", None, [])
        self._kernel: tuple[int, list[KernelModule]] = (0, [])
        self._records = Records()
        self._processes: list[Process] | None = None

    # --- taking -------------------------------------------------------------------------------------------------------

    def take(self, name: str, output: Output) -> None:
        """One section, when it is whole."""
        if name == "leave":
            self._refused = frozenset(parse.text(line) for line in output.body.split(b"\n") if line)
        elif name == "passwd":
            self._people = parse.passwd(output.body.split(b"\n"))
        elif name == "placed":
            self._placed = read.rows(output.body)
        elif name == "configured":
            self._configured, whole = read.archive(output.body)
            if not whole or output.status is None:
                self._cannot("keys", "the configuration of sshd is larger than is read")
        elif name in ("contents", "linked"):
            contents, whole = read.archive(output.body)
            self._contents |= contents
            if not whole or output.status is None:
                self._cannot("files", "there are more, or larger, files in the places that are looked at than are read")
        elif name == "pids":
            suspects, self._hidden, asked = read.hidden(output.body)
            self.suspects = suspects
            if not asked:
                self._cannot("hidden", "the host counts its processes too high for asking for each by its number")
        elif name == "again":
            self._hidden |= read.still_hidden(output.body, self.suspects)
        elif name == "owners":
            self._owners |= read.owned(output.body)
        elif name == "diversions":
            self._owners |= read.diverted(output.body)
            self._sections[name] = output
        elif name == "altered":
            altered, unread = read.verified(output.body)
            self._altered = sorted({path_text(path) for path in altered})
            if unread:
                self._cannot("altered", f"{len(unread)} programs or libraries of packages could not be read")
        elif name == "privileged":
            self._privileged += read.privileged(output.body)
        elif name == "capabilities":
            self._privileged += read.capabilities(output.body)
        elif name == "kernel":
            self._kernel = read.modules(output.body)
        elif name == "boot":
            self._boot = read.boot(output.body)
        elif name == "wtmp":
            self._records = read.records(self._body("records"), output.body, self._body("lastlog"))
        else:
            self._sections[name] = output
        self._standing(name, output)

    def ended(self, sections: Sequence[Section]) -> None:
        """All of these came, or never will."""
        for section in sections:
            if section.name not in self._sections:
                for part in section.parts:
                    self._cannot(part, self.broke or "the host's answer ended before it")

    def _standing(self, name: str, output: Output) -> None:
        section = next((one for one in (*FIRST, *SECOND) if one.name == name), None)
        self._sections.setdefault(name, Output(b"", output.status))
        if section is None:
            return
        for part in section.parts:
            refused = sorted(self._refused.intersection(section.root))
            if refused:
                self._cannot(part, f"sudo does not let us run {', '.join(refused)}")
            elif output.status == 127:
                self._cannot(part, "the host has no program for it")
            elif output.status is None:
                self._cannot(part, "the host has more of it than is read")

    def _cannot(self, part: str, why: str) -> None:
        self._unread.setdefault(part, why)

    def _body(self, name: str) -> bytes:
        found = self._sections.get(name)
        return found.body if found is not None else b""

    # --- what depends on it -------------------------------------------------------------------------------------------

    def links(self) -> bytes:
        """Links whose target says something, and files of keys that sshd looks for elsewhere; NUL-ended."""
        wanted = [
            path
            for file, path in self._placed
            if file.kind == "link" and not file.target.startswith(("/usr/lib/", "/lib/", "/dev/"))
        ]
        elsewhere = [*self._key_files(), *(path for path in self._sshd()[1] if not re.search(rb"[*?\[]", path))]
        wanted += [path for path in elsewhere if path not in self._contents and path not in wanted]
        if len(wanted) > _MOST_LINKS:
            self._cannot("files", f"there are more than {_MOST_LINKS} links in the places that are looked at")
        self._asked = frozenset(wanted[:_MOST_LINKS])
        return b"".join(path + b"\0" for path in wanted[:_MOST_LINKS])

    def candidates(self) -> list[bytes]:
        """Paths whose packages matter, as lines: where something lies, what it names, what runs. One with an end of line in it belongs to no
        package."""
        wanted: dict[bytes, None] = {}
        for file, path in self._placed:
            wanted[path] = None
            if file.target:
                wanted[path_bytes(read.resolved(file.path, file.target))] = None
        for one in (*(file.path for file in self._privileged), *self._altered):
            wanted[path_bytes(one)] = None
        for process in self._running():
            if process.executable.startswith("/"):
                wanted[path_bytes(process.executable)] = None
        for path, content in self._contents.items():
            if not path.startswith(b"/usr/lib/"):
                wanted |= dict.fromkeys(read.programs(content))
        both: dict[bytes, None] = {}
        for path in wanted:
            if b"\n" not in path and b"\0" not in path:
                both[path] = None
                both[path.removeprefix(b"/usr") if path.startswith(b"/usr/") else b"/usr" + path] = None
        if len(both) > 2 * _MOST_PATHS:
            self._cannot("owners", f"there are more than {_MOST_PATHS} paths whose packages would have to be known")
        return [path + b"\n" for path in both][: 2 * _MOST_PATHS]

    def _key_files(self) -> dict[bytes, str]:
        if not self._people:
            return {}
        more = [b"authorizedkeysfile " + name for name in self._sshd()[0].key_files]
        usual = expanded_keys(self._body("sshd").split(b"\n"), self._people)
        return {**expanded_keys(more, self._people), **usual} if more else usual

    def _sshd(self) -> tuple[Configured, list[bytes]]:
        """What any block of any configuration says, of every sshd that runs; and the files of it that were not read."""
        titles = [process.arguments[0] for process in self._running() if process.arguments]
        return configured_by({**self._contents, **self._configured}, titles)

    def _unread_keys(self) -> None:
        """What sshd is told elsewhere than was looked: a file of its own that is not there any more, or one that only such a file names."""
        absent = [path for path in self._sshd()[1] if path not in self._asked or self._started_with(path)]
        absent += [path for path in self._key_files() if path not in self._contents and path not in self._asked]
        if absent:
            self._cannot("keys", f"sshd is told by, or looks for keys in, {path_text(absent[0])}, which was not read")

    def _started_with(self, path: bytes) -> bool:
        return any(started_with(one.arguments[0])[0] == path for one in self._running() if one.arguments)

    # --- telling ------------------------------------------------------------------------------------------------------

    def told(self, account: str, key: str | None) -> HostSurvey:
        """The survey."""
        release, kernel, systemd = (self._body("system").split(b"\0") + [b""] * 3)[:3]
        manager: Literal["systemd", "other"] = "systemd" if systemd.strip() else "other"
        processes = self._running()
        if not any(process.pid == 1 for process in processes):
            self._cannot("processes", f"{account} is not shown the processes of others (mount option hidepid of /proc)")
        taint, modules = self._kernel
        line, changed, boot = self._boot
        self._large()
        self._unread_keys()
        return HostSurvey(
            host=self.host,
            system=pretty_name(release),
            kernel=parse.text(kernel).strip(),
            manager=manager,
            responder_account=account,
            responder_key=key,
            accounts=tuple(self._accounts()),
            keys=tuple(self._keys()),
            cron=tuple(self._cron()),
            files=tuple(self._files()),
            owners=self._owners,
            privileged=tuple(self._privileged),
            altered=tuple(
                Altered(path=path, package=self._owners.get(path, ""))
                for path in self._altered
                if path not in self._moved()
            ),
            processes=tuple(processes),
            hidden=tuple(sorted(self._hidden)),
            connections=tuple(parse.connections(self._body("sockets").split(b"\n"))),
            taint=taint,
            modules=tuple(modules),
            pinned=tuple(path_text(path) for path in self._body("pinned").split(b"\0") if path),
            boot_line=line,
            boot=tuple(boot),
            packages_changed_at=changed,
            records=self._records,
            packages=tuple(parse.text(name) for name in self._body("packages").split(b"\n") if name),
            unread=self._unread,
        )

    def _large(self) -> None:
        """What is larger than what is read, and belongs to nobody, may say anything."""
        for file, path in self._placed:
            told = path in self._contents or path.endswith(b".so") or self._owners.get(file.path) is not None
            if file.kind == "file" and file.size > SMALL and not told:
                self._cannot("files", f"{file.path!r} is larger than the {SMALL // 1024} KiB that are read of a file")

    def _moved(self) -> Mapping[str, str]:
        """Paths that one package had moved for another's sake: sums stand under the old name, and another's file lies there."""
        lines = self._body("diversions").split(b"\n")
        return {path_text(one): "" for one in lines[::3]}

    def _running(self) -> list[Process]:
        if self._processes is None:
            btime = re.search(rb"btime (\d+)", self._body("system"))
            people = {uid: name for name, uid, *_ in reversed(self._people)}
            booted = parse.moment(btime[1] if btime else b"0")
            try:
                files = parse.proc_files(self._body("processes"))
            except VendorFault as fault:
                self._cannot("processes", fault.message)
                files = {}
            self._processes = parse.processes(files, parse.links(self._body("executables")), people, booted)
        return self._processes

    def _accounts(self) -> list[HostAccount]:
        numbers, members = parse.groups(self._body("group").split(b"\n"))
        states = parse.passwords(self._body("passwords").split(b"\n"))
        return [
            parse.host_account(person, numbers, members, states.get(person[0], "unknown"), None)
            for person in self._people
        ]

    def _keys(self) -> list[AuthorizedKey]:
        changed = {path: file.changed_at for file, path in self._placed}
        return [
            key
            for path, name in self._key_files().items()
            if path in self._contents
            for key in parse.authorized_keys(name, path, self._contents[path], changed.get(path, parse.moment(b"0")))
        ]

    def _cron(self) -> list[CronEntry]:
        found = []
        for file, path in self._placed:
            table = re.fullmatch(
                rb"/etc/(?:ana)?crontab|/etc/cron\.d/.*|/var/spool/cron/(?:crontabs/|tabs/)?([^/]+)", path, re.S
            )
            content = self._contents.get(path)
            if table is None or content is None or path == b"/etc/anacrontab":
                continue
            whose = parse.text(table[1]) if table[1] else None
            for schedule, account, command, enabled, line in parse.crontab(content, account=whose):
                found.append(
                    CronEntry(
                        id=parse.line_id(file.path, line),
                        kind="line",
                        account=account,
                        path=file.path,
                        schedule=schedule,
                        command=command,
                        enabled=enabled,
                        line=path_text(line),
                        file_changed_at=file.changed_at,
                        package=self._owners.get(file.path),
                    )
                )
        return found

    def _files(self) -> Iterable[PlacedFile]:
        homes = read.homes(self._people)
        for file, path in self._placed:
            content = self._contents.get(path)
            place = read.area(file.path)
            if place == "keys":
                continue  # their lines are facts of their own
            if file.path.startswith("/usr/") and file.path in self._owners:
                content = None  # a package's own: its sum says whether it is
            yield PlacedFile(
                area=place,
                path=file.path,
                account=next((name for home, name in homes.items() if home and file.path.startswith(home + "/")), ""),
                mode=file.mode,
                uid=file.uid,
                changed_at=file.changed_at,
                target=read.resolved(file.path, file.target),
                content=None if content is None else parse.text(content),
            )
