"""``backup`` on hosts, with restic: each host backs itself up into a repository, and restores beside the original.

A host that is backed up has ``backup: {repository: …, paths: […]}`` in its settings; the repository's password is the secret
``restic_password``. restic runs on the host as root; the password comes on standard input and is in no argument, environment or
file. What takes long is begun so that it goes on without us.

====================  ==================================================================================================
source                a host, by its name
recovery point        ``<host>:<snapshot>``; https://restic.readthedocs.io/en/stable/075_scripting.html
backup job            ``<host>:backup:<tag>``; done when a snapshot has the tag, which is made of the caller's token
restore job           ``<host>:restore:<snapshot>:<folder>``; the folder has its name when restic has verified it, and
                      ``.partial`` behind it until then
====================  ==================================================================================================

A restore is verified twice: restic reads back what it wrote and compares it with the SHA-256 of the repository's blobs (``restore
--verify``), and :meth:`verify` compares names and sizes with the snapshot's list. Known limits: restic 0.14 (Debian 12) tells no
progress to a second process, so a job that ended without a result is ``failed`` without a reason.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.linux import parse
from integrations.linux.command import Command
from integrations.linux.writes import LinuxHosts
from tenantry.capabilities import BackupJob, BackupSource, HostFile, RecoveryPoint, RestoreTarget, Verification
from tenantry.capabilities.host import path_text
from tenantry.errors import Rejected, TargetNotFound, VendorFault
from tenantry.task import utc

__all__ = ["Plan", "ResticBackups", "tag_of"]

_SNAPSHOT: Final = re.compile(r"[0-9a-f]{64}\Z")
_FOLDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}\Z")
_MADE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,240}\Z")
"""A folder's name, the snapshot's, and the token's mark."""
_LOOKS: Final = 30
_NO_REPOSITORY: Final = "the repository does not open: it is not there, is locked, or has another password"


class Plan:
    """What one host backs up, and where to.

    Args:
        repository: as restic takes it with ``-r``.
        paths: folders and files.
        restores: folder on the host under which restores go.
    """

    def __init__(self, repository: str, paths: tuple[str, ...], restores: str) -> None:
        self.repository = repository
        self.paths = paths
        self.restores = restores.rstrip("/")


