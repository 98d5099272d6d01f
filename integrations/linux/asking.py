"""How hosts are asked: which commands there are connections for, what their statuses mean, and readings that others are made of."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from integrations.linux import parse
from integrations.linux.command import Command, Outcome
from integrations.linux.connection import Connection
from integrations.linux.survey_parse import owned
from integrations.linux.survey_script import OWNERS
from tenantry.capabilities import HostFile, HostRef
from tenantry.capabilities.host import path_bytes, path_text
from tenantry.errors import PermissionMissing, Rejected, TargetNotFound, VendorFault

__all__ = ["LONG", "Asking", "absolute", "found_files", "lines", "nuls"]

LONG: Final = 300.0
"""Seconds for what reads much."""


class Asking:
    """Commands on a tenant's hosts, by the host's name, and what several readings need."""

    def __init__(self, connections: Mapping[str, Connection], refs: Mapping[str, HostRef]) -> None:
        self._connections = connections
        self._refs = refs

    def _to(self, host: str) -> Connection:
        try:
            return self._connections[host]
        except KeyError:
            raise TargetNotFound(
                f"the tenant has no host {host!r}",
                remedy="Name a host of the tenant's file; host names are its keys under settings.hosts.",
                vendor="linux",
            ) from None

    async def _ok(
        self, host: str, command: Command, *, codes: Iterable[int] = (0,), timeout: float | None = None
    ) -> Outcome:
        """Run a read, and make an error of any other exit status. Where another than 0 is taken too, sudo is asked whether the command ran
        at all: its own refusal is a 1 like that of find and grep, and what we may not see is not absent."""
        outcome = await self._to(host).read(command, timeout=timeout)
        if outcome.code not in codes:
            raise await self.refusal(host, command, outcome)
        if outcome.code != 0:
            await self._permitted(host, command)
        return outcome

    async def refusal(self, host: str, command: Command, outcome: Outcome) -> Rejected | PermissionMissing:
        """Why a command failed: whether sudo would let us run it is asked of sudo, since statuses do not tell."""
        connection = self._to(host)
        if command.root and connection.sudo:
            # With a password sudo's own list would ask for it again: whether sudo takes us at all is as much as can be told.
            listing = Command((b"sudo", b"-n", b"-l", b"--", *command.argv))
            allowed = await connection.read(Command.of("true", root=True) if connection.asks else listing)
            if allowed.code != 0:
                return PermissionMissing(
                    f"{host}: {connection.target.account} may not run {command.program} as root",
                    remedy="Grant it in sudoers; the provider's check prints the lines that are needed.",
                    vendor="linux",
                    command=command.program,
                )
        return Rejected(f"{host}: {command.program} ended with {outcome.code}", vendor="linux", status=outcome.code)

    # --- shared -------------------------------------------------------------------------------------------------------

    async def _cat(self, host: str, path: bytes, shown: str) -> AsyncIterator[bytes]:
        command = Command.of("cat", "--", path, root=True)
        try:
            async for piece in self._to(host).stream(command, timeout=LONG):
                yield piece
        except VendorFault as fault:
            if fault.detail.get("status") is None:
                raise
            await self._permitted(host, command)
            raise TargetNotFound(f"{host}: {shown} cannot be read, or is not there", vendor="linux") from fault

    async def _permitted(self, host: str, command: Command) -> None:
        why = await self.refusal(host, command, Outcome(1, b"", b""))
        if isinstance(why, PermissionMissing):
            raise why

    async def _found(self, host: str, paths: Sequence[bytes], *, follow: bool) -> dict[str, HostFile]:
        """Facts of those paths that there are."""
        if not paths:
            return {}
        options = ("-L",) if follow else ()
        out = await self._ok(
            host,
            Command.of("find", *options, *paths, "-maxdepth", "0", "-printf", parse.FIND, root=True, quiet=True),
            codes=(0, 1),
        )
        return {file.path: file for file, _ in found_files(out.out)}

    async def _contents(self, host: str, paths: Sequence[bytes]) -> dict[bytes, bytes]:
        """Whole small files, in one tar."""
        if not paths:
            return {}
        out = await self._ok(
            host,
            Command.of(
                *("tar", "--create", "--file=-", "--absolute-names", "--dereference", "--no-recursion"),
                *("--ignore-failed-read", "--null", "--verbatim-files-from", "--files-from=-"),
                root=True,
                stdin=b"\0".join(paths) + b"\0",
                quiet=True,
            ),
            codes=(0, 1, 2),
        )
        found: dict[bytes, bytes] = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(out.out), encoding="utf-8", errors="surrogateescape") as archive:
                for member in archive:
                    file = archive.extractfile(member)
                    if file is not None:
                        found[member.name.encode("utf-8", "surrogateescape")] = file.read()
        except tarfile.ReadError:
            raise parse.fault("archive of small files") from None
        return found

    async def _hashed(self, host: str, rows: Sequence[Sequence[bytes]]) -> list[HostFile]:
        wanted = [row[7] for row in rows if row[0] == b"f"]
        digests: dict[bytes, str] = {}
        if wanted:
            out = await self._ok(
                host,
                Command.of(
                    *("xargs", "-0", "-r", "sha256sum", "--zero", "--"),
                    root=True,
                    stdin=b"\0".join(wanted) + b"\0",
                    quiet=True,
                ),
                codes=(0, 1, 123),  # xargs: some of them could not be read
                timeout=LONG,
            )
            digests = parse.hashes(out.out)
        return [parse.found_file(row, digests.get(row[7])) for row in rows]

    async def _owners(self, host: str, paths: Sequence[bytes]) -> dict[bytes, str]:
        """Which package each file belongs to, by dpkg or rpm as in a survey. A merged /usr is looked up both ways: a package lists one of
        the names. A path with a line's end in it is no package's."""
        asked: dict[bytes, bytes] = {}
        for path in paths:
            if b"\n" in path:
                continue
            asked[path] = path
            if path.startswith((b"/lib/", b"/usr/lib/")):
                other = path.removeprefix(b"/usr") if path.startswith(b"/usr/lib/") else b"/usr" + path
                asked[other] = path
        if not asked:
            return {}
        listed = b"".join(path + b"\n" for path in asked)
        command = Command.of("sh", "-c", OWNERS, stdin=b"%d\n%b" % (len(listed), listed), quiet=True)
        out = await self._to(host).read(command, timeout=LONG)
        found = owned(out.out)
        return {path: found[path_text(name)] for name, path in asked.items() if path_text(name) in found}


def absolute(path: str) -> bytes:
    """A path as an argument: beginning with a slash, it cannot be an option or an expression."""
    raw = path_bytes(path)
    if not raw.startswith(b"/") or b"\0" in raw:
        raise Rejected("a path on a host begins with a slash and has no NUL in it", vendor="linux")
    return raw


def found_files(out: bytes) -> list[tuple[HostFile, bytes]]:
    parts = out.split(b"\0")[:-1]
    return [(parse.found_file(parts[at : at + 9]), parts[at + 7]) for at in range(0, len(parts) - 8, 9)]


async def _split(pieces: AsyncIterator[bytes], end: bytes) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(end)
        for one in whole:
            yield one
    if rest:
        yield rest


def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    return _split(pieces, b"\n")


def nuls(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    return _split(pieces, b"\0")
