"""`measures.cloud.metadata_guarded`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_machines
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Machine
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class MetadataGuarded(FactMeasure[Machine]):
    """A program that can be made to ask for an address does not hand out its machine's role: the credentials there take a token (IMDSv2).

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
    """

    name = "measures.cloud.metadata_guarded"
    source = cloud_machines

    def subject(self, fact: Machine) -> str:
        return fact.id

    def judge(self, fact: Machine, look: Look) -> Iterable[str] | None:
        del look
        if fact.state in ("terminated", "shutting-down"):
            return None
        if fact.metadata_guarded is None:
            raise CannotCheck(f"how {fact.id} gives out its role's credentials is not told")
        return [] if fact.metadata_guarded else ["it gives out its role's credentials without a token"]
