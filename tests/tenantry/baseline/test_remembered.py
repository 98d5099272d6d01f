"""Exceptions, answers, drift and ages over random histories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.measure import STATUSES
from tenantry.baseline.remembered import (
    ANSWERED,
    EXCEPTED,
    EXCEPTION_WITHDRAWN,
    Answer,
    PolicyException,
    Said,
    age_days,
    assessed,
    said,
)
from tenantry.clock import rfc3339

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOBODY = Said({}, {})


def result(status: str, *about: str, total: int | None = None) -> dict[str, Any]:
    more = {"about": list(about), "about_total": len(about) if total is None else total}
    return {"policy": "p", "status": status, "why": "measured so", **more}


def exception(until: datetime, *about: str) -> PolicyException:
    texts = {"owner": "jo", "approved_by": "Ann Lee", "reason": "a legacy system", "control": "its network is cut off"}
    return PolicyException("b/p", about, **texts, at=rfc3339(START), until=until.date().isoformat())


def once(found: dict[str, Any], people: Said = NOBODY, now: datetime = START, before: Any = None) -> dict[str, Any]:
    [one] = assessed("b", [found], people, {"p": before} if before else None, now)
    return one


_SEEN = st.sampled_from([*STATUSES])
_HISTORY = st.lists(st.tuples(_SEEN, st.integers(1, 30)), min_size=1, max_size=12)


@given(_HISTORY)
def test_since_and_change_follow_from_the_whole_history(history: list[tuple[str, int]]) -> None:
    now, before, seen, since = START, None, None, None
    for status, days in history:
        now += timedelta(days=days)
        one = once(result(status), now=now, before=before)
        if status in ("pass", "fail"):
            if seen != status:
                since = now
            expected = "same" if seen == status else "new" if seen is None else "fell" if status == "fail" else "mended"
            assert (one["change"], one["since"], one["was"]) == (expected, rfc3339(since), seen)  # type: ignore[arg-type]  # set above
            assert age_days(one, now) == (now - since).days  # type: ignore[operator]  # set above
            seen = status
        else:
            assert one["status"] == status
            assert one["change"] == ("unseen" if seen else "new" if before is None else "same")
            assert one["was"] == seen
        before = one


@given(st.integers(-30, 30), st.sampled_from(STATUSES))
def test_an_exception_counts_until_its_day_is_over_and_only_where_it_fails(days: int, status: Any) -> None:
    people = Said({"b/p": exception(START + timedelta(days=days))}, {})
    one = once(result(status, "web1"), people)
    if status != "fail":
        assert (one["status"], one["exception"]) == (status, None)
    elif days >= 0:
        assert (one["status"], one["measured"]) == ("excepted", "fail")
    else:
        assert one["status"] == "fail"
        assert "the exception ended on" in one["why"]


@given(st.sets(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef"), unique=True), st.integers(0, 3))
def test_an_exception_by_name_covers_nobody_else(covered: set[str], failing: list[str], untold: int) -> None:
    people = Said({"b/p": exception(START, *sorted(covered))}, {})
    one = once(result("fail", *failing, total=len(failing) + untold), people)
    fine = not covered or (bool(failing) and set(failing) <= covered and not untold)
    assert one["status"] == ("excepted" if fine else "fail")


@given(st.integers(-5, 5), st.sampled_from(["pass", "fail", "not_applicable"]), st.sampled_from(STATUSES))
def test_a_persons_answer_counts_where_no_system_answers_and_ends(days: int, answer: Any, status: Any) -> None:
    until = (START + timedelta(days=days)).date().isoformat()
    people = Said({}, {"b/p": Answer("b/p", answer, "Ann Lee", "shown to me", rfc3339(START), until)})
    one = once(result(status), people)
    if status == "for_person" and days >= 0:
        assert (one["status"], one["measured"], one["why"]) == (answer, "for_person", "Ann Lee: shown to me")
    else:
        assert (one["status"], one["answered"]) == (status, None)


def test_what_was_excepted_and_is_so_no_more_has_fallen() -> None:
    people = Said({"b/p": exception(START + timedelta(days=1))}, {})
    first = once(result("fail"), people)
    later = once(result("fail"), people, START + timedelta(days=10), first)
    assert (first["status"], later["status"], later["change"], later["was"]) == ("excepted", "fail", "fell", "excepted")
    mended = once(result("pass"), people, START + timedelta(days=11), later)
    assert (mended["change"], mended["exception"]) == ("mended", None)


@given(st.lists(st.sampled_from(["except", "withdraw", "answer"]), max_size=8))
def test_the_newest_word_counts(acts: list[str]) -> None:
    entries: list[tuple[str, dict[str, Any]]] = []
    held: str | None = None
    answered: str | None = None
    for number, act in enumerate(acts):
        if act == "except":
            entries.append((EXCEPTED, exception(START).as_dict() | {"reason": f"reason {number}"}))
            held = f"reason {number}"
        elif act == "withdraw":
            entries.append((EXCEPTION_WITHDRAWN, {"policy": "b/p", "by": "jo"}))
            held = None
        else:
            entries.append(
                (ANSWERED, Answer("b/p", "pass", "jo", f"why {number}", rfc3339(START), "2026-06-01").as_dict())
            )
            answered = f"why {number}"
    found = said(entries)
    assert (found.exceptions["b/p"].reason if "b/p" in found.exceptions else None) == held
    assert (found.answers["b/p"].why if "b/p" in found.answers else None) == answered
