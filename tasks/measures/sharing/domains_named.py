"""`measures.sharing.domains_named`"""

from __future__ import annotations

from tasks.checks._collect.tenant_settings import sharing
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import Sharing
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class DomainsNamed(WholeMeasure[Sharing]):
    """Files are shared outside with named domains alone. Named groups may do as well, which the vendor's API does not show: a person is asked.

    https://learn.microsoft.com/graph/api/resources/sharepointsettings
    """

    name = "measures.sharing.domains_named"
    source = sharing

    def evaluate(self, facts: list[Sharing], look: Look, seen: int) -> Verdict:
        del look, seen
        if not facts or not facts[0].reach:
            raise CannotCheck("with whom files may be shared is not said")
        found = facts[0]
        if found.reach == "disabled":
            return Verdict("not_applicable", "nothing is shared outside")
        if found.restriction == "allowList" and found.domains:
            return Verdict("pass", f"files are shared with {len(found.domains)} named domains alone", (), 1)
        if found.restriction == "allowList":
            return Verdict("unknown", "domains are named, and which ones is not said", (), 1)
        return Verdict("for_person", "domains are not restricted; whether groups are is not shown", (), 1)
