"""`measures.linux.mount_options`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    paths: Annotated[
        dict[str, tuple[str, ...]], Field(min_length=1, description="Folder → mount options that it must have")
    ]


class MountOptions(HostMeasure):
    """Folders that anybody may write to are file systems of their own, from which nothing runs with another's rights. mount(8)."""

    name = "measures.linux.mount_options"
    Params = Options
    parts = ("mounts",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        mounted = {one.path: one for one in host.mounts}
        wrong = []
        for path, wanted in self.p.paths.items():
            if path not in mounted:
                wrong.append(f"{path} is no file system of its own")
            elif lacking := [option for option in wanted if option not in mounted[path].options]:
                wrong.append(f"{path} is mounted without {', '.join(lacking)}")
        return wrong
