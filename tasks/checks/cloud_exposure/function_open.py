"""`checks.cloud_exposure.function_open`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_functions
from tasks.checks._policies import entrances
from tenantry.capabilities import CloudFunction
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class FunctionOpen(Check[CloudFunction]):
    """A function may be called by everybody, or by an account that nobody named. One with an address for everybody is how small services are made.

    ATT&CK T1098, T1648; https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
    """

    name = "checks.cloud_exposure.function_open"
    title = "Function open to strangers"
    severity = "high"
    attack = ("T1098", "T1648")
    remedy = "Take the permission away, and look at what the function's role may do."
    collect = cloud_functions

    def evaluate(self, fact: CloudFunction, look: Look) -> Iterable[Finding]:
        for entrance in entrances(fact.policy, fact.account, look.known):
            if fact.organization and fact.organization.lower() in entrance.conditions:
                continue
            address = entrance.who == "*" and (
                entrance.actions == ("lambda:invokefunctionurl",)
                or "lambda:invokedviafunctionurl" in entrance.conditions
            )
            yield self.finding(
                ("function", fact.id),
                f"{'everybody' if entrance.who == '*' else entrance.who} may call {fact.name}"
                + (" by its address" if address else ""),
                severity="low" if address else None,
                account=entrance.who,
                role=fact.role,
            )
