"""The ``probing`` capability of a run: a plan's health checks, asked of the client's own systems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from tenantry.capabilities.host_service import HostService
from tenantry.capabilities.probing import ProbeAnswer
from tenantry.disaster.probes import CommandProbe, NewestFile, NewestRow, SqlProbe
from tenantry.errors import NoProvider, Rejected, TargetNotFound, TenantryError, Unreachable
from tenantry.task import utc

__all__ = ["NobodyAsked", "Rehearsed", "TenantProbing"]


class _Access(Protocol):
    async def capability(self, name: str) -> Any: ...


class TenantProbing:
    """Implements :class:`tenantry.capabilities.Probing`.

    Args:
        access: the run's own tenant.
        outside: how pages, ports and names are asked for, by the kind of probe.
    """

    def __init__(self, access: _Access, outside: Mapping[type[Any], Callable[[Any], Awaitable[ProbeAnswer]]]) -> None:
        self._access = access
        self._outside = outside

    async def ask(self, probe: Any) -> ProbeAnswer:
        if type(probe) in self._outside:
            return await self._outside[type(probe)](probe)
        try:
            return await self._inside(probe, await self._access.capability("host_service"))
        except (Rejected, TargetNotFound, Unreachable) as error:
            return ProbeAnswer(error=error.message)
        except (
            TenantryError
        ) as error:  # nothing of the client's reaches it, or we are refused: no word about the system
            return ProbeAnswer(asked=False, error=error.message)

    async def _inside(self, probe: Any, hosts: HostService) -> ProbeAnswer:
        if isinstance(probe, CommandProbe):
            ran = await hosts.command(probe.host, probe.argv, root=probe.root, within=probe.within)
            return ProbeAnswer(status=ran.status, text=ran.output)
        if isinstance(probe, SqlProbe):
            return ProbeAnswer(text=await hosts.query(probe.host, probe.database, probe.query, within=probe.within))
        if isinstance(probe, NewestRow):
            count = await hosts.query(probe.host, probe.database, probe.count, within=probe.within)
            newest = await hosts.query(probe.host, probe.database, probe.newest, within=probe.within)
            try:
                return ProbeAnswer(count=int(count), newest=utc(datetime.fromisoformat(newest)) if newest else None)
            except ValueError:
                return ProbeAnswer(error="the queries do not give a number and a time")
        if isinstance(probe, NewestFile):
            found = await hosts.newest_file(probe.host, probe.path)
            return ProbeAnswer(count=found.count, newest=found.newest)
        return ProbeAnswer(asked=False, error=f"nobody can ask a {type(probe).__name__}")


class Rehearsed:
    """In a drill: nothing is asked, and every answer says so."""

    async def ask(self, probe: Any) -> ProbeAnswer:
        del probe
        return ProbeAnswer(rehearsed=True)


class NobodyAsked:
    """:class:`tenantry.capabilities.PublicDns` of an estate that names no resolver, and of a drill."""

    async def texts(self, name: str) -> tuple[str, ...]:
        raise NoProvider(
            f"no resolver is asked about {name}", remedy="Name those that may be under name_servers in estate.yaml."
        )
