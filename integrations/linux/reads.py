"""What is read of a host. Programs are those of any Debian (coreutils, findutils, iproute2, procps); a few read what only
root may (:mod:`integrations.linux.sudo`). Nothing is written on the host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from integrations.linux import isolation, parse
from integrations.linux.asking import LONG, found_files, lines
from integrations.linux.command import Command
from integrations.linux.sshd_files import SshdFiles
from tenantry.capabilities import (
    CronEntry,
    HostAccount,
    HostConnection,
    HostFacts,
    HostFile,
    HostLogin,
    HostRef,
    HostSession,
    HostUnit,
    Isolation,
    Package,
    Process,
    Update,
)
from tenantry.capabilities.host import UNIT_ASIDE, path_text
from tenantry.errors import PermissionMissing, VendorFault

__all__ = ["Reads", "pretty_name"]

UNIT_FOLDERS: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where system units lie, the first one counts; systemd.unit(5), "Unit File Load Path"."""
ASIDE: Final = ".tenantry-quarantined"
"""How the file of a masked unit's name ends meanwhile: no kind of unit ends so, and systemd does not see it."""
_UNIT_KINDS: Final = ("service", "timer", "socket", "path")
_CRON_TABLES: Final = ("/etc/crontab", "/etc/anacrontab")
_CRON_FOLDERS: Final = ("/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron")
_CRON_SCRIPTS: Final = ("hourly", "daily", "weekly", "monthly")
_LOGS: Final = ("/var/log/auth.log.1", "/var/log/auth.log", "/var/log/secure")


