"""`measures.linux.ports_closed`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_Port = Annotated[str, Field(pattern=r"^(tcp|udp)/[1-9][0-9]{0,4}$")]


class Ports(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    ports: Annotated[dict[_Port, str], Field(min_length=1, description="Port, as tcp/23 → what speaks there")]
    on: Literal["anywhere", "every_address"] = Field(
        default="anywhere", description="every_address: one that waits on a single address of the host is no fault"
    )


class PortsClosed(HostMeasure):
    """Nothing waits for other machines at these ports. What waits for the host itself alone is no fault. ss(8)."""

    name = "measures.linux.ports_closed"
    Params = Ports
    parts = ("listeners",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        every = {"0.0.0.0", "::", "*"}  # noqa: S104  # compared with, not bound to
        return sorted(
            {
                f"{self.p.ports[port]} waits at {one.address} port {one.port}"
                for one in host.listeners
                if (port := f"{one.protocol}/{one.port}") in self.p.ports
                and not one.local
                and (self.p.on == "anywhere" or one.address in every)
            }
        )
