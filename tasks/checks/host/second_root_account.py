"""`checks.host.second_root_account`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class SecondRootAccount(Check[SurveyedHost]):
    """An account besides root has uid 0.

    ATT&CK T1136.001, T1078.003.
    """

    name = "checks.host.second_root_account"
    title = "A second account is root"
    severity = "critical"
    attack = ("T1136.001", "T1078.003")
    remedy = "Find out who made it; if nobody did, lock it and run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        for account in fact.have("accounts").accounts:
            if account.uid == 0 and account.id != "root":
                yield self.finding(
                    ("host", fact.name),
                    f"{account.id} has uid 0, with the shell {account.shell} and the home {account.home}",
                    event_ids=(account.id,),
                    password=account.password,
                )
