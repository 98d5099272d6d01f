from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.alerts.pull import Pull, PullParams
from tenantry.capabilities.intake import Pulled
from tenantry.errors import CannotCheck

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Hand:
    """An intake that was asked."""

    def __init__(self, *found: Pulled) -> None:
        self.found = list(found)
        self.asked: list[timedelta] = []

    async def pull(self, now: datetime, first: timedelta) -> list[Pulled]:
        assert now == NOW
        self.asked.append(first)
        return self.found


def context(hand: Hand) -> Any:
    return SimpleNamespace(run=SimpleNamespace(started_at=NOW), capability=lambda name: {"intake": hand}[name])


async def test_what_is_new_is_counted_over_all_sources() -> None:
    hand = Hand(
        Pulled(source="acme/m365", since=NOW, read=3, new=2), Pulled(source="acme/aws", since=NOW, read=1, new=1)
    )
    found = await Pull().read(context(hand), PullParams(first_hours=2))
    assert (found.new, [one.source for one in found.sources]) == (3, ["acme/m365", "acme/aws"])
    assert hand.asked == [timedelta(hours=2)]


async def test_one_that_could_not_be_asked_is_said_and_nothing_is_called_clean() -> None:
    hand = Hand(
        Pulled(source="acme/m365", since=NOW, read=3, new=2),
        Pulled(source="acme/aws", since=NOW, read=0, new=0, problem="is away"),
    )
    with pytest.raises(CannotCheck, match="acme/aws: is away"):
        await Pull().read(context(hand), PullParams())
    with pytest.raises(CannotCheck, match="no provider"):
        await Pull().read(context(Hand()), PullParams())
