"""`checks.identity.guest_made_member`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.people import guests
from tenantry.capabilities import Guest
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class GuestMadeMember(Check[Guest]):
    """An account that was invited from elsewhere counts as one of the client's own.

    ATT&CK T1136.003; https://learn.microsoft.com/entra/external-id/user-properties
    """

    name = "checks.identity.guest_made_member"
    title = "Guest is a member"
    severity = "medium"
    attack = ("T1136.003",)
    remedy = "Make it a guest again unless a company of the same group owns the account."
    collect = guests

    def evaluate(self, fact: Guest, look: Look) -> Iterable[Finding]:
        home = fact.upn.partition("#ext#")[0].rpartition("_")[2]
        if fact.member and fact.upn not in look.known.accounts and home not in look.known.domains:
            yield self.finding(
                ("account", fact.upn), f"the invited account {fact.upn} counts as a member", at=fact.invited_at
            )
