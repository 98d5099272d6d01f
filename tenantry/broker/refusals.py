"""What the broker records of what it refused: every refusal once, and how often the same one came again.

In a client's own tree stands that its run was refused, never whose secret it asked for; the estate's has it in full.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tenantry.broker.sessions import Session
from tenantry.errors import TenantryError
from tenantry.journal import MSP, Event, Journal

__all__ = ["Refusals"]

_LOG: Final = logging.getLogger(__name__)
_KINDS: Final = 1_000
"""Of refusals that are counted one by one; what comes beyond is counted together."""


@dataclass(slots=True)
class _Tally:
    """Refusals of one kind since the last entry."""

    tenant: str
    payload: dict[str, Any]
    at: float
    more: int = 0


class Refusals:
    """Used by the broker's one thread.

    Args:
        every: seconds in which refusals of one kind are counted together after the first, so that who asks in a loop does not
            fill the disk.
        monotonic: the clock that they are measured with.
    """

    def __init__(self, journal: Journal, every: float, monotonic: Callable[[], float]) -> None:
        self._journal = journal
        self._every = every
        self._now = monotonic
        self._tallies: dict[tuple[str, ...], _Tally] = {}

    def record(self, session: Session, operation: str, error: TenantryError, wanted: Mapping[str, Any]) -> None:
        """Record one.

        Args:
            wanted: what was asked for; names, no secret.

        Raises:
            RecordError: then nothing may be answered but that.
        """
        grant = session.grant
        _LOG.warning("refused %s: %s", operation, error.code, extra={"run": grant.run if grant else None})
        payload: dict[str, Any] = {"op": operation, "why": error.code, "pid": session.peer.pid}
        if grant is not None:
            payload |= {"grant": grant.id, "role": grant.role, "run": grant.run}
        self._tally(MSP, payload | {"tenant": grant.tenant if grant else None, "wanted": dict(wanted)})
        if grant is not None and grant.tenant is not None:
            self._tally(grant.tenant, payload)

    def _tally(self, tenant: str, payload: dict[str, Any]) -> None:
        """Record it now, or count it when the same was recorded a moment ago. It is never lost: the count is recorded."""
        now = self._now()
        key = (tenant, payload["op"], payload["why"], str(payload.get("grant")), str(payload.get("wanted")))
        known = self._tallies.get(key)
        if known is not None or len(self._tallies) > _KINDS:
            known = known or self._tallies.setdefault((tenant, "many"), _Tally(tenant, payload, now))
            known.more += 1
            return
        self._journal.append(tenant, [Event("vault.refused", payload)])
        self._tallies[key] = _Tally(tenant, payload, now)

    def write(self, *, everything: bool = False) -> None:
        """Record what was counted and is due. Raises RecordError; it is tried again at the next call."""
        now = self._now()
        for key, tally in list(self._tallies.items()):
            if not everything and now - tally.at < self._every:
                continue
            if tally.more:
                self._journal.append(tally.tenant, [Event("vault.refused", tally.payload | {"again": tally.more})])
            del self._tallies[key]
