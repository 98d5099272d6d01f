"""Reviews that nobody made are named, the heaviest risk first; those of today and of closed risks are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.risks.find_overdue import FindOverdue, OverdueReviews
from tenantry.discovery import TaskRegistry
from tenantry.risk.register import RiskRegister
from tenantry.task import Context, NoParams
from tests.support.stand import Stand
from tests.tasks.risks.test_refresh_register import context


@pytest.fixture
def register(tmp_path: Path) -> Iterator[RiskRegister]:
    stand = Stand(tmp_path, TaskRegistry())
    yield RiskRegister(stand.journal, "acme")
    stand.close()


async def found(register: RiskRegister, ahead: int) -> OverdueReviews:
    ctx: Context = context(register, None)
    later = replace(ctx, now=register._journal.clock.now() + timedelta(days=ahead))
    return await FindOverdue().read(later, NoParams())


async def test_who_was_to_look_and_did_not(register: RiskRegister) -> None:
    heavy = register.add("Backups were never restored", "high", "very_high", by="ann", owner="person:sam.eng")
    light = register.add("One person alone knows the firewall", "low", "moderate", by="ann")
    gone = register.add("An old server", "high", "high", by="ann")
    register.close(gone.id, reason="switched off", by="ann")
    days = {one.id: (one.review_on - register._journal.clock.now().date()).days for one in (heavy, light)}
    assert (await found(register, days[heavy.id])).overdue == []  # today is no day too late
    late = await found(register, days[heavy.id] + 3)
    assert [(one.risk, one.owner, one.days) for one in late.overdue] == [(heavy.id, "sam.eng", 3)]
    later = await found(register, days[light.id] + 1)
    assert [one.risk for one in later.overdue] == [heavy.id, light.id]
    assert [one.owner for one in later.overdue] == ["sam.eng", "nobody"]
    assert (later.open, later.overdue_total) == (2, 2)


async def test_what_was_looked_at_is_not_overdue(register: RiskRegister) -> None:
    risk = register.add("Backups were never restored", "high", "very_high", by="ann")
    ahead = (risk.review_on - register._journal.clock.now().date()).days
    register.review(risk.id, by="sam", note="looked at it", review_on=risk.review_on + timedelta(days=30))
    assert (await found(register, ahead + 3)).overdue == []
