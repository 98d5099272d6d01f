"""`measures.access.msp_accounts_proven`"""

from __future__ import annotations

from tasks.checks._collect.people import registrations
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import Registration
from tenantry.sweep.check import Look


class MspAccountsProven(WholeMeasure[Registration]):
    """Every account that the client's file names as the MSP's, or as kept for emergencies, has a second factor registered.

    https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails
    """

    name = "measures.access.msp_accounts_proven"
    source = registrations

    def wants(self, fact: Registration, look: Look) -> bool:
        return not {fact.upn.lower(), fact.account_id.lower()}.isdisjoint(look.known.accounts)

    def evaluate(self, facts: list[Registration], look: Look, seen: int) -> Verdict:
        del seen
        ours = look.known.accounts
        if not ours:
            return Verdict("for_person", "the client's file names no account of ours here: who comes in, and how?")
        found = {name for one in facts for name in (one.upn.lower(), one.account_id.lower())}
        bare = tuple(sorted(one.upn for one in facts if not one.second_factor))
        lost = tuple(sorted(ours - found))
        if bare:
            return Verdict("fail", f"{len(bare)} of our accounts have no second factor", bare, len(facts))
        if lost:
            return Verdict("unknown", f"{len(lost)} of our accounts were not found in the directory", lost, len(facts))
        return Verdict("pass", f"all {len(facts)} of our accounts have a second factor", (), len(facts))
