"""One runbook for many tenants: a parent in the MSP's own record, with one child run a tenant.

The parent's entries stand in the MSP's tree, each child is an ordinary run in its tenant's: a client's record shows nothing of another's. A
child's id follows from the campaign's and the tenant's, so that a campaign that died between beginning a child and noting it begins
none twice. How a campaign stands is derived from its children, never set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from tenantry.clock import rfc3339
from tenantry.errors import NotFound
from tenantry.journal import Event, Record
from tenantry.run.state import Status

__all__ = ["Campaign", "Child", "child_id", "created", "find", "fold_campaigns", "met", "view"]

_REACHED_NOT: Final = frozenset({"unreachable", "sign_in_failed"})
"""Codes of errors that mean that a tenant was not reached at all."""


@dataclass(slots=True)
class Child:
    """One tenant's part.

    Attributes:
        status: of its run, or ``not_begun``.
        error: why it is no further, as errors are shown; None when nothing is wrong.
    """

    tenant: str
    run_id: str
    status: str = "not_begun"
    error: Mapping[str, Any] | None = None

    @property
    def done(self) -> bool:
        return self.status in (Status.COMPLETED.value, Status.PLANNED.value)

    @property
    def unreachable(self) -> bool:
        return not self.done and self.error is not None and self.error.get("code") in _REACHED_NOT


@dataclass(slots=True)
class Campaign:
    campaign_id: str
    runbook: str
    version: str
    runbook_text: str
    params: Mapping[str, Any]
    mode: str
    requester: Mapping[str, Any]
    created_at: datetime
    children: dict[str, Child] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """``completed`` when every child is; ``waiting_for_approval`` when people are all that is missing; ``running`` while a child
        has not been tried; ``completed_with_exceptions`` when nothing is left to do by itself and a child is not done."""
        if all(child.done for child in self.children.values()):
            return Status.PLANNED.value if self.mode == "plan" else Status.COMPLETED.value
        statuses = {child.status for child in self.children.values() if not child.done}
        if statuses & {Status.RUNNING.value, Status.INTERRUPTED.value} or any(
            child.status == "not_begun" and child.error is None for child in self.children.values()
        ):
            return Status.RUNNING.value
        if statuses == {Status.WAITING.value}:
            return Status.WAITING.value
        return Status.EXCEPTIONS.value


def child_id(campaign_id: str, tenant: str) -> str:
    """The run of a campaign at a tenant."""
    return str(uuid5(UUID(campaign_id), tenant))


def created(
    campaign_id: str,
    *,
    runbook: Mapping[str, Any],
    params: Mapping[str, Any],
    mode: str,
    tenants: Iterable[str],
    requester: Mapping[str, Any],
) -> Event:
    """The entry that begins a campaign; it pins the runbook's text for every child, whenever that begins.

    Args:
        runbook: ``{id, version, digest, text}``.
    """
    return Event(
        "campaign.created",
        {
            "campaign": campaign_id,
            "runbook": dict(runbook),
            "params": dict(params),
            "mode": mode,
            "tenants": sorted(tenants),
            "requester": dict(requester),
        },
    )


def met(campaign_id: str, child: Child) -> Event:
    """The entry that says how a tenant's part stands after it was tried."""
    return Event(
        "campaign.child",
        {
            "campaign": campaign_id,
            "tenant": child.tenant,
            "run_id": child.run_id,
            "status": child.status,
            "error": dict(child.error) if child.error else None,
        },
    )


def fold_campaigns(records: Iterable[Record]) -> dict[str, Campaign]:
    """Every campaign of the MSP's record, by id, as it was last noted."""
    campaigns: dict[str, Campaign] = {}
    for record in records:
        if record.payload is None:
            continue
        data = record.data
        if record.event == "campaign.created":
            campaigns[data["campaign"]] = Campaign(
                campaign_id=data["campaign"],
                runbook=data["runbook"]["id"],
                version=data["runbook"]["version"],
                runbook_text=data["runbook"]["text"],
                params=data["params"],
                mode=data["mode"],
                requester=data["requester"],
                created_at=record.at,
                children={name: Child(name, child_id(data["campaign"], name)) for name in data["tenants"]},
            )
        elif record.event == "campaign.child" and data["campaign"] in campaigns:
            child = campaigns[data["campaign"]].children[data["tenant"]]
            child.status, child.error = data["status"], data["error"]
    return campaigns


def find(campaigns: Mapping[str, Campaign], wanted: str) -> Campaign:
    """By its id, or an unambiguous beginning of six characters or more. Raises NotFound."""
    found = [c for name, c in campaigns.items() if name == wanted or (len(wanted) >= 6 and name.startswith(wanted))]
    if len(found) != 1:
        raise NotFound(f"there is no campaign {wanted!r}", remedy="`tenantry campaign list` shows them.")
    return found[0]


def view(campaign: Campaign) -> dict[str, Any]:
    """JSON: ``{campaign_id, runbook, mode, status, started_at, tenants: [{tenant, run_id, status, error}], unreachable, counts}``."""
    return {
        "campaign_id": campaign.campaign_id,
        "runbook": campaign.runbook,
        "version": campaign.version,
        "mode": campaign.mode,
        "params": dict(campaign.params),
        "status": campaign.status,
        "requested_by": dict(campaign.requester),
        "started_at": rfc3339(campaign.created_at),
        "tenants": [
            {
                "tenant": child.tenant,
                "run_id": child.run_id,
                "status": child.status,
                "error": dict(child.error) if child.error else None,
            }
            for child in campaign.children.values()
        ],
        "unreachable": [child.tenant for child in campaign.children.values() if child.unreachable],
        "counts": dict(Counter(child.status for child in campaign.children.values())),
    }
