"""`measures.mail.recorded`"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.mail_flow import mail_organization
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class What(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    log: Literal["unified", "mailboxes"] = Field(description="The unified audit log, or what is done in mailboxes")


class Recorded(WholeMeasure[MailOrganization]):
    """What is done in the organisation is recorded.

    https://learn.microsoft.com/purview/audit-log-enable-disable, https://learn.microsoft.com/purview/audit-mailboxes
    """

    name = "measures.mail.recorded"
    Params = What
    source = mail_organization

    def evaluate(self, facts: list[MailOrganization], look: Look, seen: int) -> Verdict:
        del look, seen
        on = None
        if facts:
            on = facts[0].audit_log if self.p.log == "unified" else facts[0].mailbox_audit
        if on is None:
            raise CannotCheck("whether it is recorded is not said")
        return Verdict("pass", "it is recorded", (), 1) if on else Verdict("fail", "recording is switched off", (), 1)
