"""`measures.linux.packages_absent`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class Packages(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    names: Annotated[tuple[str, ...], Field(min_length=1, description="As dpkg(1) or rpm(8) name them")]


class PackagesAbsent(HostMeasure):
    """Programs that have no business on a server are not installed."""

    name = "measures.linux.packages_absent"
    Params = Packages
    parts = ("packages",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        return [f"{name} is installed" for name in self.p.names if name in host.packages]
