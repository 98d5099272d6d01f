"""What a survey of one of the lab's hosts finds: what the story says is on it, and nothing that it does not speak of."""

from __future__ import annotations

from integrations.lab.hosts.state import LabHost
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile

__all__ = ["survey"]


def survey(name: str, host: LabHost) -> HostSurvey:
    """Of the host as it stands."""
    units = [
        PlacedFile(
            area="unit",
            path=unit.path,
            mode=0o644,
            uid=0,
            changed_at=unit.changed_at or host.facts.booted_at,
            content=f"[Service]\nExecStart={unit.command}\n",
        )
        for unit in host.units.values()
        if unit.enabled != "masked"
    ]
    scripts = [
        PlacedFile(
            area="cron",
            path=entry.path,
            mode=0o755 if entry.enabled else 0o644,
            uid=0,
            changed_at=entry.file_changed_at,
            content=None,
        )
        for entry in host.cron.values()
        if entry.kind == "script"
    ]
    owners = {unit.path: unit.package for unit in host.units.values() if unit.package}
    owners |= {entry.path: entry.package for entry in host.cron.values() if entry.package}
    return HostSurvey(
        host=name,
        system=host.facts.system,
        kernel=host.facts.kernel,
        manager=host.facts.manager,
        responder_account=host.facts.responder_account,
        responder_key=host.facts.responder_key,
        accounts=tuple(host.accounts.values()),
        keys=tuple(host.keys.values()),
        cron=tuple(entry for entry in host.cron.values() if entry.kind == "line"),
        files=(*units, *scripts),
        owners=owners,
        processes=tuple(host.processes.values()),
        connections=tuple(host.connections),
        packages=tuple(host.packages),
        packages_changed_at=host.facts.booted_at,
    )
