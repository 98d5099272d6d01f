"""The register is what its entries say, whatever their order and however many write at once; a missing one shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.errors import JournalCorrupt
from tenantry.risk.model import (
    CLOSED,
    LEVELS,
    OPENED,
    REVIEWED,
    TREATED,
    UPDATED,
    WITHDRAWN,
    fold,
    level_of,
    review_date,
    risk_id,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
FULL = {
    "title": "Backups were never restored",
    "likelihood": "moderate",
    "impact": "very_high",
    "review_on": "2026-12-01",
    "source": {"kind": "person", "ref": "x"},
}
Entry = tuple[str, dict[str, Any] | None, datetime]


def entry(event: str, risk: str, seen: int, /, at: int = 0, drill: str | None = None, **given: Any) -> Entry:
    payload = {"risk": risk, "set": given, "why": "", "by": "sam", "run": None, "drill": drill, "seen": seen}
    return event, payload, START + timedelta(minutes=at)


def test_levels_are_those_of_the_table() -> None:
    assert level_of("very_high", "very_high") == "very_high"
    assert level_of("moderate", "high") == "moderate"
    assert level_of("moderate", "very_high") == "high"
    assert level_of("low", "very_high") == "moderate"
    assert level_of("very_high", "very_low") == "very_low"


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_more_is_never_less(likelihood: Any, impact: Any) -> None:
    here = LEVELS.index(level_of(likelihood, impact))
    for other in LEVELS[LEVELS.index(impact) :]:
        assert LEVELS.index(level_of(likelihood, other)) >= here
    for other in LEVELS[LEVELS.index(likelihood) :]:
        assert LEVELS.index(level_of(other, impact)) >= here


def test_what_weighs_more_is_looked_at_sooner() -> None:
    days = [review_date(level, date(2026, 1, 1)) for level in LEVELS]
    assert days == sorted(days, reverse=True)


def test_an_id_follows_from_the_source() -> None:
    assert risk_id("finding", "a") == risk_id("finding", "a")
    assert len({risk_id("finding", "a"), risk_id("incident", "a"), risk_id("finding", "b")}) == 3


def test_a_history_is_kept_and_the_last_word_counts() -> None:
    found = fold(
        [
            entry(OPENED, "r1", 0, **FULL),
            entry(TREATED, "r1", 1, at=1, treatment="mitigate", reason="restore one"),
            entry(CLOSED, "r1", 2, at=2, reason="restored"),
            entry(OPENED, "r1", 3, at=3, **FULL),
        ]
    )
    risk = found.risks["r1"]
    assert (risk.status, risk.treatment, risk.opened_at[:16]) == ("open", "mitigate", "2026-11-01T00:00")
    assert [one["event"] for one in found.history["r1"]] == [OPENED, TREATED, CLOSED, OPENED]


def test_what_was_withdrawn_is_not_open() -> None:
    found = fold([entry(OPENED, "r1", 0, **FULL), entry(WITHDRAWN, "r1", 1)])
    assert found.open() == []
    assert found.risks["r1"].status == "withdrawn"


def test_a_drills_risks_are_not_the_clients() -> None:
    entries = [entry(OPENED, "r1", 0, drill="run-9", **FULL), entry(OPENED, "r2", 1, **FULL)]
    assert list(fold(entries).risks) == ["r2"]
    assert list(fold(entries, "run-9").risks) == ["r1"]


def test_an_overdue_risk_is_one_that_is_open() -> None:
    [risk] = fold([entry(OPENED, "r1", 0, **FULL)]).open()
    assert risk.overdue(date(2026, 12, 2))
    assert not risk.overdue(date(2026, 12, 1))
    assert not fold([entry(OPENED, "r1", 0, **FULL), entry(CLOSED, "r1", 1)]).risks["r1"].overdue(date(2027, 1, 1))


@pytest.mark.parametrize(
    "given",
    [{"likelihood": "often"}, {"owner": "Sam"}, {"treatment": "hope"}, {"unheard": 1}],
)
def test_what_no_risk_can_be_is_no_entry(given: dict[str, Any]) -> None:
    with pytest.raises(JournalCorrupt):
        fold([entry(OPENED, "r1", 0, **{**FULL, **given})])


def test_what_was_erased_is_counted() -> None:
    found = fold([(OPENED, None, START), entry(TREATED, "r1", 1, treatment="avoid"), entry(OPENED, "r2", 2, **FULL)])
    assert (found.erased, found.entries, list(found.risks)) == (1, 3, ["r2"])


# --- random histories -------------------------------------------------------------------------------------------------

_ACTS = st.lists(
    st.tuples(
        st.sampled_from((OPENED, UPDATED, TREATED, REVIEWED, CLOSED, WITHDRAWN)),
        st.sampled_from(("r1", "r2", "r3")),
        st.sampled_from(LEVELS),
        st.integers(0, 3),
    ),
    max_size=25,
)


def history(acts: Any) -> list[Entry]:
    """Entries as writers make them: nobody changes what was never opened; one may be some entries behind."""
    entries: list[Entry] = []
    known: set[str] = set()
    for event, risk, level, behind in acts:
        what = event if risk in known else OPENED
        known.add(risk)
        given = {**FULL, "impact": level} if what == OPENED else {"impact": level}
        entries.append(entry(what, risk, max(0, len(entries) - behind), at=len(entries), **given))
    return entries


@settings(max_examples=80, deadline=None)
@given(_ACTS)
def test_any_history_folds_and_the_last_entry_of_a_risk_decides(acts: Any) -> None:
    entries = history(acts)
    found = fold(entries)
    ends = {OPENED: "open", CLOSED: "closed", WITHDRAWN: "withdrawn"}
    for name, risk in found.risks.items():
        mine = [(event, payload) for event, payload, _ in entries if payload and payload["risk"] == name]
        assert risk.impact == mine[-1][1]["set"]["impact"]
        assert risk.status == [ends[event] for event, _ in mine if event in ends][-1]
        assert len(found.history[name]) == len(mine)
    assert {risk.id for risk in found.open()} <= set(found.risks)
    assert fold(entries[: len(entries) // 2]).entries == len(entries) // 2  # each beginning of it is a register too


@settings(max_examples=80, deadline=None)
@given(_ACTS.filter(lambda acts: len(acts) > 1), st.data())
def test_an_entry_that_was_taken_out_shows(acts: Any, data: Any) -> None:
    entries = history([(event, risk, level, 0) for event, risk, level, _ in acts])
    gone = data.draw(st.integers(0, len(entries) - 2))  # what was cut off at the end is the signed tree's to show
    with pytest.raises(JournalCorrupt):
        fold([*entries[:gone], *entries[gone + 1 :]])
