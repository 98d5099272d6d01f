"""`measures.mail.protected`"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.mail_flow import ProtectedMail, mail_protections
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look

T = TypeVar("T")
_What = Literal["basic_sending", "contacts", "calendars", "outsiders", "addresses", "safe_list", "signatures"]


class What(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    against: _What = Field(description="Which misuse of mail")


class Protected(WholeMeasure[ProtectedMail]):
    """The organisation's mail is guarded against one misuse.

    https://learn.microsoft.com/powershell/module/exchange (Get-TransportConfig, Get-SharingPolicy, Get-ExternalInOutlook,
    Get-HostedConnectionFilterPolicy, Get-DkimSigningConfig)
    """

    name = "measures.mail.protected"
    Params = What
    source = mail_protections

    def evaluate(self, facts: list[ProtectedMail], look: Look, seen: int) -> Verdict:
        del look, seen
        if not facts:
            raise CannotCheck("how mail is guarded is not said")
        [fact] = facts
        if self.p.against == "outsiders" and fact.protections.outsiders_marked is False:
            return Verdict("for_person", "programs for mail do not mark them: does a rule for all mail?", (), 1)
        wrong = tuple(self._wrong(fact))
        return Verdict("fail" if wrong else "pass", wrong[0] if wrong else "it is guarded against that", wrong, 1)

    def _wrong(self, fact: ProtectedMail) -> Iterator[str]:
        mail, against = fact.protections, self.p.against
        if against == "signatures":
            if not fact.domains:
                raise CannotCheck("the organisation's domains are not listed")
            yield from (f"{one}: its mail is not signed" for one in sorted(fact.domains) if not mail.signed.get(one))
        elif against in ("contacts", "calendars"):
            shared = mail.contacts_shared if against == "contacts" else mail.calendars_shared
            yield from (f"{policy}: shared with everybody" for policy in shared)
        elif against == "addresses":
            yield from (f"{one}: its mail passes unfiltered" for one in _told(mail.let_in))
        elif against == "basic_sending":
            if _told(mail.basic_sending):
                yield "programs may send with a name and a password alone"
        elif against == "safe_list":
            if _told(mail.safe_list):
                yield "mail of whoever is on the vendor's list passes unfiltered"
        else:
            _told(mail.outsiders_marked)


def _told(value: T | None) -> T:
    if value is None:
        raise CannotCheck("the vendor does not say")
    return value
