"""`measures.linux.file_rights`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_Octal = Annotated[str, Field(pattern=r"^[0-7]{3,4}$")]


class Rights(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    paths: Annotated[
        dict[str, _Octal],
        Field(
            min_length=1, description="Path, or a folder's with /* for what lies in it by name → the most it may grant"
        ),
    ]


class FileRights(HostMeasure):
    """Files belong to root, and grant no more than they should. chmod(1)."""

    name = "measures.linux.file_rights"
    Params = Rights
    parts = ("files",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        wrong, seen = [], 0
        for pattern, most in self.p.paths.items():
            for path, file in sorted(host.files.items()):
                if not _is(path, pattern):
                    continue
                seen += 1
                if file.uid != 0:
                    wrong.append(f"{path} belongs to {file.uid}")
                if file.mode & ~int(most, 8) & 0o7777:
                    wrong.append(f"{path} grants {file.mode:o}")
        return wrong if seen else None


def _is(path: str, pattern: str) -> bool:
    start, star, end = pattern.partition("*")
    if not star:
        return path == pattern
    return (
        path.startswith(start) and path.endswith(end) and "/" not in path[len(start) :] and len(path) > len(start + end)
    )
