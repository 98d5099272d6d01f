from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tenantry.clock import SystemClock, parse_rfc3339, rfc3339, stamp


class _At:
    """A clock that stands."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return 0


def test_text_order_is_time_order() -> None:
    east = datetime(2026, 11, 21, 5, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(east) == "2026-11-21T03:04:05.000006Z"
    assert parse_rfc3339(rfc3339(east)) == east


def test_any_clock_is_stamped() -> None:
    assert stamp(_At(datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))) == "1999-12-31T23:59:59.999999Z"


def test_the_systems_stamp_is_its_time() -> None:
    clock = SystemClock()
    for _ in range(1000):
        before = clock.now()
        said = parse_rfc3339(stamp(clock))
        assert before <= said <= clock.now()


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456Z"),
        (1_700_000_000_999_999_999, "2023-11-14T22:13:20.999999Z"),
        (1_700_000_001_000_000_999, "2023-11-14T22:13:21.000000Z"),
        (1_700_000_000_000_001_000, "2023-11-14T22:13:20.000001Z"),
    ],
)
def test_a_second_begins_and_steps_back(monkeypatch: pytest.MonkeyPatch, ns: int, text: str) -> None:
    clock = SystemClock()
    clock.stamp()
    monkeypatch.setattr("time.time_ns", lambda: ns)
    assert clock.stamp() == text
    assert clock.stamp() == text
