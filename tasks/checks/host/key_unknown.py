"""`checks.host.key_unknown`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import shown
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_FIRST_PERSON: Final = 1000


class KeyUnknown(Check[SurveyedHost]):
    """A key that the tenant's file does not name lets somebody in.

    ATT&CK T1098.004; sshd(8), AUTHORIZED_KEYS FILE FORMAT. The key that we sign in with belongs here. Where the file names no keys at all, only new ones
    of root and of services can be told.
    """

    name = "checks.host.key_unknown"
    title = "An unknown SSH key lets somebody in"
    severity = "high"
    attack = ("T1098.004",)
    remedy = "Ask whose key it is; name it in the tenant's file, or put it into quarantine with compromised_host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.seen()
        system = {account.id for account in survey.accounts if account.uid < _FIRST_PERSON}
        known = look.known.keys | {(survey.responder_key or "").removeprefix("SHA256:")}
        for key in survey.keys:
            if not key.enabled or key.fingerprint.removeprefix("SHA256:") in known:
                continue
            new = look.new(key.file_changed_at)
            if look.known.keys or (new and key.account in system):
                yield self.finding(
                    ("host", fact.name),
                    f"{key.account} is open to the key {key.fingerprint} ({shown(key.comment, 60) or 'no comment'}) in {key.path}",
                    severity="high" if look.known.keys else "medium",
                    event_ids=(key.id,),
                    fingerprint=key.fingerprint,
                    file_changed_at=key.file_changed_at.isoformat(),
                )
        fact.have("keys")
        if not look.known.keys and any(key.enabled and key.fingerprint != survey.responder_key for key in survey.keys):
            raise CannotCheck(
                f"{fact.name}: the tenant's file names no SSH keys that belong there, so others cannot be told from them"
            )
