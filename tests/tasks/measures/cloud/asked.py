"""What tests of measures of cloud accounts share: a question put to one made fact."""

from __future__ import annotations

from typing import Any

from tenantry.baseline.measure import FactMeasure
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import LOOK

__all__ = ["asked"]


def asked(measure: type[FactMeasure[Any]], fact: Any, **parameters: Any) -> list[str] | str | None:
    """What is wrong with a fact; None: the question is not about it; a text: why that cannot be told."""
    made = measure(measure.Params.model_validate(parameters))
    assert made.subject(fact)
    try:
        found = made.judge(fact, LOOK)
    except CannotCheck as problem:
        return problem.message
    return None if found is None else list(found)
