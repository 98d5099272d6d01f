"""Figures of the engine, in one place. Durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.journal.lease import LIFE


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient and how wide a run is.

    Attributes:
        lease_life: how long a run stays owned without renewal; renewed three times as often.
        concurrency: items of one run in flight at once.
        effect_attempts: tries of one effect within one attempt of the run; each re-checks first.
        read_attempts: tries of a read or a check that failed for a passing reason. Providers retry by themselves first;
            together they bound how long an unreachable tenant is waited for.
        backoff: first pause between tries; doubles, at most ``backoff_cap``.
        throttle_patience: how long one call may be slowed by a vendor that throttles before its step fails; it uses up no tries.
        settle: how long after an effect's deadline the vendor may still be acting on it, before what is in doubt is
            re-checked.
        poll: first pause between two looks while verifying; grows to ``poll_cap``.
        patience_scale: factor on every task's ``patience`` (tests shorten it).
    """

    lease_life: float = LIFE
    concurrency: int = 100
    effect_attempts: int = 4
    read_attempts: int = 3
    backoff: float = 0.25
    backoff_cap: float = 30.0
    throttle_patience: float = 1_800.0
    settle: float = 1.0
    poll: float = 0.05
    poll_cap: float = 3.0
    patience_scale: float = 1.0
    effect_timeout_cap: float = 12.0

    def effect_timeout(self, seconds: float) -> float:
        """An effect's deadline is always shorter than the lease that covers it."""
        return min(seconds, self.effect_timeout_cap, self.lease_life * 0.8)
