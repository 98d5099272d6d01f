"""`measures.linux.kernel_setting`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    settings: Annotated[
        dict[str, tuple[str, ...]], Field(min_length=1, description="Name as sysctl(8) shows it → values it may have")
    ]
    required: bool = Field(default=False, description="A kernel that lacks one of them does not protect at all")


class KernelSetting(HostMeasure):
    """The running kernel has its settings as they should be. What a kernel does not have cannot be wrong in it, unless the policy says that
    having it is the point.

    https://docs.kernel.org/admin-guide/sysctl/
    """

    name = "measures.linux.kernel_setting"
    Params = Settings
    parts = ("kernel",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        there = {name: host.kernel[name] for name in self.p.settings if name in host.kernel}
        if not there and not self.p.required:
            return None
        lacking = [f"it has no {name}" for name in self.p.settings if self.p.required and name not in there]
        return lacking + [f"{name} is {value}" for name, value in there.items() if value not in self.p.settings[name]]
