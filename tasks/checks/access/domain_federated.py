"""`checks.access.domain_federated`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.access import directory_domains
from tenantry.capabilities import DirectoryDomain
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_PROVIDERS: Final = (
    "okta.com",
    "okta-emea.com",
    "duosecurity.com",
    "onelogin.com",
    "pingone.com",
    "pingone.eu",
    "jumpcloud.com",
    "google.com",
    "apple.com",
)
"""Whose business it is to sign people in."""


class DomainFederated(Check[DirectoryDomain]):
    """Sign-in for a domain is another provider's, whose certificate is new.

    A federation has no date, so its certificate's is taken. Where people sign in at the client's own address or at a known provider, a
    new certificate is mostly its renewal, and weighs less. ATT&CK T1484.002;
    https://learn.microsoft.com/graph/api/resources/internaldomainfederation
    """

    name = "checks.access.domain_federated"
    title = "Sign-in for a domain was given away"
    severity = "critical"
    attack = ("T1484.002", "T1606.002")
    remedy = "Make the domain managed again unless the provider is the client's, revoke everybody's sessions, contain the administrator."
    collect = directory_domains

    def evaluate(self, fact: DirectoryDomain, look: Look) -> Iterable[Finding]:
        if not fact.federated:
            return
        if fact.certificate_since is None:
            raise CannotCheck(f"the federation of {fact.name} does not show its certificate")
        if not look.new(fact.certificate_since):
            return
        home = {fact.name, *look.known.domains, *_PROVIDERS}
        usual = any(fact.sign_in_host == one or fact.sign_in_host.endswith(f".{one}") for one in home)
        yield self.finding(
            ("domain", fact.name),
            f"people of {fact.name} sign in at {fact.sign_in_host or 'an unknown place'}, whose certificate is new",
            at=fact.certificate_since,
            severity="medium" if usual else None,
            issuer=fact.issuer,
        )
