"""`measures.cloud.networks_logged`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_networks
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import CloudNetwork
from tenantry.sweep.check import Look


class NetworksLogged(FactMeasure[CloudNetwork]):
    """Of every network it is written down who talked to whom.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html
    """

    name = "measures.cloud.networks_logged"
    source = cloud_networks

    def subject(self, fact: CloudNetwork) -> str:
        return f"{fact.region}/{fact.id}"

    def judge(self, fact: CloudNetwork, look: Look) -> Iterable[str] | None:
        del look
        return [] if fact.logged else ["it has no flow log"]
