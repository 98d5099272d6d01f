"""`measures.access.msp_accounts_proven`"""

from __future__ import annotations

from tasks.checks._collect.people import registrations
from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Registration
from tenantry.sweep.check import Giver, Look


class MspAccountsProven(Measure[list[Registration]]):
    """Every account that the client's file names as the MSP's, or as kept for emergencies, has a second factor registered.

    https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails
    """

    name = "measures.access.msp_accounts_proven"
    reads = (registrations,)

    async def collect(self, given: Giver) -> list[Registration]:
        ours = given.look.known.accounts
        found = []
        async for one in registrations.read(given):  # everybody's: only ours are kept
            if one.upn.lower() in ours or one.account_id.lower() in ours:
                found.append(one)
        return found

    def evaluate(self, facts: list[Registration], look: Look) -> Verdict:
        ours = look.known.accounts
        if not ours:
            return Verdict("for_person", "the client's file names no account of ours here: who comes in, and how?")
        seen = {name for one in facts for name in (one.upn.lower(), one.account_id.lower())}
        bare = tuple(sorted(one.upn for one in facts if not one.second_factor))
        lost = tuple(sorted(ours - seen))
        if bare:
            return Verdict("fail", f"{len(bare)} of our accounts have no second factor", bare, len(facts))
        if lost:
            return Verdict("unknown", f"{len(lost)} of our accounts were not found in the directory", lost, len(facts))
        return Verdict("pass", f"all {len(facts)} of our accounts have a second factor", (), len(facts))
