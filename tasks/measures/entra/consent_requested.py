"""`measures.entra.consent_requested`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.tenant_settings import consent_requests
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import ConsentRequests
from tenantry.sweep.check import Look


class ConsentRequested(FactMeasure[ConsentRequests]):
    """Who wants to use an application has somebody to ask, who answers.

    https://learn.microsoft.com/entra/identity/enterprise-apps/configure-admin-consent-workflow
    """

    name = "measures.entra.consent_requested"
    source = consent_requests

    def subject(self, fact: ConsentRequests) -> str:
        del fact
        return "the directory"

    def judge(self, fact: ConsentRequests, look: Look) -> Iterable[str] | None:
        del look
        if not fact.enabled:
            return ["nobody can ask for consent"]
        return [] if fact.reviewers else ["requests for consent go to nobody"]
