"""`measures.mail.spf_published`"""

from __future__ import annotations

from tasks.checks._collect.mail_domains import MailDomain, mail_domains
from tasks.measures.mail._domains import of_domains
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.sweep.check import Look


class SpfPublished(WholeMeasure[MailDomain]):
    """Each domain of the organisation's mail says who may send in its name, and that everybody else fails.

    Whether those that it names are the right ones is not looked at. https://www.rfc-editor.org/rfc/rfc7208
    """

    name = "measures.mail.spf_published"
    source = mail_domains

    def evaluate(self, facts: list[MailDomain], look: Look, seen: int) -> Verdict:
        del look, seen
        return of_domains(facts, self._amiss)

    def _amiss(self, fact: MailDomain) -> list[str]:
        if len(fact.spf) != 1:
            return [f"{len(fact.spf)} SPF policies, of which none counts" if fact.spf else "no SPF policy"]
        # What stands after the first `all` is never looked at (5.1).
        ends = [term for term in fact.spf[0].lower().split() if term.lstrip("+-~?") == "all"]
        if not ends:
            return ["its SPF policy does not end with -all"]
        return [] if ends[0] == "-all" else [f"its SPF policy ends with {ends[0]} instead of -all"]
