"""What the parts of the broker share: who is connected, and what was counted since it was started."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tenantry.broker.tokens import Grant
from tenantry.broker.wire import Peer

__all__ = ["Counters", "Session"]


@dataclass(slots=True)
class Session:
    """One connection. ``grant``: what it may do, once it has said who it is."""

    peer: Peer
    grant: Grant | None = None


@dataclass(slots=True)
class Counters:
    """Since the broker was started (Unix time, seconds)."""

    started: float = field(default_factory=time.time)
    reads: int = 0
    keys: int = 0
    refused: int = 0
    throttled: int = 0
    connections: int = 0
    """Open now."""
