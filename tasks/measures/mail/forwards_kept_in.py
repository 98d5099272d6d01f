"""`measures.mail.forwards_kept_in`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mail_flow import OutboundDomain, remote_domains
from tenantry.baseline.measure import FactMeasure
from tenantry.sweep.check import Look


class ForwardsKeptIn(FactMeasure[OutboundDomain]):
    """Mail is not forwarded outside by itself: no remote domain allows it, whatever the outbound policy does beside that.

    https://learn.microsoft.com/exchange/mail-flow-best-practices/remote-domains/remote-domains
    """

    name = "measures.mail.forwards_kept_in"
    source = remote_domains

    def subject(self, fact: OutboundDomain) -> str:
        return fact.domain.domain

    def judge(self, fact: OutboundDomain, look: Look) -> Iterable[str] | None:
        del look
        return ["automatic forwards are let out"] if fact.domain.auto_forward else []
