"""`measures.cloud.ports_closed`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_firewalls
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Firewall
from tenantry.sweep.check import Look


class Ports(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    ports: Annotated[dict[int, str], Field(default_factory=dict, description="TCP port → what speaks there")]
    widest: int | None = Field(default=None, ge=1, le=65_536, description="Ports that one opening may have at most")


class PortsClosed(FactMeasure[Firewall]):
    """No security group opens these ports, or ranges that wide, to every address of the world.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    """

    name = "measures.cloud.ports_closed"
    Params = Ports
    source = cloud_firewalls
    none_is_well = "no security group opens anything to the world"

    def subject(self, fact: Firewall) -> str:
        return f"{fact.region}/{fact.id}"

    def judge(self, fact: Firewall, look: Look) -> Iterable[str] | None:
        del look
        wrong = []
        for one in fact.openings:
            if one.protocol not in ("tcp", "udp", "all"):
                continue
            if self.p.widest is not None and one.last - one.first + 1 > self.p.widest:
                wrong.append(f"{one.protocol} {one.first} to {one.last} are open to the world")
            wrong += [
                f"{what} ({port}) is open to the world"
                for port, what in self.p.ports.items()
                if one.protocol in ("tcp", "all") and one.first <= port <= one.last
            ]
        return wrong