class ResticBackups:
    """Implements :class:`tenantry.capabilities.Backup`."""

    def __init__(self, hosts: LinuxHosts, plans: Mapping[str, Plan], password: Callable[[], Awaitable[bytes]]) -> None:
        self._hosts = hosts
        self._plans = plans
        self._password = password

    # --- what there is ------------------------------------------------------------------------------------------------

    async def sources(self) -> AsyncIterator[BackupSource]:
        """Every host that has a repository."""
        for host in self._plans:
            newest = max((row["time"] for row in await self._snapshots(host)), default=None)
            plan = self._plans[host]
            yield BackupSource(
                id=host,
                kind="host",
                name=host,
                last_point_at=_time(newest) if newest else None,
                raw={"repository": plan.repository, "paths": list(plan.paths)},
            )

    async def points(
        self, source: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[RecoveryPoint]:
        """Snapshots, newest first."""
        for host in [source] if source is not None else list(self._plans):
            rows = [_point(host, row) for row in await self._snapshots(host)]
            for point in sorted(rows, key=lambda point: point.created_at, reverse=True):
                if (since is None or point.created_at >= since) and (until is None or point.created_at <= until):
                    yield point

    async def point(self, point: str) -> RecoveryPoint:
        """Raises TargetNotFound."""
        host, snapshot = self._named(point)
        for row in await self._snapshots(host):
            if row["id"] == snapshot:
                return _point(host, row)
        raise TargetNotFound(f"{host} has no such recovery point", vendor="linux")

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def back_up(self, source: str, *, token: str) -> BackupJob:
        """Begin a backup, once for one token."""
        plan, tag = self._plan(source), tag_of(token)
        present = await self._backup_job(source, tag)
        if present is not None and present.state != "failed":
            return present
        await self._begin(source, ("backup", "--quiet", "--tag", tag, "--", *plan.paths), f"tenantry-backup-{tag}", "")
        return await self._seen(lambda: self._backup_job(source, tag))

    async def restore(self, point: str, target: RestoreTarget, *, token: str, at: datetime | None = None) -> BackupJob:
        """Begin a restore into a new folder under the host's folder for restores, once for one token."""
        if at is not None:
            raise Rejected("a snapshot is of one moment, none can be chosen within", vendor="linux")
        if not _FOLDER.match(target.name):
            raise Rejected("the target is the plain name of a folder, without slashes", vendor="linux")
        host, snapshot = self._named((await self.point(point)).id)
        folder = f"{self._plan(host).restores}/{target.name}.{snapshot}.{tag_of(token)}"
        job = f"{host}:restore:{snapshot}:{folder}"
        present = await self._restore_job(job, host, snapshot, folder)
        if present is not None and present.state != "failed":
            return present
        await self._begin(
            host,
            ("restore", "--verify", "--target", f"{folder}.partial", snapshot),
            f"tenantry-restore-{tag_of(token)}",
            folder,
        )
        return await self._seen(lambda: self._restore_job(job, host, snapshot, folder))

    async def promote(self, replica: str, *, token: str) -> BackupJob:
        """There are no replicas here."""
        del token
        raise Rejected(f"{replica} is no replica: restic has none", vendor="linux")

    async def job(self, job: str) -> BackupJob:
        """As it stands on the host now."""
        parts = job.split(":", 3)
        found: BackupJob | None = None
        if len(parts) == 3 and parts[1] == "backup" and parts[0] in self._plans:
            found = await self._backup_job(parts[0], parts[2])
        elif len(parts) == 4 and parts[1] == "restore" and parts[0] in self._plans and _SNAPSHOT.match(parts[2]):
            found = await self._restore_job(job, parts[0], parts[2], parts[3])
        if found is None:
            raise TargetNotFound("there is no such job", vendor="linux")
        return found

    async def job_of(self, token: str) -> BackupJob | None:
        """Looked for on every host: a snapshot with the token's tag, a process, or a folder with it in its name."""
        tag = tag_of(token)
        for host, plan in self._plans.items():
            found = await self._backup_job(host, tag)
            if found is not None:
                return found
            for folder in await self._begun(host, plan, tag):
                snapshot = folder.rsplit(".", 2)[-2]
                if _SNAPSHOT.match(snapshot) and "/staged-" not in folder:
                    return await self._restore_job(f"{host}:restore:{snapshot}:{folder}", host, snapshot, folder)
        return None

    async def verify(self, job: str) -> Verification:
        """Names and sizes against the snapshot's list; the contents were compared by restic before the folder got its name."""
        done = await self.job(job)
        if done.action != "restore" or done.state != "completed":
            raise Rejected("only a completed restore can be verified", vendor="linux")
        host, _, snapshot, folder = job.split(":", 3)
        wanted: dict[str, int] = {}
        for line in (await self._restic(host, "ls", "--json", snapshot)).split(b"\n"):
            row = json.loads(line) if line.startswith(b"{") else {}
            if row.get("struct_type") == "node" and row.get("type") == "file":
                wanted[str(row["path"])] = int(row.get("size", 0))
        present: dict[str, HostFile] = {}
        async for file in self._hosts.files(host, [folder]):
            if file.kind == "file":
                present[file.path.removeprefix(folder)] = file
        differences = [
            *(f"missing: {path}" for path in wanted.keys() - present.keys()),
            *(f"more than was backed up: {path}" for path in present.keys() - wanted.keys()),
            *(f"another size: {path}" for path in wanted.keys() & present.keys() if present[path].size != wanted[path]),
        ]
        return Verification(
            state="differs" if differences else "verified",
            checked=len(wanted),
            differences=tuple(sorted(differences)[:100]),
            limits="contents were compared while they were restored; what was changed on the host since shows by its size alone",
        )

    async def remains(self, job: str) -> bool:
        """The folder of this restore, finished or not."""
        host, folder = self._restored(job)
        name = folder.rsplit("/", 1)[-1]
        plan = self._plan(host)
        return bool(await self._folders(host, plan, name) or await self._folders(host, plan, f"{name}.partial"))

    async def remove_restored(self, job: str) -> None:
        """The folder of this restore, finished or not."""
        host, folder = self._restored(job)
        await self._erase(host, folder, f"{folder}.partial")

    def _restored(self, job: str) -> tuple[str, str]:
        """Host and folder of a restore of ours; refused for anything else."""
        host, kind, _, folder = [*job.split(":", 3), "", "", ""][:4]
        plan = self._plans.get(host)
        inside = (
            plan is not None
            and folder.startswith(f"{plan.restores}/")
            and _MADE.match(folder[len(plan.restores) + 1 :])
        )
        if kind != "restore" or plan is None or not inside:
            raise Rejected("this names no restore of ours", vendor="linux")
        return host, folder

    async def _erase(self, host: str, *folders: str) -> None:
        """Folders right under the host's folder for restores, with all that is in them. ``find`` deletes: it is granted anyway."""
        plan = self._plan(host)
        there = [folder for folder in folders if await self._folders(host, plan, folder.rsplit("/", 1)[-1])]
        if there:
            await self._hosts.run_write(host, Command.of("find", *there, "-delete", root=True))

    # --- restic -------------------------------------------------------------------------------------------------------

    def _plan(self, host: str) -> Plan:
        try:
            return self._plans[host]
        except KeyError:
            raise TargetNotFound(f"{host} has no repository in the tenant's file", vendor="linux") from None

    def _named(self, point: str) -> tuple[str, str]:
        host, _, snapshot = point.partition(":")
        if host not in self._plans or not _SNAPSHOT.match(snapshot):
            raise TargetNotFound("there is no such recovery point", vendor="linux")
        return host, snapshot

    async def _restic(self, host: str, *arguments: str) -> bytes:
        """A reading command. ``--no-lock`` and ``--no-cache``: nothing of it stays, in the repository or on the host."""
        plan = self._plan(host)
        options = ("-r", plan.repository, "--password-file", "/dev/stdin", "--no-lock", "--no-cache")
        command = Command.of("restic", *options, *arguments, root=True, stdin=await self._password() + b"\n")
        outcome = await self._hosts.run_read(host, command)
        if outcome.code != 0:
            raise VendorFault(f"{host}: restic ended with {outcome.code}: {_NO_REPOSITORY}", vendor="linux")
        return outcome.out

    async def _begin(self, host: str, arguments: Sequence[str | bytes], name: str, folder: str) -> None:
        plan = self._plan(host)
        options = ("restic", "-r", plan.repository, "--password-file", "/dev/stdin", "--no-cache")
        finish = (
            'mkdir -p "$(dirname "$folder")" && rm -rf "$folder.partial" && "$@" && mv -T "$folder.partial" "$folder"'
        )
        script = f'exec >/dev/null 2>&1; folder="$1"; shift; {finish if folder else chr(34) + "$@" + chr(34)}'
        command = Command.of(
            *("setsid", "--fork", "sh", "-c", script, name, folder),
            *options,
            *arguments,
            root=True,
            stdin=await self._password() + b"\n",
        )
        await self._hosts.run_write(host, command)

    async def _seen(self, look: Callable[[], Awaitable[BackupJob | None]]) -> BackupJob:
        """The job as soon as it shows: a moment passes between beginning it and its name among the processes."""
        for _ in range(_LOOKS):
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(0.1)
        raise VendorFault("what was begun on the host does not show there", vendor="linux")

    async def _snapshots(self, host: str) -> list[dict[str, Any]]:
        rows = parse.json_of(await self._restic(host, "snapshots", "--json"), "list of snapshots")
        return [row for row in rows or () if isinstance(row, dict) and _SNAPSHOT.match(str(row.get("id")))]

    async def _backup_job(self, host: str, tag: str) -> BackupJob | None:
        job = f"{host}:backup:{tag}"
        if await self._running(
            host, f"tenantry-backup-{tag}"
        ):  # first: opening a repository costs a second of the host's time
            return _job(job, "backup", host, "running")
        for row in await self._snapshots(host):
            if tag in (row.get("tags") or ()):
                return _job(job, "backup", host, "completed", f"{host}:{row['id']}")
        return None

    async def _restore_job(self, job: str, host: str, snapshot: str, folder: str) -> BackupJob | None:
        point = f"{host}:{snapshot}"
        if await self._folders(host, self._plan(host), folder.rsplit("/", 1)[-1]):
            return _job(job, "restore", point, "completed", folder)
        tag = folder.rsplit(".", 1)[-1]
        if await self._running(host, f"tenantry-restore-{tag}"):
            return _job(job, "restore", point, "running")
        if await self._folders(host, self._plan(host), folder.rsplit("/", 1)[-1]):  # it ended between the two looks
            return _job(job, "restore", point, "completed", folder)
        if await self._folders(host, self._plan(host), f"{folder.rsplit('/', 1)[-1]}.partial"):
            return _job(job, "restore", point, "failed")
        return None

    async def _begun(self, host: str, plan: Plan, tag: str) -> list[str]:
        """Folders of the restores with this tag. The processes first: it is they who make a folder, and give it its name at last."""
        name = f"tenantry-restore-{tag}"
        for process in await self._hosts.processes(host):
            if name in process.arguments[:-1]:
                return [process.arguments[process.arguments.index(name) + 1]]
        made = [*await self._folders(host, plan, f"*.{tag}"), *await self._folders(host, plan, f"*.{tag}.partial")]
        return [folder.removesuffix(".partial") for folder in made]

    async def _folders(self, host: str, plan: Plan, pattern: str) -> list[str]:
        found = await self._hosts.run_read(
            host,
            Command.of(
                *("find", plan.restores, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-name", pattern, "-print0"),
                root=True,
                quiet=True,
            ),
        )
        return [path_text(path) for path in found.out.split(b"\0") if path]

    async def _running(self, host: str, name: str) -> bool:
        return any(name in process.arguments for process in await self._hosts.processes(host))


def tag_of(token: str) -> str:
    """What marks everything of one token on a host and in its repository."""
    return "tenantry-" + hashlib.sha256(token.encode()).hexdigest()[:24]


def _time(text: str) -> datetime:
    """restic gives nanoseconds, of which Python reads six digits."""
    return utc(datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00")))


def _point(host: str, row: Mapping[str, Any]) -> RecoveryPoint:
    return RecoveryPoint(
        id=f"{host}:{row['id']}",
        source=host,
        kind="backup",
        created_at=_time(str(row["time"])),
        state="available",
        size=None,
        encrypted=True,
        locked_until=None,
        raw=dict(row),
    )


def _job(job: str, action: Any, source: str, state: Any, result: str | None = None) -> BackupJob:
    return BackupJob(
        id=job,
        action=action,
        state=state,
        source=source,
        result=result,
        message="it ended without a result" if state == "failed" else "",
        started_at=None,
        ended_at=None,
        raw={},
    )
