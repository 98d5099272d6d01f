"""The four runs that prove an effect, for any task: plan changes nothing, run changes, run again says already, undo
restores (or the task says why it cannot).

:func:`drive` does what the engine does around one effect (:mod:`tenantry.run.steps`), without journal and retries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from tenantry.errors import Conflict, NotVerified
from tenantry.task import Change, Impact, Outcome, Task

from .fakes import FakeTenant


@dataclass
class Done:
    outcome: Outcome
    changes: list[Change]
    intent_at: datetime | None = None


async def drive(tenant: FakeTenant, task: Task[Any], params: dict[str, Any], **context: Any) -> Done:
    """Check, apply, verify; in plan mode check alone."""
    p = task.Params.model_validate(params)
    ctx = tenant.context(task, **context)
    changes = await task.check(ctx, p)
    if not changes:
        return Done(Outcome.ALREADY if ctx.intent_at is None else Outcome.CHANGED, [], ctx.intent_at)
    if ctx.run.mode == "plan":
        return Done(Outcome.WOULD_CHANGE, changes)
    intent_at = ctx.intent_at or tenant.clock.now()
    tenant.clock.tick()
    ctx = replace(ctx, now=tenant.clock.now(), intent_at=intent_at)
    await task.apply(ctx, p, changes)
    tenant.clock.tick()
    if await task.verify(replace(ctx, now=tenant.clock.now()), p, changes):
        raise NotVerified("the change is not visible")
    return Done(Outcome.CHANGED, changes, intent_at)


async def undo(tenant: FakeTenant, task: Task[Any], params: dict[str, Any], changes: list[Change]) -> bool:
    """Undo, and whether it is visible."""
    p = task.Params.model_validate(params)
    ctx = tenant.context(task)
    await task.undo(ctx, p, changes)
    return await task.verify_undone(ctx, p, changes)


@dataclass
class Case:
    """One effect to prove.

    Attributes:
        prepare: fills a tenant so that there is something to change; gives the parameters.
        writes: what the effect must have written, exactly and in order.
        undo_writes: what the undo must have written; None: the task has no undo.
        seen: anything of the tenant that must be as before after the undo.
        upsets: makes the present value neither what the run wrote nor what was before, so that undo must refuse; for
            :class:`ContestedEffectContract`.
    """

    task: type[Task[Any]]
    prepare: Callable[[FakeTenant], dict[str, Any]]
    writes: list[tuple[str, str, Any]]
    undo_writes: list[tuple[str, str, Any]] | None
    seen: Callable[[FakeTenant], Any] | None = None
    upsets: Callable[[FakeTenant], None] | None = None
    foothold: bool = False


class EffectContract:
    """Inherit, set ``case``; the tests of the contract come along."""

    case: Case

    @pytest.fixture
    def tenant(self) -> FakeTenant:
        return FakeTenant()

    @pytest.fixture
    def params(self, tenant: FakeTenant) -> dict[str, Any]:
        return self.case.prepare(tenant)

    @pytest.fixture
    def task(self) -> Task[Any]:
        return self.case.task()

    async def test_plan_lists_the_changes_and_makes_none(self, tenant, params, task):
        planned = await drive(tenant, task, params, mode="plan")
        assert planned.outcome is Outcome.WOULD_CHANGE
        assert planned.changes
        assert tenant.writes == []
        made = await drive(tenant, task, params)
        assert [c.path for c in made.changes] == [c.path for c in planned.changes]

    async def test_plan_knows_what_an_earlier_step_of_the_plan_would_have_done(self, tenant, params, task):
        first = await drive(tenant, task, params, mode="plan")
        after = {change.path: change.after for change in first.changes}
        assert (await drive(tenant, task, params, mode="plan", planned=after)).changes == []
        assert tenant.writes == []

    async def test_run_changes_exactly_this(self, tenant, params, task):
        assert (await drive(tenant, task, params)).outcome is Outcome.CHANGED
        assert list(tenant.writes) == self.case.writes

    async def test_run_again_finds_it_done(self, tenant, params, task):
        first = await drive(tenant, task, params)
        written = list(tenant.writes)
        again = await drive(tenant, task, params, intent_at=first.intent_at)
        assert again.changes == []
        assert list(tenant.writes) == written

    async def test_interrupted_before_the_answer_is_recognised(self, tenant, params, task):
        """The write was accepted, the process died: the check of the resumed run sees it and nothing is written twice."""
        p = task.Params.model_validate(params)
        ctx = tenant.context(task)
        changes = await task.check(ctx, p)
        intent_at = tenant.clock.now()
        tenant.clock.tick()
        await task.apply(replace(ctx, intent_at=intent_at), p, changes)
        written = list(tenant.writes)
        assert (await drive(tenant, task, params, intent_at=intent_at)).changes == []
        assert list(tenant.writes) == written

    async def test_paths_name_kind_object_and_property(self, tenant, params, task):
        for change in (await drive(tenant, task, params, mode="plan")).changes:
            assert change.path.count("/") >= 2
            assert change.before != change.after

    async def test_undo_restores_or_says_why_not(self, tenant, params, task):
        before = self.case.seen(tenant) if self.case.seen else None
        made = await drive(tenant, task, params)
        if self.case.undo_writes is None:
            assert task.no_undo
            assert len(task.no_undo) > 20
            with pytest.raises(NotImplementedError):
                await undo(tenant, task, params, made.changes)
            return
        assert task.no_undo is None
        tenant.writes.clear()
        assert await undo(tenant, task, params, made.changes)
        assert list(tenant.writes) == self.case.undo_writes
        if self.case.seen is not None:
            assert self.case.seen(tenant) == before
        assert await undo(tenant, task, params, made.changes), "undo is repeatable"
        assert list(tenant.writes) == self.case.undo_writes, "a repeated undo writes nothing"

    def test_declares_what_it_is(self, task):
        assert task.impact in set(Impact) - {Impact.READ}
        assert task.removes_foothold is self.case.foothold
        assert task.__doc__
        assert task.name.count(".") >= 1

    async def test_reads_and_acts_through_declared_capabilities_only(self, tenant, params, task):
        await task.guard(tenant.context(task), task.Params.model_validate(params))
        assert tenant.writes == []


class ContestedEffectContract(EffectContract):
    """For effects between whose ``before`` and ``after`` there is a third state: undo must leave that alone."""

    async def test_undo_never_overwrites_somebody_elses_change(self, tenant, params, task):
        assert self.case.upsets is not None
        made = await drive(tenant, task, params)
        self.case.upsets(tenant)
        tenant.writes.clear()
        with pytest.raises(Conflict):
            await undo(tenant, task, params, made.changes)
        assert tenant.writes == []
