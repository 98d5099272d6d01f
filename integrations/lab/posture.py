"""How the tenant is set up: what no story of an account needs and a sweep looks at.

Everything here begins as an ordinary tenant has it; stories change it (`integrations.lab.scenarios.breached`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations.lab.records import Record, Table


def _remote_domains() -> Table:
    table = Table()
    table.add(Record("Default", {"DomainName": "*", "AutoForwardEnabled": False, "AllowedOOFType": "External"}))
    return table


@dataclass(slots=True)
class Posture:
    """Settings, policies, and relations of one tenant."""

    audit_log: bool = True
    mailbox_audit: bool = True
    forwarding_mode: str = "Automatic"
    audit_bypassed: dict[int, str] = field(default_factory=dict)
    """Index of a user whose doings are not recorded → since when."""
    remote_domains: Table = field(default_factory=_remote_domains)
    contacts: Table = field(default_factory=Table)
    """Mail contacts by name."""
    policies: Table = field(default_factory=Table)
    """Rules of Conditional Access, as Graph shows them."""
    locations: Table = field(default_factory=Table)
    """Named locations; ``kind`` is ``ipNamedLocation`` or ``countryNamedLocation``."""
    units: Table = field(default_factory=Table)
    """Administrative units."""
    domains: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """Further domains → their federation, None for a managed one."""
    partners: Table = field(default_factory=Table)
    """Partners of the cross-tenant access policy, by tenant id."""
    risks: list[dict[str, Any]] = field(default_factory=list)
    """Detections of Identity Protection."""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    """Of Microsoft Defender, as Graph shows them (``alerts_v2``)."""
    incidents: list[dict[str, Any]] = field(default_factory=list)
    """Of Microsoft Defender; which alerts are theirs says ``incidentId`` of those."""
    premium: bool = True
    """The tenant has Microsoft Entra ID P2."""
    role_instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Id of a role assignment → what PIM knows of it (``startDateTime``, ``endDateTime``, ``assignmentType``)."""
    eligible: Table = field(default_factory=Table)
    """Roles that somebody may activate."""
