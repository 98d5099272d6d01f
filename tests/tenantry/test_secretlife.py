"""When a secret needs attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenantry.secretlife import due
from tenantry.secretstore import Facts, SecretVersion

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expires", "rotate", "why"),
    [
        (None, None, None),
        (-HOUR, None, "expired"),
        (-HOUR, DAY, "expired"),
        (29 * DAY, None, "expires"),
        (31 * DAY, None, None),
        (None, -HOUR, "rotate"),
        (None, HOUR, None),
        (90 * DAY, -HOUR, "rotate"),
        (24 * HOUR, 16 * HOUR, None),  # of a certificate that lives for a day
        (8 * HOUR, timedelta(0), "expires"),
        (8 * HOUR, 9 * HOUR, "expires"),  # a day of replacement that would come too late
    ],
)
def test_due(expires: timedelta | None, rotate: timedelta | None, why: str | None) -> None:
    facts = Facts.of("x", None if expires is None else NOW + expires, None if rotate is None else NOW + rotate)
    found = due([SecretVersion.of("acme", "a", 3, NOW - DAY, facts)], NOW)
    assert [one.why for one in found] == ([] if why is None else [why])
    assert all(one.version == 3 for one in found)


def test_the_gravest_comes_first() -> None:
    stored = [
        SecretVersion.of("acme", name, 1, NOW, Facts.of("x", NOW + expires))
        for name, expires in (("soon", 9 * DAY), ("sooner", 2 * DAY), ("over", -DAY))
    ]
    assert [one.name for one in due(stored, NOW)] == ["over", "sooner", "soon"]
