"""What is changed on a host. Each write is repeat-safe: done twice it does no more than once, and what is so already stays
so. Files are changed by ``sed -i``, which writes a file of its own and renames it over the old one: it neither follows a
link that an intruder left in its place nor leaves half a file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal

from integrations.linux import isolation, parse
from integrations.linux.command import Command, Outcome, bre
from integrations.linux.command import account as account_name
from integrations.linux.command import unit as unit_name
from integrations.linux.connection import Connection
from integrations.linux.posture import Postures
from integrations.linux.reads import ASIDE, Reads
from integrations.linux.survey import Surveys
from tenantry.capabilities import AuthorizedKey, CronEntry, HostRef, HostUnit, Update
from tenantry.capabilities.host import QUARANTINE, path_bytes
from tenantry.errors import PermissionMissing, Rejected, TargetNotFound, Unreachable

__all__ = ["LinuxHosts"]

ROLLBACK_AFTER: Final = 60
"""Seconds until the host takes an isolation back that we have not confirmed."""
_SIGNALS: Final = {"stop": "-STOP", "continue": "-CONT", "kill": "-KILL"}
_GONE: Final = (0, 1)


class LinuxHosts(Reads, Surveys, Postures):
    """Implements :class:`tenantry.capabilities.Host` and :class:`tenantry.capabilities.Posture`.

    Args as :class:`Reads`, and:
        responders: addresses that always get through an isolation, beside the one that we come from.
        mirrors: addresses of package mirrors, to which an isolated host may still go.
        rollback_after: seconds.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection],
        refs: Mapping[str, HostRef],
        *,
        responders: Sequence[str] = (),
        mirrors: Sequence[str] = (),
        rollback_after: int = ROLLBACK_AFTER,
    ) -> None:
        super().__init__(connections, refs)
        self._responders = tuple(responders)
        self._mirrors = tuple(mirrors)
        self._rollback_after = rollback_after

    async def _do(self, host: str, command: Command, codes: Sequence[int] = (0,)) -> Outcome:
        outcome = await self._to(host).write(command)
        if outcome.code not in codes:
            raise await self.refusal(host, command, outcome)
        if outcome.code != 0:
            await self._permitted(host, command)
        return outcome

    async def run_read(self, host: str, command: Command) -> Outcome:
        """For the provider's other capabilities: a read, whatever its exit status. Raises TargetNotFound."""
        return await self._to(host).read(command)

    async def run_write(self, host: str, command: Command) -> None:
        """Likewise: a write, which must succeed."""
        await self._do(host, command)

    # --- accounts -----------------------------------------------------------------------------------------------------

    async def lock_account(self, host: str, account: str) -> None:
        """usermod(8): the password alone would leave keys in force, the expiry shuts every door (pam_unix(8), sshd(8))."""
        await self._do(host, Command.of("usermod", "--lock", "--expiredate", "1", account_name(account), root=True))

    async def unlock_account(self, host: str, account: str, *, password: bool, expires: date | None) -> None:
        """usermod(8)."""
        options = ("--unlock",) if password else ()
        day = expires.isoformat() if expires is not None else ""
        await self._do(host, Command.of("usermod", *options, "--expiredate", day, account_name(account), root=True))

    async def end_sessions(self, host: str, account: str) -> None:
        """pkill(1): every process of the account, whatever it calls itself."""
        await self._do(host, Command.of("pkill", "-KILL", "-u", account_name(account), root=True), _GONE)

    # --- lines of files -----------------------------------------------------------------------------------------------

    async def set_key_enabled(self, host: str, key: AuthorizedKey, enabled: bool) -> None:
        """The line as a comment, and back."""
        await self._mark(host, key.path, key.line, enabled)

    async def set_cron_enabled(self, host: str, entry: CronEntry, enabled: bool) -> None:
        """The line as a comment, and back; a script's permission to be executed."""
        if entry.kind == "line":
            await self._mark(host, entry.path, entry.line, enabled)
            return
        await self._exists(host, entry.path)
        await self._do(host, Command.of("chmod", "a+x" if enabled else "a-x", path_bytes(entry.path), root=True))

    async def _mark(self, host: str, path: str, line: str, enabled: bool) -> None:
        """Put the mark before exactly this line, or take it away. A line that is not there is left alone."""
        mark, whole = QUARANTINE.encode(), bre(path_bytes(line))
        program = (
            b"\\%^" + mark + whole + b"$%s%^" + mark + b"%%" if enabled else b"\\%^" + whole + b"$%s%^%" + mark + b"%"
        )
        await self._exists(host, path)
        raw = path_bytes(path)
        sought = (mark if enabled else b"") + path_bytes(line)
        looked = Command.of("grep", "-aqxF", "-e", sought, "--", raw, root=True)
        if (await self._ok(host, looked, codes=_GONE)).code == 0:  # else the file stays as it is, its times too
            await self._do(host, Command.of("sed", "--in-place", "-e", program, raw, root=True))

    async def _exists(self, host: str, path: str) -> None:
        raw = path_bytes(path)
        if not raw.startswith(b"/"):
            raise Rejected("a path on a host begins with a slash", vendor="linux")
        if path not in await self._found(host, [raw], follow=True):
            raise TargetNotFound(f"{host}: {path} is not there", vendor="linux")

    # --- units --------------------------------------------------------------------------------------------------------

    async def set_unit_enabled(self, host: str, unit: HostUnit, enabled: bool) -> None:
        """systemctl(1). A file in /etc is moved aside first: the mask is a link of the same name."""
        name, path = unit_name(unit.id), path_bytes(unit.path)
        own = path.startswith(b"/etc/systemd/system/") and path == b"/etc/systemd/system/" + name
        systemd = (await self._ok(host, Command.of("test", "-d", "/run/systemd/system"), codes=_GONE)).code == 0
        if not enabled:
            now = ("--now",) if systemd else ()
            # 1: there is nothing to disable any more, an earlier attempt came as far; what counts is read back anyway.
            await self._do(host, Command.of("systemctl", "disable", "--quiet", *now, "--", name, root=True), _GONE)
            there = await self._found(host, [path], follow=False) if own else {}
            if unit.path in there and there[unit.path].kind == "file":
                await self._do(host, Command.of("mv", "-T", "--", path, path + ASIDE.encode(), root=True))
            await self._do(host, Command.of("systemctl", "mask", "--quiet", "--", name, root=True))
            return
        await self._do(host, Command.of("systemctl", "unmask", "--quiet", "--", name, root=True))
        if own and await self._found(host, [path + ASIDE.encode()], follow=False):
            await self._do(host, Command.of("mv", "-T", "-n", "--", path + ASIDE.encode(), path, root=True))
        if systemd:
            await self._do(host, Command.of("systemctl", "daemon-reload", root=True))
        if unit.enabled == "enabled":
            await self._do(host, Command.of("systemctl", "enable", "--quiet", "--", name, root=True))
        if systemd and unit.active == "active":
            await self._do(host, Command.of("systemctl", "start", "--no-block", "--", name, root=True))

    # --- processes ----------------------------------------------------------------------------------------------------

    async def signal(self, host: str, process: str, kind: Literal["stop", "continue", "kill"]) -> None:
        """kill(1), right after a look whether the number still belongs to this process."""
        try:
            pid = await self.living(host, process)
        except TargetNotFound:
            if kind == "kill":
                return
            raise
        command = Command.of("kill", _SIGNALS[kind], "--", str(pid), root=True)
        outcome = await self._to(host).write(command)
        if outcome.code != 0:
            why = await self.refusal(host, command, outcome)
            if isinstance(why, PermissionMissing):
                raise why
            await self.living(host, process)  # gone meanwhile: TargetNotFound
            raise why

    # --- updates ------------------------------------------------------------------------------------------------------

    async def install_updates(self, host: str, updates: Sequence[Update]) -> None:
        """apt-get(8), begun so that it goes on without us: it takes longer than a write may. dpkg's lock keeps a second one
        out. Configuration files that somebody changed stay."""
        if not updates:
            return
        wanted = [f"{update.id}={update.offered}".encode() for update in updates]
        if any(one.startswith(b"-") or b"/" in one for one in wanted):
            raise Rejected("this cannot be the name of a package", vendor="linux")
        apt = (
            *(b"apt-get", b"install", b"--yes", b"--quiet", b"--only-upgrade", b"--no-remove"),
            *(b"-o", b"Dpkg::Options::=--force-confold", b"-o", b"Dpkg::Options::=--force-confdef", b"--", *wanted),
        )
        systemd = (await self._ok(host, Command.of("test", "-d", "/run/systemd/system"), codes=_GONE)).code == 0
        if systemd:
            head: tuple[str, ...] = (
                *("systemd-run", "--collect", "--quiet", "--unit=tenantry-updates"),
                "--setenv=DEBIAN_FRONTEND=noninteractive",
            )
            # 1: a unit of this name runs already.
            await self._do(host, Command.of(*head, *apt, root=True), _GONE)
        else:
            script = 'exec </dev/null >/dev/null 2>&1; DEBIAN_FRONTEND=noninteractive exec "$@"'
            await self._do(
                host, Command.of("setsid", "--fork", "sh", "-c", script, "tenantry-updates", *apt, root=True)
            )

    # --- isolation ----------------------------------------------------------------------------------------------------

    async def isolate(self, host: str, allowed: Sequence[str]) -> None:
        """Armed, cut off, come in anew, confirmed. Raises Unreachable when we did not get in anew; the host then takes it
        back by itself."""
        connection = self._to(host)
        origin = parse.text((await self._ok(host, Command.of("printenv", "SSH_CONNECTION"))).out).split()
        if len(origin) != 4:
            raise Rejected(f"{host} does not tell where it sees us come from, so it cannot let us in", vendor="linux")
        systemd = (await self._ok(host, Command.of("test", "-d", "/run/systemd/system"), codes=_GONE)).code == 0
        token = secrets.token_hex(8)
        rules = isolation.ruleset(
            [*allowed, *self._responders, origin[0].removeprefix("::ffff:")], int(origin[3]), token, self._mirrors
        )
        await self._do(host, isolation.arm(token, self._rollback_after, systemd=systemd))
        await self._do(host, Command.of("nft", "-f", "-", root=True, stdin=rules))
        try:
            anew = await connection.fresh()
        except Unreachable as error:
            raise Unreachable(
                f"{host} was cut off, and we do not get in anew; it takes that back within {self._rollback_after} seconds",
                remedy="Put the address that the host sees us come from under settings.responder_addresses, then resume.",
                vendor="linux",
            ) from error
        try:
            _, others = await self._tables(host)
            for one in dict.fromkeys([token, *others]):
                outcome = await anew.write(isolation.confirm(one))
                if outcome.code != 0 and one == token:
                    raise Unreachable(f"{host} had taken the isolation back before it was confirmed", vendor="linux")
        finally:
            await anew.aclose()

    async def release(self, host: str) -> None:
        """One transaction."""
        _, unconfirmed = await self._tables(host)
        await self._do(host, isolation.release(unconfirmed))

    async def _tables(self, host: str) -> tuple[bool, list[str]]:
        listed = await self._ok(host, isolation.tables())
        return isolation.tokens(parse.json_of(listed.out, "firewall"))
