"""`onboarding.read_agreement`"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from tasks.human._text import clean
from tasks.onboarding._desk import desk
from tenantry.task import Context, EvidenceRef, NoParams, Output, ReadTask

EVIDENCE: Final = "agreement.json"
_PARTS: Final = (
    *("name", "display_name", "time_zone", "business_hours", "contacts", "response_team", "agreement"),
    *("regimes", "insurer"),
)
"""What of the client's file was agreed with the client. How we work there is not among it."""
_TEAM: Final = ("incident_commander", "technical_lead", "communications")
"""Roles that are filled before any incident (NIST SP 800-61r3, RS.MA-01)."""


class AgreementRead(Output):
    """What the client's file says was agreed.

    ``digest`` is of all of it (sorted JSON, SHA-256); ``recorded`` that this very text was recorded as agreed before.
    """

    digest: str
    file_sha256: str
    document: str | None
    document_sha256: str | None
    summary: list[str]
    lacking: list[str]
    recorded: bool
    recorded_by: str | None
    evidence: EvidenceRef


class ReadAgreement(ReadTask[NoParams, AgreementRead]):
    """Put together what was agreed with the client, keep it as evidence, and say what such an agreement lacks."""

    name = "onboarding.read_agreement"
    needs = ("onboarding",)
    Output = AgreementRead

    async def read(self, ctx: Context, p: NoParams) -> AgreementRead:  # noqa: ARG002  # it has none
        said = {name: ctx.subject.get(name) for name in _PARTS}
        text = json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
        digest = hashlib.sha256(text).hexdigest()
        before = await desk(ctx).recorded_agreement()
        same = before is not None and before.get("digest") == digest
        agreement = said["agreement"] or {}
        return AgreementRead(
            digest=digest,
            file_sha256=await desk(ctx).file_digest(),
            document=agreement.get("document"),
            document_sha256=agreement.get("document_sha256"),
            summary=summary(said),
            lacking=lacking(said),
            recorded=same,
            recorded_by=str(before["by"]) if before is not None and same else None,
            evidence=await ctx.evidence.store_bytes(EVIDENCE, text),
        )


def summary(said: Mapping[str, Any]) -> list[str]:
    """What a person goes through with the client, one line each."""
    agreement, insurer = said["agreement"] or {}, said["insurer"]
    lines = [
        f"{said['display_name']}, agreement of {agreement.get('signed_on') or 'an unknown day'}",
        f"in scope: {_listed(agreement.get('services_in_scope'))}",
        f"out of scope: {_listed(agreement.get('services_out_of_scope'))}",
    ]
    lines += [
        f"{severity}: taken within {sla['acknowledge_minutes']} min"
        + (f", contained within {sla['contain_minutes']} min" if sla.get("contain_minutes") else "")
        + (f", resolved within {sla['resolve_minutes']} min" if sla.get("resolve_minutes") else "")
        for severity, sla in (agreement.get("sla") or {}).items()
    ]
    lines += [f"{one['what']}: {one['who']}" for one in agreement.get("responsibilities") or ()]
    lines += [f"{one['role']}: {one['name']}" for one in said["contacts"] or ()]
    lines.append(f"regimes: {_listed(said['regimes'])}")
    if insurer:
        lines.append(f"insurer: {insurer['name']}, requires {_listed(insurer.get('required_controls'))}")
    return [clean(line) for line in lines]


def lacking(said: Mapping[str, Any]) -> list[str]:
    """What an agreement should say and this one does not."""
    agreement, contacts, insurer = said["agreement"] or {}, said["contacts"] or (), said["insurer"]
    roles = {contact["role"] for contact in contacts}
    filled = {member["role"] for member in said["response_team"] or ()}
    missing = {
        "agreement.signed_on": not agreement.get("signed_on"),
        "agreement.document: the signed document and its digest": not agreement.get("document_sha256"),
        "agreement.services_in_scope": not agreement.get("services_in_scope"),
        "agreement.services_out_of_scope": not agreement.get("services_out_of_scope"),
        "agreement.sla": not agreement.get("sla"),
        "agreement.notice_period_hours": agreement.get("notice_period_hours") is None,
        "agreement.on_termination": not agreement.get("on_termination"),
        "contacts: nobody is primary": "primary" not in roles,
        "contacts: nobody (executive, legal, privacy) decides on notification": not roles
        & {"executive", "legal", "privacy"},
        "regimes": not said["regimes"],
        "insurer: none, or not known": not insurer,
        "insurer.notice_period_hours": bool(insurer) and insurer.get("notice_period_hours") is None,
        "insurer.required_controls": bool(insurer) and not insurer.get("required_controls"),
        **{f"response_team: nobody is {role}": role not in filled for role in _TEAM},
    }
    return [what for what, so in missing.items() if so]


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) if names else "nothing"
