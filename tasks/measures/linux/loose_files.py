"""`measures.linux.loose_files`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class Kind(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["writable", "ownerless"] = Field(description="Anybody may write to it, or it belongs to nobody")


class LooseFiles(HostMeasure):
    """Nothing on a host's disks may be written to by anybody, or belongs to nobody: the next account with that number would have it. find(1)."""

    name = "measures.linux.loose_files"
    Params = Kind
    parts = ("loose", "accounts")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        owners = {one.uid for one in host.accounts}
        if self.p.kind == "ownerless":
            return [f"{one.path} belongs to {one.uid}:{one.gid}" for one in host.loose if one.uid not in owners]
        return [
            f"{one.path} may be written to by anybody"
            for one in host.loose
            if (one.kind == "file" and one.mode & 0o002) or (one.kind == "folder" and one.mode & 0o1002 == 0o002)
        ]
