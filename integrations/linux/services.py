"""``host_service`` over SSH: systemd's units and PostgreSQL of Debian.

PostgreSQL is spoken to by ``psql`` on the host, as the account ``postgres`` over its own socket (peer authentication), so no password of a
database is needed or kept. Queries of checks run with ``default_transaction_read_only``.

A restore goes into a database of another name (``tenantry_<mark>``), and takes its name when ``pg_restore --exit-on-error``, or ``psql`` with
ON_ERROR_STOP, ended well: half a database never has the name that the service looks for. What became of it is in a folder of its own
under /var/lib/postgresql, by the token's mark.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from integrations.linux.command import Command
from integrations.linux.command import unit as unit_name
from integrations.linux.writes import LinuxHosts
from tenantry.capabilities.host_service import CommandOutput, DatabaseRestore, NewestOf
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["LinuxServices"]

_DATABASE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_PLACE: Final = "/var/lib/postgresql"
_AS_POSTGRES: Final = ("runuser", "-u", "postgres", "--")
_MOST: Final = 64 * 1024

_RESTORE: Final = r"""
exec >"$1.log" 2>&1
if createdb "$2" && case "$(head -c 5 "$4")" in
  PGDMP) pg_restore --exit-on-error --no-owner -d "$2" "$4" ;;
  *) psql -X -q -v ON_ERROR_STOP=1 -d "$2" -f "$4" ;;
esac && psql -X -q -v ON_ERROR_STOP=1 -d postgres -c "ALTER DATABASE $2 RENAME TO $3"
then mv "$1.log" "$1.done"
else dropdb --if-exists "$2"; mv "$1.log" "$1.failed"
fi
"""


class LinuxServices:
    """Implements :class:`tenantry.capabilities.HostService`."""

    def __init__(self, hosts: LinuxHosts) -> None:
        self._hosts = hosts

    # --- reads --------------------------------------------------------------------------------------------------------

    async def command(self, host: str, argv: Sequence[str], *, root: bool, within: float) -> CommandOutput:
        """timeout(1) ends it on the host. Not what runs as root: who may run that as root by sudo may run anything."""
        words = tuple(argv) if root else ("timeout", f"{within:g}", *argv)
        outcome = await self._hosts.run_read(host, Command.of(*words, root=root))
        return CommandOutput(status=outcome.code, output=outcome.out[:_MOST].decode("utf-8", "replace"))

    async def query(self, host: str, database: str, sql: str, *, within: float) -> str:
        """psql(1)."""
        milliseconds = int(within * 1000)
        options = f"PGOPTIONS=-c default_transaction_read_only=on -c statement_timeout={milliseconds}"
        argv = (
            *_AS_POSTGRES,
            "env",
            options,
            "psql",
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            _name(database),
        )
        outcome = await self._hosts.run_read(host, Command.of(*argv, "-c", sql, root=True))
        if outcome.code != 0:
            raise Rejected(
                f"{host}: PostgreSQL refused the query to {database} (psql ended with {outcome.code})", vendor="linux"
            )
        return outcome.out.decode("utf-8", "replace").split("\n", 1)[0]

    async def newest_file(self, host: str, path: str) -> NewestOf:
        """find(1), on the same file system."""
        command = Command.of("find", path, "-xdev", "-type", "f", "-printf", "%T@\\n", root=True)
        outcome = await self._hosts.run_read(host, command)
        if outcome.code != 0:
            raise TargetNotFound(f"{host}: {path} cannot be read as a whole", vendor="linux")
        times = [float(line) for line in outcome.out.split()]
        return NewestOf(count=len(times), newest=datetime.fromtimestamp(max(times), UTC) if times else None)

    async def service_active(self, host: str, unit: str) -> bool:
        """systemctl(1): ``is-active`` ends with 0 when it is, with 3 when it is not, with 4 when there is no such unit."""
        outcome = await self._hosts.run_read(
            host, Command.of("systemctl", "is-active", "--quiet", "--", unit_name(unit))
        )
        if outcome.code not in (0, 3):
            raise TargetNotFound(
                f"{host}: whether {unit} runs cannot be told (systemctl ended with {outcome.code})", vendor="linux"
            )
        return outcome.code == 0

    async def database_tables(self, host: str, database: str) -> int | None:
        """pg_catalog, without those of the system."""
        there = await self.query(
            host,
            "postgres",
            f"SELECT count(*) FROM pg_database WHERE datname = '{_name(database)}'",  # noqa: S608 - a name of letters and digits
            within=20,
        )
        if there.strip() != "1":
            return None
        counted = await self.query(
            host,
            database,
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
            within=20,
        )
        return int(counted)

    async def database_restore(self, host: str, *, token: str) -> DatabaseRestore:
        """By the file that the restore leaves; its last words where it failed."""
        mark = _mark(token)
        found = await self._hosts.run_read(
            host,
            Command.of(
                "find", _PLACE, "-maxdepth", "1", "-name", f"{mark}.*", "-printf", "%f\\n", root=True, quiet=True
            ),
        )
        names = {name.rpartition(".")[2] for name in found.out.decode("ascii", "replace").split()}
        if "done" in names:
            return DatabaseRestore(state="completed")
        if "failed" in names:
            said = await self._hosts.run_read(host, Command.of("cat", f"{_PLACE}/{mark}.failed", root=True))
            return DatabaseRestore(state="failed", message=said.out[-300:].decode("utf-8", "replace").strip())
        return DatabaseRestore(state="running" if "log" in names else "absent")

    # --- writes -------------------------------------------------------------------------------------------------------

    async def start_service(self, host: str, unit: str) -> None:
        """systemctl(1)."""
        await self._hosts.run_write(host, Command.of("systemctl", "enable", "--now", "--", unit_name(unit), root=True))

    async def stop_service(self, host: str, unit: str) -> None:
        """systemctl(1)."""
        await self._hosts.run_write(host, Command.of("systemctl", "disable", "--now", "--", unit_name(unit), root=True))

    async def restore_database(self, host: str, database: str, dump: str, *, token: str) -> None:
        """setsid(1): it goes on when the connection ends."""
        if not dump.startswith("/"):
            raise Rejected("the dump is a path on the host", vendor="linux")
        begun = await self.database_restore(host, token=token)
        if begun.state in ("running", "completed"):
            return
        if await self.database_tables(host, database):
            raise Rejected(
                f"{host}: the database {database} has tables already",
                remedy="Nothing is written over: rename or drop it by hand where it may go.",
                vendor="linux",
            )
        if await self.database_tables(host, database) == 0:
            raise Rejected(f"{host}: there is an empty database {database}; drop it by hand first", vendor="linux")
        mark = _mark(token)
        base = f"{_PLACE}/{mark}"
        if begun.state == "failed":
            await self._hosts.run_write(host, Command.of("find", f"{base}.failed", "-delete", root=True))
        script = (*_AS_POSTGRES, "setsid", "--fork", "sh", "-c", _RESTORE, "tenantry-restore")
        await self._hosts.run_write(host, Command.of(*script, base, mark, _name(database), dump, root=True))
        for _ in range(20):
            if (await self.database_restore(host, token=token)).state != "absent":
                return
        raise VendorFault("what was begun on the host does not show there", vendor="linux")


def _name(database: str) -> str:
    if not _DATABASE.match(database):
        raise Rejected("this cannot be the name of a database here", vendor="linux")
    return database


def _mark(token: str) -> str:
    return "tenantry_" + hashlib.sha256(token.encode()).hexdigest()[:24]
