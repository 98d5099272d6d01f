"""`incident.sweep_tenant`"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.checks._permissions import OfChecks
from tenantry.errors import CannotCheck
from tenantry.sweep.check import STATUSES
from tenantry.sweep.model import SEVERITIES
from tenantry.task import Context, EvidenceRef, Output, ReadTask

EVIDENCE: Final = "sweep.json"
_MOST: Final = 50
_NAMESPACE: Final = uuid.UUID("0a5f2c1e-4a3b-4a39-9a83-2f6f7c0a6a52")
_GUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
INCIDENTS: Final[Mapping[str, tuple[str, str, re.Pattern[str]]]] = {
    "account": ("business_email_compromise", "account", re.compile(r"([^@\s/:]+@[^@\s/:]+)")),
    "host": ("compromised_host", "host", re.compile(r"([^\s/:]+)")),
    "application": ("malicious_oauth_app", "application", re.compile(rf"(?:.*\()?({_GUID})\)?", re.DOTALL)),
    "access_key": ("leaked_cloud_key", "access_key", re.compile(r"([A-Z0-9]{16,128})")),
}
"""Type of a finding's entity → the runbook for it, the parameter that takes the entity, and what of the entity's id that is. An account
of a host, or a cloud account, is no account of a directory; what fits none of these a person decides."""


class Alert(BaseModel):
    """A critical finding that is new, or of which something is."""

    model_config = ConfigDict(extra="forbid")
    id: str
    title: str
    entity_type: str
    entity: str
    summary: str
    remedy: str


class Incident(BaseModel):
    """A run that the critical findings about one entity call for."""

    model_config = ConfigDict(extra="forbid")
    runbook: str
    params: dict[str, str]
    entity: str
    findings: list[str]
    run_ids: list[str]
    """One for each finding; the first that there is stands for all."""


class Swept(Output):
    """What a sweep came to; all of it is in the evidence."""

    read_from: str
    read_until: str
    checks: dict[str, int]
    """How many checks ended how."""
    findings: dict[str, int]
    """How many findings of which severity."""
    accepted: int
    new: int
    changed: int
    gone: int
    not_looked_at: int
    """Findings of the sweep before that could not be looked for this time: neither there nor gone."""
    could_not_check: list[str]
    could_not_check_total: int
    alerts: list[Alert]
    alerts_omitted: int
    incidents: list[Incident]
    evidence: EvidenceRef


class SweepTenantParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: Annotated[int, Field(ge=1, le=180, description="How far back logs are read")] = 30
    until: Annotated[
        AwareDatetime | None,
        Field(
            description="Up to when, for a run that began long before it sweeps; none: up to when the run was created"
        ),
    ] = None


class SweepTenant(ReadTask[SweepTenantParams, Swept]):
    """Look for a compromise with every check that there is, and keep what was found as evidence.

    A tenant of which not one check could be made is no clean tenant: the step fails, with what it found out as evidence all the same.
    """

    name = "incident.sweep_tenant"
    needs = ("sweeping",)
    permissions = OfChecks()
    timeout = 6 * 3600.0
    Params = SweepTenantParams
    Output = Swept

    async def read(self, ctx: Context, p: SweepTenantParams) -> Swept:
        # Up to the start of the run: a sweep that is taken up again after an interruption is the same one.
        until = p.until or ctx.run.started_at
        found = await ctx.capability("sweeping").sweep(ctx.run.run_id, until, p.days)
        evidence = await ctx.evidence.store_bytes(EVIDENCE, json.dumps(found, sort_keys=True).encode())
        statuses = Counter(check["status"] for check in found["checks"])
        why = found["could_not_check"]
        if not found["findings"] and not statuses["pass"] + statuses["accepted"]:
            said = f": {why[0]['why']}" if why else ": nothing of this client's is known here that a check looks at"
            raise CannotCheck(f"of {len(found['checks'])} checks not one could be made{said}")
        return summary(found, evidence)


def summary(found: Mapping[str, Any], evidence: EvidenceRef) -> Swept:
    """What the record's entry has of a sweep."""
    since, why = found["since_last"], found["could_not_check"]
    severities = Counter(one["severity"] for one in found["findings"])
    critical = [one for one in found["findings"] if one["severity"] == "critical"]
    speaking = {*since["new"], *since["changed"]}
    alerts = [_alert(one) for one in critical if one["id"] in speaking]
    statuses = Counter(check["status"] for check in found["checks"])
    return Swept(
        read_from=found["window"]["from"],
        read_until=found["window"]["to"],
        checks={status: statuses[status] for status in STATUSES},
        findings={severity: severities[severity] for severity in reversed(SEVERITIES)},
        accepted=len(found["accepted"]),
        new=len(since["new"]),
        changed=len(since["changed"]),
        gone=len(since["gone"]),
        not_looked_at=len(since["not_looked_at"]),
        could_not_check=[f"{one['check']}: {one['why']}"[:300] for one in why[:_MOST]],
        could_not_check_total=len(why),
        alerts=alerts[:_MOST],
        alerts_omitted=max(0, len(alerts) - _MOST),
        incidents=incidents(found["tenant"], critical),
        evidence=evidence,
    )


def _alert(one: Mapping[str, Any]) -> Alert:
    return Alert(
        id=one["id"],
        title=one["title"],
        entity_type=one["entity"]["type"],
        entity=one["entity"]["id"][:300],
        summary=str(one["evidence"].get("summary", ""))[:500],
        remedy=one["remedy"],
    )


def incidents(tenant: str, critical: list[Mapping[str, Any]]) -> list[Incident]:
    """The runs that critical findings call for: one for each entity, whatever its findings are.

    A run's id follows from the finding and from the sweep that saw it first, so that the same finding opens none twice, and one that was
    gone and came back does.
    """
    held: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in critical:
        kind = one["entity"]["type"]
        fits = INCIDENTS[kind][2].fullmatch(one["entity"]["id"]) if kind in INCIDENTS else None
        if fits is not None:
            held.setdefault((kind, fits[1]), []).append(one)
    return [
        Incident(
            runbook=INCIDENTS[kind][0],
            params={INCIDENTS[kind][1]: name},
            entity=name,
            findings=[one["id"] for one in of],
            run_ids=[str(uuid.uuid5(_NAMESPACE, f"{tenant}/{one['id']}/{one['episode']}")) for one in of],
        )
        for (kind, name), of in list(held.items())[:_MOST]
    ]
