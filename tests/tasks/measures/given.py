"""What tests of measures share: a giver with made capabilities, and the look of the checks' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from tenantry.baseline.measure import Measure, Verdict, WholeMeasure
from tenantry.errors import NoProvider
from tenantry.sweep.check import Known, Look
from tests.tasks.checks.looks import LOOK

__all__ = ["NOBODY", "Given", "listed", "measured"]

NOBODY = replace(LOOK, known=Known())
"""A client whose file names nothing of ours."""


class Given:
    """Capabilities by name; one that is missing is one that no provider has."""

    def __init__(self, look: Look = LOOK, **capabilities: Any) -> None:
        self.look = look
        self._capabilities = capabilities

    async def capability(self, name: str) -> Any:
        if name not in self._capabilities:
            raise NoProvider(f"nothing has {name}")
        return self._capabilities[name]


async def measured(measure: Measure[Any] | WholeMeasure[Any], look: Look = LOOK, **capabilities: Any) -> Verdict:
    """What a measure says of these capabilities, which it must have declared."""
    assert set(capabilities) <= set(measure.all_needs())
    if isinstance(measure, WholeMeasure):
        facts = [fact async for fact in measure.source.read(Given(look, **capabilities))]
        return measure.evaluate([fact for fact in facts if measure.wants(fact, look)], look, len(facts))
    return measure.evaluate(await measure.collect(Given(look, **capabilities)), look)


def listed(*facts: Any) -> Any:
    """A method of a capability that gives these."""

    async def give(*_: Any, **__: Any) -> AsyncIterator[Any]:
        for fact in facts:
            yield fact

    return give
