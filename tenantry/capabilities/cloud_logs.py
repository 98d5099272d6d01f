"""Who did what in one cloud account (CloudTrail), from the vendor's short memory and from the files that it keeps.

Not ``logs``: that is the directory's unified audit log, which a tenant may have beside this one. A cloud event also names the access key
that signed it, whether it failed, and what it created; what a leaked key did is told from these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class CloudEvent(BaseModel):
    """One call. ``raw`` is the vendor's own record, unaltered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    at: datetime
    region: str
    service: str
    """``iam``, ``ec2`` …"""
    operation: str
    actor: str
    """Resource name of the principal; empty when the vendor gives none."""
    access_key: str
    """The key that signed it: a long-lived one (AKIA…), or that of a session (ASIA…)."""
    issuer: str
    """For a session: resource name of the role or user that it was issued for; empty otherwise."""
    ip: str
    """An address, or the name of the vendor's service that called."""
    user_agent: str
    read_only: bool
    error: str
    """The vendor's code; empty: it succeeded."""
    request: dict[str, Any]
    response: dict[str, Any]
    raw: dict[str, Any]


class Trail(BaseModel):
    """Where the vendor keeps events for longer than its own short memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    region: str
    recording: bool
    every_region: bool
    bucket: str
    prefix: str
    validated: bool
    """Its files carry digests, so that a changed one is noticed."""
    raw: dict[str, Any]


@runtime_checkable
class CloudLogs(Protocol):
    """Provider contract."""

    def events(
        self,
        since: datetime,
        until: datetime,
        *,
        access_key: str = "",
        principal_name: str = "",
        operation: str = "",
    ) -> AsyncIterator[CloudEvent]:
        """Management events of every region that the account has enabled, newest first within a region. At most one of the three narrows the search at
        the vendor. The vendor keeps 90 days and delivers events within about 15 minutes: what is not there yet is unknown, not
        absent (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html)."""
        ...

    async def trails(self) -> tuple[Trail, ...]: ...

    async def set_recording(self, trail: str, recording: bool) -> None:
        """Start or stop a trail. An attacker stops it (ATT&CK T1562.008)."""
        ...

    def archived(self, trail: str, since: datetime, until: datetime) -> AsyncIterator[CloudEvent]:
        """Events out of the files of a trail, streamed one file at a time, data events included. Raises VendorFault for a damaged
        file."""
        ...
