"""A question that is put to each fact: one that could not be answered is no pass, and what was seen is counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.measure import FactMeasure, Verdict, WholeMeasure
from tenantry.baseline.putting import put
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look, collector
from tests.tasks.checks.looks import LOOK


@collector("host")
async def facts(given: Any) -> Any:
    """Never read here."""
    del given
    yield 0


class Each(FactMeasure[str]):
    """Says of each fact what the fact is called."""

    name = "measures.test.each"
    source = facts

    def subject(self, fact: str) -> str:
        return fact

    def judge(self, fact: str, look: Look) -> Iterable[str] | None:
        if fact == "unknown":
            raise CannotCheck("it does not say")
        if fact == "defect":
            raise ZeroDivisionError("a secret value")
        return {"fine": [], "none": None}.get(fact, ["wrong"])


READ = Verdict("pass", "it was read to its end")


def told(*shown: str, reading: Verdict = READ) -> Verdict:
    made = put("each", Each())
    for fact in shown:
        assert not list(made.evaluate(fact, LOOK))
    return made.verdict(reading, LOOK, whole=reading is READ)


@given(st.lists(st.sampled_from(["fine", "bad", "unknown", "none", "defect"]), max_size=8), st.booleans())
def test_only_what_was_asked_and_answered_well_passes(shown: list[str], whole: bool) -> None:
    found = told(*shown, reading=READ if whole else Verdict("unknown", "half of it was away"))
    asked = [fact for fact in shown if fact != "none"]
    assert found.looked_at == (len(asked) if found.status != "not_applicable" else 0)
    if "bad" in asked:
        assert found.status == "fail"
    elif not whole or {"unknown", "defect"} & set(asked):
        assert found.status == "unknown"
    else:
        assert found.status == ("pass" if asked else "not_applicable")
    assert "a secret value" not in found.why


def test_whom_it_concerns_and_what_could_not_be_told_stand_side_by_side() -> None:
    found = told("bad", "unknown", "fine")
    assert (found.about, found.looked_at) == (("bad: wrong",), 3)
    assert "1 of 3" in found.why
    assert "it does not say" in found.why


def test_a_client_without_it_has_nothing_to_be_asked() -> None:
    assert told(reading=Verdict("not_applicable", "no such system")) == Verdict("not_applicable", "no such system")


def test_its_reading_counts_as_its_need() -> None:
    assert Each.all_needs() == ("host",)


class Amiss(Each):
    """Of a source that yields what is amiss alone."""

    none_is_well = "nothing is amiss"


def test_none_is_well_only_where_all_of_it_was_read() -> None:
    made = put("amiss", Amiss())
    assert made.verdict(READ, LOOK, whole=True) == Verdict("pass", "nothing is amiss")
    assert made.verdict(Verdict("not_applicable", "no such system"), LOOK, whole=False).status == "not_applicable"
    assert made.verdict(Verdict("unknown", "half of it was away"), LOOK, whole=False).status == "unknown"
    list(made.evaluate("none", LOOK))
    assert made.verdict(READ, LOOK, whole=True).status == "not_applicable", "there was something, and it was not asked"


class Together(WholeMeasure[str]):
    """Wants what is not called none, and says what it was shown."""

    name = "measures.test.together"
    source = facts

    def wants(self, fact: str, look: Look) -> bool:
        if fact == "broken":
            raise ZeroDivisionError("a secret value")
        return fact != "none"

    def evaluate(self, facts: list[str], look: Look, seen: int) -> Verdict:
        if "unknown" in facts:
            raise CannotCheck("it does not say")
        if "defect" in facts:
            raise ZeroDivisionError("a secret value")
        return Verdict("fail" if "bad" in facts else "pass", f"{len(facts)} of {seen}", tuple(facts), seen)


@given(st.lists(st.sampled_from(["fine", "bad", "unknown", "none", "defect", "broken"]), max_size=8), st.booleans())
def test_what_was_read_to_its_end_is_judged_together(shown: list[str], whole: bool) -> None:
    made = put("together", Together())
    for fact in shown:
        assert not list(made.evaluate(fact, LOOK))
    reading = READ if whole else Verdict("unknown", "half of it was away")
    found = made.verdict(reading, LOOK, whole=whole)
    assert "a secret value" not in found.why
    if not whole:
        assert (found.status, found.why) == ("unknown", "half of it was away")
    elif {"unknown", "defect", "broken"} & set(shown):
        assert found.status == "unknown"
    else:
        kept = [fact for fact in shown if fact != "none"]
        assert found == Verdict(
            "fail" if "bad" in shown else "pass", f"{len(kept)} of {len(shown)}", tuple(kept), len(shown)
        )
