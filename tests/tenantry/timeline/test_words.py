from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenantry.run import Status
from tenantry.task import Outcome
from tenantry.timeline.words import (
    OUTCOMES,
    STATUSES,
    clip,
    human_name,
    moment,
    outcome_words,
    plural,
    shown,
    span,
    when,
)

AT = datetime(2026, 11, 20, 3, 12, 4, 5, UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.000_012, "12 µs"),
        (0.012, "12 ms"),
        (0.38, "0.38 s"),
        (6.4, "6.4 s"),
        (41, "41 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (26 * 3600 + 180, "26 h 3 min"),
        (71.99 * 3600, "71 h 59 min"),
        (30 * 86_400 + 7200, "30 d 2 h"),
        (-660, "-11 min"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_times() -> None:
    assert moment(AT) == "2026-11-20 03:12:04 UTC"
    assert when(AT) == "Friday 20 November 2026 at 03:12 UTC"


def test_every_outcome_and_status_has_words() -> None:
    assert {outcome.value for outcome in Outcome} <= set(OUTCOMES)
    assert {status.value for status in Status} == set(STATUSES)


def test_a_persons_answer_is_no_reading() -> None:
    assert outcome_words("observed", "human.confirm") == "answered"
    assert outcome_words("observed", "mail.collect_sent") == "read"


def test_values() -> None:
    assert [shown(v) for v in (None, True, False, "x", 3, ["a"])] == ["nothing", "yes", "no", "x", "3", '["a"]']
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcd", 4) == "abcd"
    assert human_name("remove_inbox_rule") == "Remove inbox rule"
    assert human_name("gdpr-authority") == "GDPR authority"
    assert human_name("GDPR Art. 33: authority") == "GDPR Art. 33: authority"
    assert (plural(1, "entry", "entries"), plural(2000, "entry", "entries")) == ("1 entry", "2,000 entries")
