"""What watches one cloud account: trails, recorders of configuration, logs of networks. Whether detectors are on says ``findings``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    """As read from the vendor."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WatchedTrail(_Fact):
    """A trail, and what it does and does not write down."""

    id: str
    name: str
    region: str
    own: bool
    """Of this account; else of the organisation's, which keeps it out of everybody's reach here."""
    recording: bool
    every_region: bool
    global_services: bool
    """Sign-ins and what happens to identities are among its events."""
    validated: bool
    """Its files carry digests, so that a changed one is noticed."""
    reads: bool | None
    """Management events that only read are recorded; None: not known."""
    writes: bool | None
    """Management events that change something are recorded; None: not known."""
    excluded: tuple[str, ...]
    """Services whose management events are left out."""
    objects: bool | None
    """What is done to single objects of buckets is recorded as well (data events of S3), of some buckets at least; None: not known."""
    bucket: str
    expires_days: int | None
    """After how many days everything in its bucket is deleted; None: it stays, or is not known (``bucket_known``)."""
    bucket_known: bool
    """Whether the bucket could be asked: one of another account cannot."""
    delivery_error: str
    """The vendor's code of why files are not delivered; empty: they are."""
    delivered_at: datetime | None
    stopped_at: datetime | None


class Recorder(_Fact):
    """What writes down how resources are configured."""

    region: str
    name: str
    recording: bool
    stopped_at: datetime | None
    everything: bool
    """All kinds of resources are recorded, not a choice."""


class NetworkLog(_Fact):
    """A log of who talked to whom (``flow``) or of which names were asked for (``dns``)."""

    id: str
    region: str
    kind: str
    """``flow`` or ``dns``."""
    name: str
    about: str
    """The network; empty: none, or several."""
    active: bool
    error: str
    """The vendor's word for why nothing is delivered; empty: it is."""
    fed: bool
    """Something is recorded in it at all: a log of names that no network uses stays empty."""
    created_at: datetime | None


@runtime_checkable
class CloudWatch(Protocol):
    """Provider contract."""

    def trails(self) -> AsyncIterator[WatchedTrail]:
        """Each once, asked in its own region."""
        ...

    def recorders(self) -> AsyncIterator[Recorder]:
        """In each configured region."""
        ...

    def network_logs(self) -> AsyncIterator[NetworkLog]:
        """In each configured region."""
        ...
