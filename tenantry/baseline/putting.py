"""Measures of a reading's facts among the checks of the sweep, so that whoever is about the same facts shares one reading."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from tenantry.baseline.measure import FactMeasure, Verdict, WholeMeasure
from tenantry.errors import CannotCheck, TaskDefect
from tenantry.sweep.check import Check, Collector, Look
from tenantry.sweep.model import Finding

__all__ = ["Heap", "Question", "put"]

_KEPT: Final = 1_000
"""Names that are kept of whom an answer concerns; the rest is counted."""
_REASONS: Final = 5


class Question(Check[Any]):
    """Shown each fact; finds nothing, and knows in the end how the measure came out."""

    measure: FactMeasure[Any]

    def __init__(self) -> None:
        self._seen = 0
        self._asked = 0
        self._wrong = 0
        self._amiss: list[str] = []
        self._unknown: dict[str, str] = {}

    def evaluate(self, fact: Any, look: Look) -> Iterable[Finding]:
        self._seen += 1
        try:
            amiss = self.measure.judge(fact, look)
            if amiss is None:
                return ()
            told = [f"{self.measure.subject(fact)}: {one}" for one in amiss]
        except CannotCheck as problem:
            self._cannot(fact, problem.message)
        except Exception as error:  # noqa: BLE001  # a defect in one measure must not hide what the others see
            self._cannot(fact, TaskDefect.of(self.measure.name, error).message)
        else:
            self._asked += 1
            if told:
                self._wrong += 1
                self._amiss += told[: _KEPT - len(self._amiss)]
        return ()

    def _cannot(self, fact: Any, why: str) -> None:
        self._asked += 1
        if len(self._unknown) < _KEPT:
            self._unknown[self.measure.subject(fact)] = why

    def verdict(self, reading: Verdict, look: Look, *, whole: bool) -> Verdict:
        """How it came out.

        Args:
            reading: how the reading itself went, as of a check that found nothing.
            whole: there was something to read from, and it was read to its end.
        """
        del look
        rest = list(dict.fromkeys(self._unknown.values()))[:_REASONS]
        if reading.status == "unknown":
            rest.append(reading.why)
        if self._wrong:
            why = f"{self._wrong:,} of {self._asked:,} are not as they should be"
            return Verdict("fail", "; ".join([why, *rest]), tuple(self._amiss), self._asked)
        if rest:
            return Verdict("unknown", "; ".join(rest), tuple(sorted(self._unknown)), self._asked)
        if whole and not self._seen and self.measure.none_is_well:
            return Verdict("pass", self.measure.none_is_well)
        if reading.status == "not_applicable" or not self._asked:
            why = (
                reading.why if reading.status == "not_applicable" else "there is nothing of the kind that it asks about"
            )
            return Verdict("not_applicable", why)
        return Verdict("pass", f"all {self._asked:,} are as they should be", (), self._asked)


class Heap(Check[Any]):
    """Shown each fact; keeps those that its measure wants, and has them judged together in the end."""

    measure: WholeMeasure[Any]

    def __init__(self) -> None:
        self._seen = 0
        self._kept: list[Any] = []
        self._why = ""

    def evaluate(self, fact: Any, look: Look) -> Iterable[Finding]:
        self._seen += 1
        try:
            if self.measure.wants(fact, look):
                self._kept.append(fact)
        except Exception as error:  # noqa: BLE001  # a defect in one measure must not hide what the others see
            self._why = TaskDefect.of(self.measure.name, error).message
        return ()

    def verdict(self, reading: Verdict, look: Look, *, whole: bool) -> Verdict:
        """How it came out. Arguments as of :meth:`Question.verdict`: of what was not read to its end nothing is said."""
        if not whole:
            return Verdict(reading.status, reading.why, (), self._seen)
        if self._why:
            return Verdict("unknown", self._why, (), self._seen)
        try:
            return self.measure.evaluate(self._kept, look, self._seen)
        except CannotCheck as problem:
            return Verdict("unknown", problem.message, (), self._seen)
        except Exception as error:  # noqa: BLE001  # as above
            return Verdict("unknown", TaskDefect.of(self.measure.name, error).message, (), self._seen)


def put(label: str, measure: FactMeasure[Any] | WholeMeasure[Any]) -> Question | Heap:
    """A check that has the measure judge what is read, told by ``label``."""
    made = _kind(Question if isinstance(measure, FactMeasure) else Heap, label, measure.summary(), measure.source)()
    made.measure = measure
    return made


@cache
def _kind(base: type[Question | Heap], label: str, title: str, source: Collector[Any]) -> type[Question | Heap]:
    """Made once for each question: with every class that is made, Python looks through all those that there are again."""
    declared = {"name": label, "title": title, "severity": "low", "attack": (), "remedy": "", "collect": source}
    return type(base.__name__, (base,), declared)
