"""`measures.cloud.default_groups_empty`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_networks
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import CloudNetwork
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class DefaultGroupsEmpty(FactMeasure[CloudNetwork]):
    """Where nobody named a security group, nothing may talk: the one that is then taken has no rules.

    https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
    """

    name = "measures.cloud.default_groups_empty"
    source = cloud_networks

    def subject(self, fact: CloudNetwork) -> str:
        return f"{fact.region}/{fact.id}"

    def judge(self, fact: CloudNetwork, look: Look) -> Iterable[str] | None:
        del look
        if fact.default_rules is None:
            raise CannotCheck(f"the default security group of {fact.id} is not told")
        return [f"its default security group has {fact.default_rules} rules"] if fact.default_rules else []
