"""Machines and disks of a cloud account, made again from their images and snapshots: for a recovery, beside what is there.

Stands beside ``cloud``, which guards what there is. A write takes a ``token`` of the caller's: the same token is the same thing for ever, so that one whose answer never
came is looked up (:meth:`CloudMachines.made`) and never made twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

__all__ = ["CloudMachines", "MadeAgain"]


class MadeAgain(BaseModel):
    """A volume or instance that a token made. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Literal["volume", "instance"]
    region: str
    state: Literal["pending", "ready", "failed"]
    """``ready``: a volume can be attached, an instance runs; what runs on it is a health check's to say."""
    source: str
    """The snapshot or image."""
    raw: dict[str, Any]


@runtime_checkable
class CloudMachines(Protocol):
    """Provider contract."""

    async def made(self, token: str) -> MadeAgain | None:
        """What was made with this token; None: nothing is there (any more)."""
        ...

    async def create_volume(self, snapshot: str, zone: str, *, token: str) -> MadeAgain:
        """A volume with what the snapshot holds. Raises TargetNotFound (no such snapshot), Rejected (a zone that is not the account's)."""
        ...

    async def create_instance(
        self, image: str, kind: str, subnet: str, groups: Sequence[str], role: str, *, token: str
    ) -> MadeAgain:
        """An instance of the image, as large as ``kind``, in the subnet, with these security groups and, where named, this instance profile.

        Raises:
            TargetNotFound: no such image, subnet or group.
        """
        ...

    async def remove_made(self, token: str) -> None:
        """Delete what this token made, and nothing else. Absent counts as removed. Raises Rejected: what it made is removed by hand."""
        ...
