"""What a settled step tells the steps that need it, the flow that shows it, and the run's status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tenantry.run.state import ItemState
from tenantry.runbook.expressions import step_value
from tenantry.task import Outcome

_WORST = (
    Outcome.FAILED,
    Outcome.UNDO_FAILED,
    Outcome.UNKNOWN,
    Outcome.UNDONE,
    Outcome.CHANGED,
    Outcome.WOULD_CHANGE,
    Outcome.ALREADY,
    Outcome.OBSERVED,
    Outcome.SKIPPED,
)


@dataclass(slots=True)
class StepReport:
    """``waiting``: a person must answer first. ``blocked``: something it needs waits or failed; not begun."""

    step: str
    items: list[ItemState] = field(default_factory=list)
    waiting: bool = False
    blocked: bool = False
    skipped: bool = False
    error: dict[str, Any] | None = None
    goes_on: bool = False
    """Failed, but the runbook says ``on_failure: continue``."""

    @property
    def outcome(self) -> Outcome | None:
        """The worst of its items; None while waiting or blocked."""
        if self.error is not None:
            return Outcome.FAILED
        if self.skipped:
            return Outcome.SKIPPED
        if self.waiting or self.blocked:
            return None
        seen = {item.outcome for item in self.items}
        return next((outcome for outcome in _WORST if outcome in seen), Outcome.SKIPPED if not self.items else None)

    @property
    def satisfied(self) -> bool:
        """Whether steps that need this one may begin."""
        outcome = self.outcome
        if outcome is None:
            return False
        return outcome.good or outcome is Outcome.SKIPPED or self.goes_on

    def variable(self) -> dict[str, Any]:
        """``steps.<id>`` as expressions see it."""
        outcome = self.outcome
        single = self.items[0] if len(self.items) == 1 and self.items[0].item is None else None
        return step_value(
            outcome.value if outcome else "none",
            single.output if single else None,
            [
                {
                    "key": item.item,
                    "item": item.value,
                    "outcome": item.outcome.value if item.outcome else "none",
                    "output": item.output,
                }
                for item in self.items
                if item.item is not None
            ],
        )
