from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from tenantry.timeline import Timeline
from tenantry.timeline.model import Moment
from tenantry.timeline.story import durations, summary, unknowns
from tests.support.sample_run import START


def test_what_happened_in_plain_sentences(timeline: Timeline) -> None:
    assert summary(timeline) == [
        "The attacker's first recorded act was on Thursday 19 November 2026 at 01:09 UTC, 26 h 3 min before the incident was "
        "reported; 8 acts of the attacker are in this timeline, and 1 more that may be theirs.",
        "The response was started on Friday 20 November 2026 at 03:12 UTC by mira (identity proven).",
        "The platform made 9 changes (each verified afterwards) and recorded 8 readings and answers.",
        "The attacker's access was cut 13 s after the report, containment was verified after 15 s and recovery was complete "
        "after 36 min 18 s.",
        "People were asked 3 questions and answered 3: jon and mira.",
        "4 things in the accounts were put down to the attacker, 3 of the persons' own stayed untouched and 1 could not be "
        "told and is left for a person to judge.",
        "The platform itself was interrupted once and went on (silent for at most 6.4 s); what was in doubt was checked "
        "again before anything was repeated.",
        "The next notification is due on Monday 23 November 2026 at 03:48 UTC (GDPR Art. 33: authority); 1 notification is "
        "late.",
        "Status at the end of this record: completed.",
    ]


def test_nothing_is_claimed_that_was_not_recorded(timeline: Timeline) -> None:
    bare = replace(
        timeline, events=[], steps=[], decisions=[], findings=[], clocks=[], moments=[], durations=[], requested_by=""
    )
    assert summary(bare) == [
        "The response was started on Friday 20 November 2026 at 03:12 UTC.",
        "Status at the end of this record: completed.",
    ]


def test_unknown_outcomes_are_never_passed_over(make: Callable[..., Timeline]) -> None:
    timeline = make(spray=300)
    text = " ".join(unknowns(timeline))

    assert "user0096@acme.example, user0193@acme.example, user0290@acme.example: could not be checked" in text
    assert "could not complete 3 steps" in " ".join(summary(timeline))


def test_a_turning_point_before_its_beginning_gives_no_duration() -> None:
    points = [
        Moment("compromised", "Compromised", START + timedelta(hours=1), "x"),
        Moment("discovered", "Reported", START, "y"),
    ]
    dwell = durations(points, [], [])[0]
    assert dwell.value is None
    assert "comes before" in dwell.basis
