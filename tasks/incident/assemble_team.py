"""`incident.assemble_team`"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tenantry.task import Context, Output, ReadTask

ROLES_NEEDED = ("incident_commander", "technical_lead", "communications")
"""Who must be there for any incident (NIST SP 800-61r3: RS.MA-01, roles assigned beforehand)."""
CONTACTS_NEEDED = ("primary", "executive")
"""Whom the client must have named: the one who confirms for it, and one who decides on notification."""
CADENCE_MINUTES = {"critical": 60, "high": 240, "medium": 1440, "low": 4320}
"""How often the client hears from us where the agreement does not say."""

Severity = Literal["critical", "high", "medium", "low"]


class AssembleTeamParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    severity: Annotated[Severity, Field(description="How bad it is; decides the cadence of updates")] = "high"


class Member(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: str
    who: str


class ClientContact(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    role: str
    email: str
    phone: str


class Team(Output):
    severity: Severity
    members: list[Member]
    contacts: list[ClientContact]
    cadence_minutes: int
    cadence_from: Literal["agreement", "default"]
    next_update_due: datetime
    """When the client must have heard from us, counted from the start of the run."""
    missing: list[str]
    """What the tenant's file does not say; an incident goes on without, and says so."""


class AssembleTeam(ReadTask[AssembleTeamParams, Team]):
    """Name the response team, the client's contacts and the cadence of updates, and what of these is missing.

    From the tenant's file, made before any incident; nothing is made up here.
    """

    name = "incident.assemble_team"
    Params = AssembleTeamParams
    Output = Team

    async def read(self, ctx: Context, p: AssembleTeamParams) -> Team:
        contacts = [_contact(contact) for contact in _maps(ctx.subject.get("contacts"))]
        names = {contact.id: contact.name for contact in contacts}
        members = [
            Member(role=str(entry.get("role", "")), who=_who(entry, names))
            for entry in _maps(ctx.subject.get("response_team"))
        ]
        cadence = (_map(ctx.subject.get("agreement")).get("update_cadence_minutes")) or {}
        agreed = _map(cadence).get(p.severity)
        minutes = int(agreed) if agreed else CADENCE_MINUTES[p.severity]
        return Team(
            severity=p.severity,
            members=members,
            contacts=contacts,
            cadence_minutes=minutes,
            cadence_from="agreement" if agreed else "default",
            next_update_due=ctx.run.started_at + timedelta(minutes=minutes),
            missing=_missing(members, contacts, agreed=bool(agreed), severity=p.severity),
        )


def _missing(members: list[Member], contacts: list[ClientContact], *, agreed: bool, severity: str) -> list[str]:
    filled = {member.role for member in members if member.who}
    missing = [f"response team: nobody is {role}" for role in ROLES_NEEDED if role not in filled]
    named = {contact.role for contact in contacts}
    missing += [f"client: no {role} contact" for role in CONTACTS_NEEDED if role not in named]
    missing += [f"client: {contact.name} has no telephone number" for contact in contacts if not contact.phone]
    if not agreed:
        missing.append(f"agreement: no cadence of updates for severity {severity}")
    return missing


def _contact(entry: Mapping[str, Any]) -> ClientContact:
    return ClientContact(
        id=str(entry.get("id") or ""),
        name=str(entry.get("name") or entry.get("id") or ""),
        role=str(entry.get("role") or ""),
        email=str(entry.get("email") or ""),
        phone=str(entry.get("phone") or ""),
    )


def _who(entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    who = str(entry.get("person") or entry.get("contact") or "")
    return names.get(who, who)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, (list, tuple)) else []
