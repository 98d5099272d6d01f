"""`measures.access.partner_rights`"""

from __future__ import annotations

from typing import Final

from tasks.checks._collect.access import partners
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import PartnerRelation
from tenantry.sweep.check import Look

_TOO_MUCH: Final = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
}
"""Roles that give every other one. Their template ids are the same in every tenant."""


class PartnerRights(WholeMeasure[PartnerRelation]):
    """What we administer as a partner is a delegated relationship (GDAP) of named roles, none of which gives everything.

    https://learn.microsoft.com/partner-center/customers/gdap-least-privileged-roles-by-task
    """

    name = "measures.access.partner_rights"
    source = partners

    def wants(self, fact: PartnerRelation, look: Look) -> bool:
        return fact.active and fact.tenant_id in look.known.partners

    def evaluate(self, facts: list[PartnerRelation], look: Look, seen: int) -> Verdict:
        del seen
        if not look.known.partners:
            return Verdict("for_person", "the client's file names no partner tenant of ours: how do we come in?")
        delegated = [one for one in facts if one.kind == "administers"]
        wide = tuple(
            sorted(f"{one.name} ({_TOO_MUCH[role]})" for one in delegated for role in one.roles if role in _TOO_MUCH)
        )
        if wide:
            return Verdict("fail", "a delegated relationship gives us everything", wide, len(facts))
        unsaid = tuple(sorted(one.name for one in delegated if not one.roles))
        if unsaid:
            return Verdict("unknown", "which roles a relationship gives is not said", unsaid, len(facts))
        if delegated:
            return Verdict("pass", f"{len(delegated)} delegated relationships, none of which gives all", (), len(facts))
        if any(one.kind == "service_provider" for one in facts):
            return Verdict("for_person", "we are known as a service provider, and no delegated relationship was seen")
        return Verdict("not_applicable", "we do not come in as a partner")
