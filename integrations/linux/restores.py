"""``host_backup`` over restic: a recovery point beside what is there, compared by digest, and put in its place.

====================  ==================================================================================================
``<staged>``          ``<restores>/staged-<snapshot>.<tag>``: has its name when restic has restored and verified it, and ``.partial``
                      behind it until then; the tag is made of the caller's token
``<staged>.before``   what was replaced, under the path that it had
``<staged>.absent``   an empty file for each one that was put where nothing was
====================  ==================================================================================================

Putting in place is a script on the host that goes on without us, since a write may not take as long. Each file is copied beside its place
and renamed over it, so that nobody ever sees half of one. Names reach the script from ``find`` as arguments and are never read as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final

from integrations.linux.backups import ResticBackups, tag_of
from integrations.linux.command import Command
from tenantry.capabilities import BackupJob, HostFile, StagedFile
from tenantry.capabilities.host import path_bytes
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["ResticRestores"]

_AT_ONCE: Final = 200
"""Files that are compared together."""
_LOOKS: Final = 10
_SPECIAL: Final = b"\\*?["
"""What restic's patterns give a meaning; https://restic.readthedocs.io/en/stable/040_backup.html#excluding-files"""

_FOLDERS: Final = r"""for one; do
  place=/${one#./}
  [ -e "$place" ] || [ -L "$place" ] && continue
  [ "$(realpath -m -- "${place%/*}/")" = "$(realpath -ms -- "${place%/*}/")" ] || continue
  mkdir -- "$place" && chown --reference="$one" -- "$place" && chmod --reference="$one" -- "$place"
done"""
"""Folders that are gone, with owner and permissions; ``find`` names a folder before what is in it."""

_PLACE: Final = r"""staged=$1 since=$2 mark=$3; shift 3
for one; do
  rel=${one#./}; place=/$rel
  [ "$(realpath -m -- "${place%/*}/")" = "$(realpath -ms -- "${place%/*}/")" ] || continue
  if [ -e "$place" ] || [ -L "$place" ]; then
    [ -L "$place" ] || [ -f "$place" ] || continue
    [ -L "$place" ] || ! cmp -s -- "$one" "$place" || continue
    [ "$(stat -c %Z -- "$place")" -ge "$since" ] || continue
    aside=$staged.before/$rel
    if [ ! -e "$aside" ] && [ ! -L "$aside" ]; then
      mkdir -p -- "${aside%/*}" && cp -a -- "$place" "$staged.part" && mv -fT -- "$staged.part" "$aside" || continue
    fi
  else
    aside=$staged.absent/$rel
    mkdir -p -- "${aside%/*}" && : > "$aside" || continue
  fi
  cp -a -- "$one" "$place.$mark" && mv -fT -- "$place.$mark" "$place"
done"""

_RETURN: Final = r"""staged=$1 mark=$2; shift 2
for one; do
  rel=${one#./}; place=/$rel
  if [ ! -L "$place" ] && cmp -s -- "$staged/$rel" "$place"; then
    cp -a -- "$one" "$place.$mark" && mv -fT -- "$place.$mark" "$place" && rm -f -- "$one"
  fi
done"""

_AWAY: Final = r"""staged=$1; shift
for one; do
  rel=${one#./}; place=/$rel
  if [ ! -L "$place" ] && cmp -s -- "$staged/$rel" "$place"; then rm -f -- "$place" "$one"; fi
done"""

_PUT: Final = """exec >/dev/null 2>&1
cd "$1" || exit 1
find . -mindepth 1 -type d -exec sh -c "$4" sh {} +
find . -type f -exec sh -c "$5" sh "$1" "$2" "$3" {} +"""

_TAKE: Final = """exec >/dev/null 2>&1
cd "$1.before" && find . ! -type d -exec sh -c "$3" sh "$1" "$2" {} +
cd "$1.absent" && find . -type f -exec sh -c "$4" sh "$1" {} +"""


