"""`measures.backups.hosts_covered`"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Host, HostBackup
from tenantry.errors import NoProvider, ProviderError, TargetNotFound
from tenantry.sweep.check import Giver, Look
from tenantry.task import Permission

_LATELY: Final = timedelta(days=8)
"""As `measures.backups.made_lately`."""


@dataclass(slots=True)
class HostBackups:
    """Hosts by how their backups stand."""

    covered: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    none: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class HostsCovered(Measure[HostBackups]):
    """Every host has a backup of the last eight days in a repository that we can read."""

    name = "measures.backups.hosts_covered"
    needs = ("host", "host_backup")
    permissions = (Permission(vendor="linux", names=("restic",)),)

    async def collect(self, given: Giver) -> HostBackups:
        host: Host = await given.capability("host")
        found = HostBackups()
        refs = await host.hosts()
        try:
            backups: HostBackup | None = await given.capability("host_backup")
        except NoProvider:
            backups = None
        for ref in refs:
            if backups is None:
                found.none.append(ref.id)
                continue
            try:
                newest = None
                async for point in backups.points(ref.id):
                    if point.state == "available":
                        newest = point.created_at
                        break  # newest first
            except TargetNotFound:
                found.none.append(ref.id)
            except ProviderError as error:
                found.unknown.append(f"{ref.id}: {error.message}")
            else:
                recent = newest is not None and newest >= given.look.now - _LATELY
                (found.covered if recent else found.old).append(ref.id)
        return found

    def evaluate(self, facts: HostBackups, look: Look) -> Verdict:
        del look
        total = len(facts.covered) + len(facts.old) + len(facts.none) + len(facts.unknown)
        if facts.old:
            return Verdict("fail", f"{len(facts.old)} of {total} hosts have no recent backup", tuple(facts.old), total)
        if facts.unknown:
            return Verdict(
                "unknown", f"{len(facts.unknown)} of {total} could not be asked", tuple(facts.unknown), total
            )
        if facts.none:
            why = f"of {len(facts.none)} of {total} hosts no repository is known here: how are they backed up?"
            return Verdict("for_person", why, tuple(facts.none), total)
        if not total:
            return Verdict("not_applicable", "the client has no hosts here")
        return Verdict("pass", f"all {total} hosts have a recent backup", (), total)
