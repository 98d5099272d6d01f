"""Never a pass by silence: of several answers the worst counts, and no answer at all is none."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.judge import combined, judge, of_checks
from tenantry.baseline.measure import STATUSES, Measure, Verdict
from tenantry.baseline.model import Baseline, Policy
from tenantry.errors import CannotCheck, JournalUnavailable, NoProvider, Unreachable
from tenantry.sweep.check import Giver, Look
from tenantry.sweep.model import Finding, Sweep
from tests.tasks.checks.looks import LOOK
from tests.tasks.measures.given import Given


def policy(*measures: str, **more: Any) -> Policy:
    return Policy.model_validate(
        {
            **{"id": "p", "title": "A policy", "plain": "In plain words", "criticality": "high", "measures": measures},
            **{"ask": "Is it so?", "remedy": "Make it so.", "maps": {"cis_v8": ("6.3",)}},
            "risk": {"title": "It goes wrong", "likelihood": "high", "impact": "high"},
            "source": {"title": "A source", "url": "https://example.com/", "compiled_on": "2026-01-01"},
            **more,
        }
    )


@given(st.lists(st.sampled_from(STATUSES), min_size=0, max_size=6))
def test_the_worst_answer_counts(statuses: list[Any]) -> None:
    verdicts = {f"m{number}": Verdict(status, status) for number, status in enumerate(statuses)}
    found = combined(policy(*verdicts), verdicts)
    telling = [status for status in statuses if status != "not_applicable"]
    assert found["status"] == (min(telling, key=STATUSES.index) if telling else "for_person")
    if found["status"] == "pass":
        assert set(telling) == {"pass"}
    assert [one["status"] for one in found["answers"]] == statuses


def test_the_order_of_answers_changes_nothing() -> None:
    for names in permutations(("a", "b", "c")):
        verdicts = {"a": Verdict("pass", "x"), "b": Verdict("unknown", "y"), "c": Verdict("not_applicable", "z")}
        assert combined(policy(*names), verdicts)["status"] == "unknown"


def test_what_nothing_answers_is_asked_unless_it_does_not_apply() -> None:
    nothing = {"a": Verdict("not_applicable", "no system")}
    assert combined(policy("a"), nothing)["ask"] == "Is it so?"
    assert combined(policy("a", unanswered="not_applicable"), nothing)["status"] == "not_applicable"


def test_whom_it_concerns_is_told_and_counted() -> None:
    many = tuple(f"host{number}" for number in range(80))
    found = combined(policy("a"), {"a": Verdict("fail", "all of them", many, 80)})
    assert (len(found["about"]), found["about_total"], found["looked_at"]) == (50, 80, 80)


# --- measures that cannot answer --------------------------------------------------------------------------------------


class Broken(Measure[None]):
    """Raises."""

    name = "measures.test.broken"
    needs = ("host",)

    error: Exception

    async def collect(self, given: Giver) -> None:
        raise self.error

    def evaluate(self, facts: None, look: Look) -> Verdict:
        return Verdict("pass", "it did")


class Looking:
    def given(self, needs: Any, look: Look) -> Giver:
        del needs
        return Given(look)


async def judged(error: Exception) -> dict[str, Any]:
    baseline = Baseline(id="b", version=1, title="A baseline", about="For tests", policies=(policy(Broken.name),))
    Broken.error = error
    [found] = (await judge(Looking(), [baseline], {Broken.name: Broken}, {}, LOOK))["b"]  # type: ignore[arg-type]  # as much of it as is used
    return found


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoProvider("none"), "for_person"),
        (Unreachable("away"), "unknown"),
        (CannotCheck("not said"), "unknown"),
        (ZeroDivisionError("a secret value"), "unknown"),
    ],
)
async def test_what_cannot_be_read_is_no_pass(error: Exception, status: str) -> None:
    found = await judged(error)
    assert found["status"] == status
    assert "a secret value" not in str(found)


async def test_what_is_wrong_with_this_machine_ends_it() -> None:
    with pytest.raises(JournalUnavailable):
        await judged(JournalUnavailable("full"))


# --- checks of the sweep ----------------------------------------------------------------------------------------------


def swept(status: str, looked_at: int, *entities: str, why: str = "") -> Verdict:
    sweep = Sweep("tenant")
    sweep.checks = [{"check": "c", "title": "A thing", "status": status, "looked_at": looked_at}]
    sweep.findings = [
        Finding("c", "A thing", "high", ("T1078",), {"type": "account", "id": name}, "") for name in entities
    ]
    sweep.could_not_check = [{"check": "c", "why": why}] if why else []
    return of_checks(sweep)["c"]


def test_a_check_that_looked_at_nothing_is_no_pass() -> None:
    assert swept("pass", 0).status == "not_applicable"
    assert swept("pass", 5).status == "pass"
    assert swept("not_applicable", 0).status == "not_applicable"


def test_a_check_that_did_not_see_everything_is_no_pass() -> None:
    assert swept("unknown", 5).status == "unknown"
    assert swept("pass", 5, why="one was away").status == "unknown"
    found = swept("fail", 5, "anna", "bob", why="one was away")
    assert (found.status, found.about) == ("fail", ("anna", "bob"))
    assert "one was away" in found.why