class ResticRestores(ResticBackups):
    """Implements :class:`tenantry.capabilities.HostBackup` too."""

    async def stage(self, host: str, point: str, paths: Sequence[str], *, token: str) -> BackupJob:
        """``restic restore --verify``, into a folder of its own."""
        present = await self.staged(host, point, token=token)
        if present is not None and present.state != "failed":
            return present
        await self.point(point)
        folder, snapshot = self._staging(host, point, token)
        chosen = [word for path in paths for word in (b"--include", _pattern(path))]
        command = (b"restore", b"--verify", b"--target", f"{folder}.partial".encode(), *chosen, snapshot.encode())
        await self._begin(host, command, f"tenantry-restore-{tag_of(token)}", folder)

        async def look() -> BackupJob | None:
            return await self.staged(host, point, token=token)

        return await self._seen(look)

    async def staged(self, host: str, point: str, *, token: str) -> BackupJob | None:
        """As the folders and processes of the host say."""
        folder, snapshot = self._staging(host, point, token)
        return await self._restore_job(f"{host}:restore:{snapshot}:{folder}", host, snapshot, folder)

    async def compare(self, host: str, point: str, *, token: str) -> AsyncIterator[StagedFile]:
        """In lots, as they are found in the staging folder."""
        folder, _ = self._staging(host, point, token)
        job = await self.staged(host, point, token=token)
        if job is None or job.state != "completed":
            raise TargetNotFound(f"{host} holds nothing that was staged from this recovery point", vendor="linux")
        waiting: list[HostFile] = []
        async for file in self._hosts.files(host, [folder]):
            if file.kind == "file":
                waiting.append(file)
            if len(waiting) == _AT_ONCE:
                for one in await self._compared(host, folder, waiting):
                    yield one
                waiting = []
        for one in await self._compared(host, folder, waiting):
            yield one

    async def _compared(self, host: str, folder: str, staged: Sequence[HostFile]) -> list[StagedFile]:
        cut = len(folder)
        places = {file.path: file.path[cut:] for file in staged}
        present = await self._hosts.at(host, list(places.values()))
        aside = [f"{folder}.{kind}{place}" for place in places.values() for kind in ("before", "absent")]
        kept = await self._hosts.at(host, aside, digests=False)
        found = []
        for file in staged:
            place = places[file.path]
            there = present.get(place)
            if file.sha256 is None:
                raise VendorFault(f"{host}: a staged file cannot be read", vendor="linux")
            found.append(
                StagedFile(
                    path=place,
                    sha256=file.sha256,
                    size=file.size,
                    present_sha256=there.sha256 if there is not None and there.kind == "file" else None,
                    changed_at=there.changed_at if there is not None else None,
                    kept=f"{folder}.before{place}" in kept or f"{folder}.absent{place}" in kept,
                )
            )
        return found

    async def put_in_place(self, host: str, point: str, since: datetime, *, token: str) -> None:
        """Begins the script, where it is not at work already."""
        folder, _ = self._staging(host, point, token)
        if await self.placing(host, point, token=token):
            return
        arguments = (folder, str(int(since.timestamp())), tag_of(token), _FOLDERS, _PLACE)
        await self._script(host, _PUT, f"tenantry-place-{tag_of(token)}", arguments)

    async def placing(self, host: str, point: str, *, token: str) -> bool:
        """By the name that the script has among the processes."""
        self._staging(host, point, token)
        names = {f"tenantry-place-{tag_of(token)}", f"tenantry-return-{tag_of(token)}"}
        return any(names.intersection(process.arguments) for process in await self._hosts.processes(host))

    async def put_back(self, host: str, point: str, *, token: str) -> None:
        """Begins the script, where it is not at work already."""
        folder, _ = self._staging(host, point, token)
        if await self.placing(host, point, token=token):
            return
        await self._script(host, _TAKE, f"tenantry-return-{tag_of(token)}", (folder, tag_of(token), _RETURN, _AWAY))

    async def remove_staged(self, host: str, point: str, *, token: str) -> None:
        """The folder and its companions."""
        folder, _ = self._staging(host, point, token)
        await self._erase(host, *(f"{folder}{more}" for more in ("", ".partial", ".before", ".absent")))

    async def _script(self, host: str, script: str, name: str, arguments: Sequence[str]) -> None:
        await self._hosts.run_write(
            host, Command.of("setsid", "--fork", "sh", "-c", script, name, *arguments, root=True)
        )
        for _ in range(_LOOKS):  # a moment passes until it shows; one with little to do is over before
            if any(name in process.arguments for process in await self._hosts.processes(host)):
                return
            await asyncio.sleep(0.1)

    def _staging(self, host: str, point: str, token: str) -> tuple[str, str]:
        """The folder and the snapshot's id. Raises TargetNotFound."""
        plan = self._plan(host)
        owner, snapshot = self._named(point)
        if owner != host:
            raise TargetNotFound(f"{host} has no such recovery point", vendor="linux")
        return f"{plan.restores}/staged-{snapshot[:12]}.{tag_of(token)}", snapshot


def _pattern(path: str) -> bytes:
    """A path as a pattern that means this very path."""
    raw = path_bytes(path)
    if not raw.startswith(b"/") or b"\0" in raw:
        raise Rejected("what is restored is named by a path that begins with a slash", vendor="linux")
    return b"".join(b"\\" + bytes([c]) if c in _SPECIAL else bytes([c]) for c in raw)
