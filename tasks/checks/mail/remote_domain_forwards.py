"""`checks.mail.remote_domain_forwards`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mail_flow import OutboundDomain, remote_domains
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RemoteDomainForwards(Check[OutboundDomain]):
    """Automatic forwards to any domain outside are let out.

    Where the outbound policy does not let them (mode Automatic or Off), nothing gets out whatever the remote domain says. ATT&CK T1114.003;
    https://learn.microsoft.com/defender-office-365/outbound-spam-policies-external-email-forwarding
    """

    name = "checks.mail.remote_domain_forwards"
    title = "Automatic forwarding to everywhere is allowed"
    severity = "medium"
    attack = ("T1114.003",)
    remedy = "Switch automatic forwarding off for the remote domain *, and allow it for those who need it alone."
    collect = remote_domains

    def evaluate(self, fact: OutboundDomain, look: Look) -> Iterable[Finding]:
        if fact.domain.auto_forward and fact.domain.domain == "*":
            kept_in = fact.forwards_out is False
            yield self.finding(
                ("remote_domain", fact.domain.name),
                "automatic forwards to every domain are allowed"
                + ("; the outbound policy keeps them in" if kept_in else ""),
                severity="low" if kept_in else None,
            )
