"""What is kept of a host: files with their digests, what a restart would destroy, and processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal

from integrations.linux import parse
from integrations.linux.asking import LONG, Asking, absolute, nuls
from integrations.linux.command import Command
from tenantry.capabilities import HostFile
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["Evidence"]

_HASHED_AT_ONCE: Final = 200
"""Files whose digests are asked for together."""

_VOLATILE: Final[dict[str, Command]] = {
    "clock": Command.of("date", "--utc", "--rfc-3339=ns"),
    "routes": Command.of("ip", "-details", "route", "show", "table", "all"),
    "neighbours": Command.of("ip", "neighbour", "show"),
    "connections": Command.of("ss", "-tunapO", root=True),
    "processes": Command.of("ps", "-eww", "-o", "pid,ppid,user,lstart,stat,args"),
    "process-files": Command.of(
        *("find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-path", "/proc/[0-9]*/exe", "-printf", "%p %l\\n"),
        root=True,
        quiet=True,
    ),
    "open-files": Command.of(
        *("find", "/proc", "-mindepth", "3", "-maxdepth", "3", "-path", "/proc/[0-9]*/fd/*", "-printf", "%p %l\\n"),
        root=True,
        quiet=True,
    ),
    "memory-maps": Command.of(
        *("find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-path", "/proc/[0-9]*/maps"),
        *("-exec", "grep", "-aH", "", "{}", "+"),
        root=True,
        quiet=True,
    ),
    "kernel": Command.of("cat", "/proc/modules", "/proc/stat", "/proc/meminfo", "/proc/self/mountinfo"),
    "sessions": Command.of("who", "-a"),
    "firewall": Command.of("nft", "-a", "list", "ruleset", root=True),
    "temporary-files": Command.of(
        *("find", "/tmp", "/var/tmp", "/dev/shm", "/run", "-xdev", "-printf", "%T+ %C+ %m %u %s %p %l\\n"),  # noqa: S108  # looked at
        root=True,
        quiet=True,
    ),
}
"""The most fleeting first: RFC 3227 section 2.1, "Order of Volatility". The memory itself is not copied: /proc/kcore is
locked down, and what would read it has to be installed."""


class Evidence(Asking):
    """Of :class:`tenantry.capabilities.Host`: what streams."""

    async def files(self, host: str, paths: Sequence[str]) -> AsyncIterator[HostFile]:
        """find(1) streams, and digests are asked for in lots."""
        roots = [absolute(path) for path in paths]
        if not roots:
            return
        command = Command.of("find", *roots, "-xdev", "-printf", parse.FIND, root=True, quiet=True)
        waiting: list[list[bytes]] = []
        fields: list[bytes] = []
        try:
            async for field in nuls(self._to(host).stream(command, timeout=LONG)):
                fields.append(field)
                if len(fields) == 9:
                    waiting.append(fields)
                    fields = []
                if len(waiting) == _HASHED_AT_ONCE:
                    for file in await self._hashed(host, waiting):
                        yield file
                    waiting = []
        except VendorFault as fault:
            if fault.detail.get("status") != 1:  # find's word for "some were not there"
                raise
            await self._permitted(host, command)
        for file in await self._hashed(host, waiting):
            yield file

    async def at(self, host: str, paths: Sequence[str], *, digests: bool = True) -> dict[str, HostFile]:
        """For the provider's other capabilities: these very paths, links as they are and nothing below a folder. What is not there is left
        out."""
        if not paths:
            return {}
        named = [absolute(path) for path in paths]
        command = Command.of("find", *named, "-maxdepth", "0", "-printf", parse.FIND, root=True, quiet=True)
        out = await self._ok(host, command, codes=(0, 1))
        if out.code == 1:  # some are not there, unless sudo said no: then nothing is known of any
            await self._permitted(host, command)
        parts = out.out.split(b"\0")[:-1]
        rows = [parts[start : start + 9] for start in range(0, len(parts) - 8, 9)]
        found = await self._hashed(host, rows) if digests else [parse.found_file(row) for row in rows]
        return {file.path: file for file in found}

    async def read_file(self, host: str, path: str) -> AsyncIterator[bytes]:
        """cat(1)."""
        async for piece in self._cat(host, absolute(path), path):
            yield piece

    async def volatile_sources(self, host: str) -> Sequence[str]:
        """In the order in which they are to be read."""
        self._to(host)
        return list(_VOLATILE)

    async def volatile(self, host: str, source: str) -> AsyncIterator[bytes]:
        """Some sources have nothing to say on some hosts (no nft): then they are empty."""
        connection = self._to(host)
        command = _VOLATILE.get(source)
        if command is None:
            raise TargetNotFound(f"there is no source {source!r}", vendor="linux")
        try:
            async for piece in connection.stream(command, timeout=LONG):
                yield piece
        except VendorFault as fault:
            if fault.detail.get("status") is None:
                raise
            await self._permitted(host, command)

    async def process_image(self, host: str, process: str, part: Literal["executable", "maps"]) -> AsyncIterator[bytes]:
        """Through /proc, which holds the file as long as the process lives."""
        pid = await self.living(host, process)
        name = "exe" if part == "executable" else "maps"
        async for piece in self._cat(host, f"/proc/{pid}/{name}".encode(), process):
            yield piece

    async def living(self, host: str, process: str) -> int:
        """The number of this very process. Raises TargetNotFound when it is gone, or another has its number."""
        pid, _, start = process.partition(":")
        if not (pid.isdigit() and start.isdigit()):
            raise Rejected("a process is named by number and start time", vendor="linux")
        stat = await self._ok(host, Command.of("cat", f"/proc/{int(pid)}/stat"), codes=(0, 1))
        after = stat.out.rpartition(b") ")[2].split()
        if stat.code or len(after) < 20 or after[19] != start.encode() or after[0] in (b"Z", b"X"):
            raise TargetNotFound(f"{host}: the process {process} is gone", vendor="linux")
        return int(pid)
