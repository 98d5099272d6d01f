"""`checks.host.system_account_opened`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tenantry.capabilities import HostAccount
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_FIRST_PERSON: Final = 1000
_WITH_SHELL: Final = frozenset(
    {
        "postgres",
        "mysql",
        "oracle",
        "git",
        "gitea",
        "gogs",
        "jenkins",
        "gitlab-runner",
        "barman",
        "sync",
        "nagios",
        "icinga",
    }
)
"""Whose packages give them a shell."""
_WITH_KEYS: Final = frozenset({"git", "gitea", "gogs", "barman", "postgres", "backuppc"})
"""Into which people or other hosts sign in by design."""
_NO_LOGIN: Final = frozenset({"sync", "halt", "shutdown"})


class SystemAccountOpened(Check[SurveyedHost]):
    """An account that a service runs as can be signed in to.

    ATT&CK T1078.003. Accounts below uid 1000 (login.defs, UID_MIN) get neither password nor key from any package; a shell alone some get.
    """

    name = "checks.host.system_account_opened"
    title = "A system account can be signed in to"
    severity = "high"
    attack = ("T1078.003", "T1098")
    remedy = "Lock its password, take its keys and its shell away, and look at what it did."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("accounts", "keys")
        with_keys = {
            key.account
            for key in survey.keys
            if key.enabled and key.fingerprint.removeprefix("SHA256:") not in look.known.keys
        }
        for account in survey.accounts:
            if not 0 < account.uid < _FIRST_PERSON or account.id == survey.responder_account:
                continue
            state = account.password
            if not account.open(look.now.date()):
                if state in ("set", "none") and account.id not in _NO_LOGIN:
                    yield self._one(fact.name, account, "has a password, though no shell", "medium")
            elif state == "set":
                yield self._one(fact.name, account, "has a password", "high")
            elif state == "none":
                yield self._one(fact.name, account, "needs no password", "critical")
            elif account.id in with_keys and account.id not in _WITH_KEYS:
                yield self._one(fact.name, account, "has authorized keys", "high")
            elif account.id not in _WITH_SHELL:
                yield self._one(fact.name, account, "has a shell", "low")
        if "unknown" in {account.password for account in survey.accounts}:
            raise CannotCheck(f"{fact.name}: of some accounts it is not known whether they have a password")

    def _one(self, host: str, account: HostAccount, what: str, severity: Severity) -> Finding:
        return self.finding(
            ("host", host),
            f"the system account {account.id} (uid {account.uid}, shell {account.shell}) {what}",
            severity=severity,
            event_ids=(account.id,),
        )