class Reads(SshdFiles):
    """The reading half of :class:`tenantry.capabilities.Host`."""

    # --- the host -----------------------------------------------------------------------------------------------------

    async def hosts(self) -> Sequence[HostRef]:
        """Every host of the tenant's file."""
        return list(self._refs.values())

    async def facts(self, host: str) -> HostFacts:
        """Nine small reads in one command, as lines of a fixed number."""
        connection = self._to(host)
        login = await connection.login()
        begun, clock = time.time(), time.monotonic()
        date = await self._ok(host, Command.of("date", "+%s.%N"))
        took = time.monotonic() - clock
        release, ids, kernel, stat, addresses, systemd, reboot, lists, origin = await asyncio.gather(
            self._ok(host, Command.of("cat", "/etc/os-release"), codes=(0, 1)),
            self._ok(host, Command.of("cat", "/etc/machine-id", "/proc/sys/kernel/random/boot_id"), codes=(0, 1)),
            self._ok(host, Command.of("uname", "-n", "-r", "-m")),
            self._ok(host, Command.of("grep", "^btime ", "/proc/stat")),
            self._ok(host, Command.of("ip", "-o", "-br", "address", "show", "up")),
            self._ok(host, Command.of("test", "-d", "/run/systemd/system"), codes=(0, 1)),
            self._ok(host, Command.of("test", "-e", "/run/reboot-required"), codes=(0, 1)),
            self._ok(host, Command.of("stat", "-c", "%Y", "/var/lib/apt/lists"), codes=(0, 1)),
            self._ok(host, Command.of("printenv", "SSH_CONNECTION"), codes=(0, 1)),
        )
        words = parse.text(kernel.out).split()
        machine = [parse.text(line) for line in ids.lines()]
        seen = parse.text(origin.out).split()
        return HostFacts(
            id=host,
            hostname=words[0] if words else "",
            machine_id=machine[0] if len(machine) == 2 else "",
            boot_id=machine[-1] if machine else "",
            system=pretty_name(release.out),
            kernel=words[1] if len(words) > 1 else "",
            architecture=words[2] if len(words) > 2 else "",
            booted_at=parse.moment(stat.out.split()[-1] if stat.out.split() else b"0"),
            clock_skew=round(parse.moment(date.out.strip()).timestamp() - (begun + took / 2), 3),
            addresses=tuple(
                part.split("/")[0]
                for line in addresses.lines()
                for part in parse.text(line).split()[2:]
                if "/" in part and not line.startswith(b"lo ")
            ),
            manager="systemd" if systemd.code == 0 else "other",
            responder_account=connection.target.account,
            responder_address=seen[0].removeprefix("::ffff:") if seen else "",
            responder_key=login.key,
            reboot_required=reboot.code == 0,
            package_lists_at=parse.moment(lists.out.strip()) if lists.code == 0 else None,
        )

    # --- accounts and sessions ----------------------------------------------------------------------------------------

    async def accounts(self, host: str) -> Sequence[HostAccount]:
        """Names and groups as the host resolves them; passwords and expiry without their hashes."""
        people, crowd, state, ends = await asyncio.gather(
            self._ok(host, Command.of("getent", "passwd")),
            self._ok(host, Command.of("getent", "group")),
            self._ok(host, Command.of("passwd", "-S", "-a", root=True)),
            self._ok(host, Command.of("cut", "-d:", "-f1,8", "/etc/shadow", root=True)),
        )
        by_number, members = parse.groups(crowd.lines())
        passwords, expiries = parse.passwords(state.lines()), parse.expiries(ends.lines())
        return [
            parse.host_account(person, by_number, members, passwords.get(person[0], "unknown"), expiries.get(person[0]))
            for person in parse.passwd(people.lines())
        ]

    async def sessions(self, host: str) -> Sequence[HostSession]:
        """sshd's own processes say who is on, also without a terminal."""
        processes, connections = await asyncio.gather(self.processes(host), self.connections(host))
        origins = {pid: c.remote for c in connections if c.remote for pid in c.pids}
        found = []
        titles = {process.pid: process.arguments[:1] for process in processes}
        for process in processes:
            title = process.arguments[0] if process.arguments else ""
            if titles.get(process.parent) == (title,):
                continue  # works for the session that its parent is
            whose, separator, terminal = title.removeprefix("sshd: ").partition("@")
            served = process.name in ("sshd", "sshd-session") and title.startswith("sshd: ")
            if not served or not separator or "[" in title:
                continue
            found.append(
                HostSession(
                    id=str(process.pid),
                    account=whose if process.uid == 0 else process.account,
                    terminal=terminal.strip(),
                    origin=origins.get(process.pid, ""),
                    since=process.started_at,
                )
            )
        return found

    async def logins(self, host: str, since: datetime) -> AsyncIterator[HostLogin]:
        """Of the journal where systemd runs, else of the log files."""
        systemd = await self._ok(host, Command.of("test", "-d", "/run/systemd/system"), codes=(0, 1))
        connection = self._to(host)
        if systemd.code == 0:
            command = Command.of(
                *("journalctl", "--quiet", "--no-pager", "--output=json", f"--since=@{int(since.timestamp())}"),
                *("--identifier=sshd", "--identifier=sshd-session"),
                root=True,
            )
            try:
                async for line in lines(connection.stream(command, timeout=LONG)):
                    found = parse.journal_login(line)
                    if found is not None:
                        yield found
            except VendorFault as fault:
                if fault.detail.get("status") is not None:
                    await self._permitted(host, command)
                raise
            return
        there = await self._found(host, [path.encode() for path in _LOGS], follow=True)
        now = datetime.now(UTC)
        for path in (one for one in _LOGS if one in there):
            command = Command.of("grep", "-aE", "sshd(-session)?\\[", path, root=True, quiet=True)
            try:
                async for line in lines(connection.stream(command, timeout=LONG)):
                    found = parse.syslog_login(line, now)
                    if found is not None and found.at >= since:
                        yield found
            except VendorFault as fault:
                if fault.detail.get("status") != 1:  # grep's word for "no line matched"
                    raise
                await self._permitted(host, command)

    # --- what stays; keys and other ways in: `sshd_files.py` ---------------------------------------------------------

    async def units(self, host: str) -> Sequence[HostUnit]:
        """Files of units, with what the manager says of them where there is one."""
        connection = self._to(host)
        names = [part for kind in _UNIT_KINDS for end in ("", ASIDE) for part in ("-o", "-name", f"*.{kind}{end}")][1:]
        where = ("find", *UNIT_FOLDERS, "-maxdepth", "1", "(", *names, ")")
        listed, digests, starts, states, running, manager = await asyncio.gather(
            self._ok(host, Command.of(*where, "-printf", parse.FIND, quiet=True), codes=(0, 1)),
            self._ok(
                host, Command.of(*where, "-type", "f", "-exec", "sha256sum", "-z", "{}", "+", quiet=True), codes=(0, 1)
            ),
            self._ok(
                host,
                Command.of(
                    *where,
                    *(
                        "-exec",
                        "grep",
                        "-aEHZ",
                        "^[[:space:]]*(ExecStart(Pre|Post)?|Unit|ListenStream|PathChanged|PathExists)[[:space:]]*=",
                    ),
                    *("{}", "+"),
                    quiet=True,
                ),
                codes=(0, 1),
            ),
            self._ok(
                host,
                Command.of(
                    *("systemctl", "list-unit-files", f"--type={','.join(_UNIT_KINDS)}"),
                    *("--no-legend", "--no-pager", "--full"),
                ),
                codes=(0, 1),
            ),
            connection.read(
                Command.of(
                    *("systemctl", "list-units", "--all", "--plain", f"--type={','.join(_UNIT_KINDS)}"),
                    *("--no-legend", "--no-pager", "--full"),
                )
            ),
            self._ok(host, Command.of("test", "-d", "/run/systemd/system"), codes=(0, 1)),
        )
        enabled = {parse.text(w[0]): parse.text(w[1]) for line in states.lines() if len(w := line.split()) >= 2}
        active = {parse.text(w[0]): parse.text(w[2]) for line in running.lines() if len(w := line.split()) >= 4}
        commands: dict[bytes, bytes] = {}
        for line in starts.lines():
            path, _, row = line.partition(b"\0")
            commands[path] = commands.get(path, b"") + row + b"\n"
        files = list(found_files(listed.out))
        hashed = parse.hashes(digests.out)
        first: dict[str, tuple[HostFile, bytes]] = {}
        order = {folder: at for at, folder in enumerate(UNIT_FOLDERS)}

        def place(pair: tuple[HostFile, bytes]) -> tuple[bool, int]:
            return pair[0].path.endswith(ASIDE), order.get(pair[0].path.rsplit("/", 1)[0], len(order))

        for file, path in sorted(files, key=place):  # what lies aside counts where nothing else has its name
            first.setdefault(parse.text(path.rsplit(b"/", 1)[1]).removesuffix(ASIDE), (file, path))
        owned = await self._owners(host, [path.removesuffix(ASIDE.encode()) for _, path in first.values()])
        booted = manager.code == 0
        return [
            HostUnit(
                id=name,
                enabled=_state(file, enabled.get(name, "unknown")),
                active=active.get(name, "inactive") if booted else "unknown",
                path=file.path.removesuffix(ASIDE),
                command=parse.exec_start(commands.get(path, b"")),
                sha256=hashed.get(path),
                changed_at=file.changed_at,
                package=owned.get(path.removesuffix(ASIDE.encode())),
            )
            for name, (file, path) in sorted(first.items())
        ]

    async def cron(self, host: str) -> Sequence[CronEntry]:
        """Tables and script folders of cron(8), Debian's and Red Hat's places."""
        scripts = tuple(f"/etc/cron.{every}" for every in _CRON_SCRIPTS)
        found = await self._ok(
            host,
            Command.of(
                *("find", "-L", *_CRON_TABLES, *_CRON_FOLDERS, *scripts, "-maxdepth", "1", "-type", "f"),
                *("-printf", parse.FIND),
                root=True,
                quiet=True,
            ),
            codes=(0, 1),
        )
        files = dict.fromkeys(path for _, path in found_files(found.out))
        facts = {path: file for file, path in found_files(found.out)}
        tables = [path for path in files if not path.startswith(b"/etc/cron.") or path.startswith(b"/etc/cron.d/")]
        contents, owned = await asyncio.gather(self._contents(host, tables), self._owners(host, list(files)))
        entries: list[CronEntry] = []
        for path in files:
            file = facts[path]
            shared = {"path": file.path, "file_changed_at": file.changed_at, "package": owned.get(path)}
            if path in contents:
                whose = parse.text(path.rsplit(b"/", 1)[1]) if path.startswith(b"/var/spool/cron/") else None
                for schedule, account, command, enabled, line in parse.crontab(contents[path], account=whose):
                    entries.append(
                        CronEntry(
                            id=parse.line_id(file.path, line),
                            kind="line",
                            account=account,
                            schedule=schedule,
                            command=command,
                            enabled=enabled,
                            line=path_text(line),
                            **shared,
                        )
                    )
            elif path not in tables:
                entries.append(
                    CronEntry(
                        id=file.path,
                        kind="script",
                        account="root",
                        schedule=f"@{file.path.split('/')[2].removeprefix('cron.')}",
                        command=file.path,
                        enabled=bool(file.mode & 0o111),
                        line="",
                        **shared,
                    )
                )
        return entries

    # --- what runs ----------------------------------------------------------------------------------------------------

    async def processes(self, host: str) -> Sequence[Process]:
        """All of /proc in two commands; NULs between everything that an intruder can name."""
        where = ("find", "/proc", "-mindepth", "2", "-maxdepth", "2")
        wanted = [part for name in ("stat", "status", "cmdline") for part in ("-o", "-path", f"/proc/[0-9]*/{name}")][
            1:
        ]
        files, executables, boot, names = await asyncio.gather(
            self._ok(
                host,
                Command.of(*where, "(", *wanted, ")", "-exec", "grep", "-azZH", "", "{}", "+", quiet=True),
                codes=(0, 1),
            ),
            self._ok(
                host,
                Command.of(*where, "-path", "/proc/[0-9]*/exe", "-printf", "%p\\0%l\\0", root=True, quiet=True),
                codes=(0, 1),
            ),
            self._ok(host, Command.of("grep", "^btime ", "/proc/stat")),
            self._ok(host, Command.of("getent", "passwd")),
        )
        people = {uid: name for name, uid, *_ in reversed(parse.passwd(names.lines()))}
        booted = parse.moment(boot.out.split()[-1])
        found = parse.processes(parse.proc_files(files.out), parse.links(executables.out), people, booted)
        if not any(process.pid == 1 for process in found):
            # proc(5), "hidepid": a process that is not shown to us would count as one that is gone.
            raise PermissionMissing(
                f"{host}: {self._to(host).target.account} is not shown the processes of others",
                remedy="Sign in as root, or put the account into the group that /proc's mount option gid= names.",
                vendor="linux",
            )
        return found

    async def connections(self, host: str) -> Sequence[HostConnection]:
        """Of ss(8)."""
        return parse.connections((await self._ok(host, Command.of("ss", "-HtunapO", root=True))).lines())

    async def packages(self, host: str) -> Sequence[Package]:
        """Of dpkg, or of rpm where there is no dpkg."""
        form = "${binary:Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"
        listed = await self._to(host).read(Command.of("dpkg-query", "-W", "-f", form))
        if listed.code == 127:
            listed = await self._ok(host, Command.of("rpm", "-qa", "--qf", "%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n"))
        return parse.packages(listed.lines())

    async def updates(self, host: str) -> Sequence[Update]:
        """What apt would upgrade. Raises Rejected on a host without apt."""
        simulated = await self._ok(
            host,
            Command.of("apt-get", "--simulate", "--quiet", "-o", "Debug::NoLocking=true", "upgrade"),
            timeout=LONG,
        )
        return parse.updates(simulated.lines())

    # --- isolation ----------------------------------------------------------------------------------------------------

    async def isolation(self, host: str) -> Isolation:
        """What nft says now."""
        listed = await self._ok(host, isolation.tables())
        there, unconfirmed = isolation.tokens(parse.json_of(listed.out, "firewall"))
        if not there:
            return Isolation(active=False, confirmed=False, allowed=())
        rules = await self._ok(host, isolation.rules(), codes=(0, 1))
        if rules.code != 0:
            there, unconfirmed = isolation.tokens(
                parse.json_of((await self._ok(host, isolation.tables())).out, "firewall")
            )
            if not there:  # taken back between the two looks
                return Isolation(active=False, confirmed=False, allowed=())
            rules = await self._ok(host, isolation.rules())
        return isolation.state(parse.json_of(rules.out, "firewall"), unconfirmed)

    async def reaches(self, host: str, other: str) -> bool:
        """Through the host's own sshd; nothing is run on it."""
        target = self._to(other).target
        return await self._to(host).knock(target.address, target.port, 3.0)


def _state(unit: HostFile, said: str) -> str:
    """Whether a unit is enabled, by its file and what systemctl says."""
    if unit.path.endswith(ASIDE):
        return UNIT_ASIDE
    return "masked" if unit.target == "/dev/null" else said


def pretty_name(release: bytes) -> str:
    """``PRETTY_NAME`` of os-release(5)."""
    for line in release.split(b"\n"):
        if line.startswith(b"PRETTY_NAME="):
            return parse.text(line[12:].strip().strip(b"\"'"))
    return ""
