"""What a run that an alert started may do before a person has looked: the engine asks here right before each such effect.

Alerts can be forged, and a rule can be wrong. So what happens by itself has an upper impact, and a budget for each client and hour
over all runs and processes: when either is used up, the run asks (`run.start`), and goes on once somebody of the estate has said with
a code that it is meant.
"""

from __future__ import annotations

from typing import Final, Protocol

from tenantry.task import Impact

__all__ = ["IMPACTS", "Unattended", "allowed"]

IMPACTS: Final = {
    "none": frozenset[Impact](),
    "read": frozenset({Impact.READ}),
    "reversible": frozenset({Impact.READ, Impact.REVERSIBLE}),
}
"""What may happen by itself, as a client's file (``policy.unattended_impact``) and a rule say it. Never more than reversible."""


class Unattended(Protocol):
    """What one installation's clients agreed to, and what was used of it."""

    def may(self, tenant: str, impact: Impact, key: str) -> str | None:
        """Whether one effect may be made for a tenant by itself; if so, it is counted, durably, before this returns.

        Args:
            key: of the effect: the same one, tried again, counts once.

        Returns:
            None when it may; else why a person is asked, in a clause.

        Raises:
            TenantryError: that could not be told; the effect is not made.
        """
        ...


def allowed(impact: Impact, most: str) -> bool:
    """Whether an effect of an impact is within ``none``, ``read`` or ``reversible``. A word that is none of these allows nothing."""
    return impact in IMPACTS.get(most, frozenset())
