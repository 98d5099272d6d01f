from __future__ import annotations

import pytest

from tasks.offboarding.leave import Leave, LeaveParams
from tenantry.capabilities.offboarding import Tried
from tenantry.errors import CannotCheck
from tenantry.task import Impact
from tests.tasks.offboarding.hand import Hand, context

P = LeaveParams(provider="m365")


async def test_it_takes_itself_away_once_and_is_refused_then() -> None:
    hand, task = Hand(), Leave()
    hand.states["m365"] = Tried(provider="m365", state="works")
    changes = await task.check(context(hand), P)
    assert [change.after for change in changes] == ["refuses us"]
    await task.apply(context(hand), P, changes)
    assert hand.left == ["m365"]
    assert await task.verify(context(hand), P, changes) == []
    assert task.impact is Impact.IRREVERSIBLE
    assert task.no_undo


async def test_what_does_not_answer_is_not_left() -> None:
    hand = Hand()
    hand.states["m365"] = Tried(provider="m365", state="unknown", why="timed out")
    with pytest.raises(CannotCheck, match="timed out"):
        await Leave().check(context(hand), P)
    assert hand.left == []
