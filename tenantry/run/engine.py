"""Walking a runbook's graph under one lease: which steps may begin, which are skipped, what the run's status is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, Protocol

from tenantry import logs
from tenantry.abreast import first_of
from tenantry.clock import rfc3339
from tenantry.errors import (
    ApprovalDenied,
    ApprovalExpired,
    InvalidInput,
    LeaseLost,
    RecordError,
    Refused,
    StepError,
    TenantryError,
)
from tenantry.journal import Event, Fence, LeaseHeld, Record, Writer
from tenantry.journal.entry import jsonable
from tenantry.journal.lease import this_process
from tenantry.run.access import Surroundings, TenantAccess
from tenantry.run.policy import Policy
from tenantry.run.questions import Waiting, refuse_denied
from tenantry.run.report import StepReport
from tenantry.run.state import START, ItemState, RunState, Status, fold
from tenantry.run.steps import ItemRunner
from tenantry.run.undo import Undo
from tenantry.runbook import Runbook, Step, condition, expand, item_key, pinned_runbook, resolve, validate_params
from tenantry.task import BaseTask, Outcome, Task


@dataclass(frozen=True, slots=True)
class StepCall:
    """One step about to be executed, as a flow shows it."""

    step: Step
    task: BaseTask[Any]
    upstream: tuple[str, ...]
    state: RunState


class Around(Protocol):
    """How a step's body is called: directly, or as a Prefect task run. Must await ``body`` at most once and return what it
    returned; what it raises ends the run as interrupted."""

    async def __call__(self, call: StepCall, body: Callable[[], Awaitable[StepReport]]) -> StepReport: ...


async def directly(call: StepCall, body: Callable[[], Awaitable[StepReport]]) -> StepReport:
    del call
    return await body()


Observer = Callable[[RunState, Record], None]


def create(
    around: Surroundings,
    *,
    run_id: str,
    runbook: Runbook,
    tenant: str,
    params: Mapping[str, Any],
    mode: str,
    requester: Mapping[str, Any],
    subject: str,
    flow_run_id: str | None = None,
) -> RunState:
    """Record a new run. The first entry pins the runbook: its text and digest.

    Args:
        params: validated parameters, JSON.
        mode: ``run``, ``plan`` or ``drill``.
        requester: ``{person, proven, via}``.

    Raises:
        InvalidInput: there is a run with this id already.
    """
    record_new(
        around,
        run_id=run_id,
        runbook=runbook,
        tenant=tenant,
        params=params,
        mode=mode,
        requester=requester,
        subject=subject,
        flow_run_id=flow_run_id,
    )
    return fold(around.journal.records(run_id))


def record_new(
    around: Surroundings,
    *,
    run_id: str,
    runbook: Runbook,
    tenant: str,
    params: Mapping[str, Any],
    mode: str,
    requester: Mapping[str, Any],
    subject: str,
    flow_run_id: str | None = None,
) -> None:
    """As `create`, for whoever needs no state of it."""
    event = Event(
        "run.created",
        {
            "tenant": tenant,
            "runbook": {"id": runbook.id, "version": runbook.version, "digest": runbook.digest, "text": runbook.text},
            "params": jsonable(params),
            "mode": mode,
            "subject": subject,
            "requester": dict(requester),
            "flow_run_id": flow_run_id,
        },
        run_id=run_id,
        flow=(runbook.id, runbook.version),
    )
    around.journal.append(tenant, [event])


class Engine:
    """Executes one run for one tenant."""

    def __init__(
        self,
        around: Surroundings,
        access: TenantAccess,
        *,
        policy: Policy | None = None,
        observe: Observer | None = None,
    ) -> None:
        self._around = around
        self._access = access
        self._policy = policy or Policy()
        self._observe = observe

    async def run(
        self, run_id: str, *, call: Around = directly, flow_run_id: str | None = None, wait: bool = True
    ) -> RunState:
        """Carry the run as far as it goes, from wherever it stands.

        Args:
            call: how each step's body is called.
            wait: wait for another owner's lease to lapse; otherwise raise LeaseHeld.

        Returns:
            the state when nothing more can be done now: ended, waiting for a person, or paused by a failed step.

        Raises:
            LeaseHeld, LeaseLost, JournalUnavailable.
        """
        async with self.owned(run_id, flow_run_id=flow_run_id, wait=wait) as session:
            if session.state.ended is not None:
                return session.state
            return await session.walk(call)

    async def undo(self, run_id: str, *, step: str | None, by: Mapping[str, Any]) -> RunState:
        """Put back what the run changed, newest first; with ``step``, that step alone.

        What has no undo, or would give an attacker back what was taken, is left and said so in the record.
        """
        async with self.owned(run_id, attempt=False) as session:
            if step is not None:
                session.runbook.step(step)
            await session.record(Event("undo.requested", {"by": dict(by), "step": step}))
            waiting = await session.undo.one(step) if step is not None else await session.undo.everything()
            if waiting:
                await session.record(
                    Event("run.stopped", {"status": Status.WAITING.value}, outcome=Status.WAITING.value)
                )
            elif step is None:
                clean = all(item.outcome is not Outcome.UNDO_FAILED for item in session.state.items.values())
                await session.end(Status.UNDONE if clean else Status.EXCEPTIONS)
            return session.state

    async def cancel(self, run_id: str, *, by: Mapping[str, Any], wait: bool = True) -> RunState:
        """End a run that nobody is executing. (One that is executed notices ``run.cancel_requested`` by itself.)"""
        async with self.owned(run_id, wait=wait, attempt=False) as session:
            if session.state.ended is None:
                await session.record(Event("run.cancel_requested", {"by": dict(by)}))
                await session.end(Status.CANCELLED)
            return session.state

    @contextlib.asynccontextmanager
    async def owned(
        self, run_id: str, *, flow_run_id: str | None = None, wait: bool = True, attempt: bool = True
    ) -> AsyncIterator[Session]:
        """Own the run for the duration of the block."""
        journal = self._around.journal
        fence = await self._acquire(run_id, wait)
        records = await asyncio.to_thread(journal.records, run_id)  # it may have to ask for the key first
        state = fold(records)
        if state.erased and state.ended is None:
            await asyncio.to_thread(journal.release, fence)
            raise Refused(
                f"of the run {run_id} {state.erased} entries were erased: what it did is not known well enough to go on",
                remedy="Start a new run; this one stays in the record as it is.",
            )
        writer = Writer(journal, state.tenant, fence)
        session = Session(self._around, self._access, self._policy, self._observe, state, writer, len(records))
        renewal = asyncio.create_task(session.renew())
        try:
            if attempt and state.ended is None:
                await session.record(
                    Event(
                        "run.attempt",
                        {"attempt": state.attempt + 1, "owner": this_process(), "flow_run_id": flow_run_id},
                    )
                )
            yield session
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
            await writer.close()
            await asyncio.to_thread(journal.release, fence)
            await asyncio.to_thread(self._sign, state)

    def _sign(self, state: RunState) -> None:
        """Sign the tenant's record as it is now. A record that cannot be signed is no reason to call what was done undone:
        that it could not be is recorded, and the next checkpoint covers these entries too."""
        if self._around.sign is None:
            return
        try:
            self._around.sign(state.tenant)
        except RecordError as error:
            said = {"code": error.code, "message": error.message}
            flow = (state.runbook, state.version)
            with contextlib.suppress(RecordError):  # the disk is full or gone: the next attempt meets it first of all
                self._around.journal.append(state.tenant, [Event("checkpoint.failed", said, state.run_id, flow=flow)])

    async def _acquire(self, run_id: str, wait: bool) -> Fence:
        while True:
            try:
                lease = await asyncio.to_thread(self._around.journal.acquire, run_id, self._policy.lease_life)
            except LeaseHeld as held:
                if not wait:
                    raise
                await asyncio.sleep(min(held.seconds + 0.01, 1.0))
            else:
                return lease.fence


class Session:
    """One attempt of a run: everything recorded here is fenced by its lease."""

    def __init__(
        self,
        around: Surroundings,
        access: TenantAccess,
        policy: Policy,
        observe: Observer | None,
        state: RunState,
        writer: Writer,
        others: int,
    ) -> None:
        self._around = around
        self._policy = policy
        self._observe = observe
        self.state = state
        self.access = access
        self.writer = writer
        self.runbook = pinned_runbook(state.runbook_text, source=f"run {state.run_id}", registry=around.registry)
        self.items = ItemRunner(state, access, around, writer, policy, self.record)
        self._params = validate_params(self.runbook, state.params)
        self.undo = Undo(self.state, self.runbook, around, self.items, policy, self.record)
        self._others = others
        self._limit = asyncio.Semaphore(policy.concurrency)
        self._stopped = asyncio.Event()
        self._asked: set[str] = set()
        """Steps that wait for a person while others of the same pass are at work."""
        self._news = asyncio.Event()

    async def record(self, *events: Event) -> None:
        """Append entries of this run, durably, and take them into account."""
        flow = (self.state.runbook, self.state.version)
        complete = [
            Event(e.event, e.payload, self.state.run_id, e.step, self.state.attempt, e.outcome, flow) for e in events
        ]
        entries = await self.writer.append(*complete)
        for entry, event in zip(entries, complete, strict=True):
            record = Record(entry, event.payload)
            self.state.apply(record)
            if self._observe is not None:
                self._observe(self.state, record)

    async def renew(self) -> None:
        """Keep the lease, and notice a request to cancel, until cancelled itself."""
        while True:
            await asyncio.sleep(self._policy.lease_life / 3)
            try:
                await self.writer.renew()
                await self._refresh()
            except RecordError:
                # The next append meets the same trouble and reports it; the lease may outlive a short one.
                continue
            except LeaseLost:
                self._stopped.set()
                return
            finally:
                self._tell()

    async def _refresh(self) -> None:
        """Take in what others recorded of this run meanwhile: decisions, notes, a request to cancel."""
        others = await self.writer.strangers(self.state.run_id)
        if others == self._others:
            return
        records = await asyncio.to_thread(self._around.journal.records, self.state.run_id)
        self._others = others  # what came since is found the next time
        fresh = fold(records)
        if fresh.cancel_requested and not self.state.cancel_requested:
            self.state.cancel_requested = fresh.cancel_requested
            self._stopped.set()
        for key, gate in fresh.gates.items():
            if key in self.state.gates and len(gate.decisions) > len(self.state.gates[key].decisions):
                self.state.gates[key].decisions[:] = gate.decisions
            if gate.arrival is not None and key in self.state.gates and self.state.gates[key].closed is None:
                self.state.gates[key].closed, self.state.gates[key].arrival = gate.closed, gate.arrival
        self.state.notes[:] = fresh.notes
        self.state.refusals[:] = fresh.refusals

    def _tell(self) -> None:
        """Have those look again that wait for something to happen."""
        self._news.set()
        self._news = asyncio.Event()

    # --- the graph ----------------------------------------------------------------------------------------------------

    async def walk(self, call: Around) -> RunState:
        """Execute every step that can be; then record how the run stands."""
        if self.state.cancel_requested:
            await self.end(Status.CANCELLED)
            return self.state
        reports: dict[str, StepReport] = {}
        # Beside what is recorded before the first of them begins: an attacker is shut out that much sooner.
        ahead = asyncio.create_task(self.access.ahead(self._soon()))
        try:
            while True:
                reports = await self._pass(call)
                await self._refresh()
                if self._stopped.is_set() or not self._answered(reports):
                    break
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
        await self._conclude(reports)
        return self.state

    def _soon(self) -> set[str]:
        """What the steps that can begin now need."""
        left = [step for step in self.runbook.steps if self._settled(step) is None]
        open_ = {step.id for step in left}
        first = [step for step in left if open_.isdisjoint(self.runbook.upstream(step.id))]
        return {name for step in first for name in self._around.registry.get(step.uses).needs}

    def _answered(self, reports: Mapping[str, StepReport]) -> bool:
        """Whether somebody answered, while other steps ran, a question that some step waits for."""
        waiting = {step for step, report in reports.items() if report.waiting}
        gates = self.state.open_gates()
        asks = self.state.start_unproven or self.state.started_itself
        if asks and self.state.vouched and waiting - {gate.step for gate in gates}:
            return (
                True  # they waited for somebody to vouch for the run, and an approval of another step has done so since
            )
        for gate in self.state.gates.values():
            item = self.state.items.get((gate.step, gate.item))
            if gate.arrival is not None and gate.step in waiting and (item is None or item.outcome is None):
                return True
        return any(
            (gate.step in waiting or (gate.step == START and not self.state.vouched))
            and self.items.questions.verdict(gate) != "pending"
            for gate in gates
        )

    async def _pass(self, call: Around) -> dict[str, StepReport]:
        nodes: dict[str, asyncio.Task[StepReport]] = {}

        async def node(step: Step) -> StepReport:
            upstream = self.runbook.upstream(step.id)
            above = [await asyncio.shield(nodes[name]) for name in upstream]
            task = self._around.registry.get(step.uses)()
            settled = self._settled(step)
            if settled is not None:
                return settled
            if self._stopped.is_set() or not all(report.satisfied for report in above):
                return StepReport(step.id, blocked=True)
            variables = self._variables({report.step: report for report in above})
            shown = StepCall(step, task, upstream, self.state)
            while True:
                report = await call(shown, lambda: self._named(step, task, variables))
                if not report.waiting or not await self._heard(step, report, nodes):
                    return report

        try:
            async with asyncio.TaskGroup() as group:
                for step in self.runbook.order():
                    nodes[step.id] = group.create_task(node(step))
                    nodes[step.id].add_done_callback(lambda _: self._tell())
        except BaseExceptionGroup as errors:
            raise first_of(errors) from errors
        return {name: task.result() for name, task in nodes.items()}

    async def _heard(self, step: Step, report: StepReport, nodes: Mapping[str, asyncio.Task[StepReport]]) -> bool:
        """Wait for an answer to what the step asks, as long as other steps are at work: whoever answers is not kept waiting by a
        restore that takes hours.

        Returns:
            whether somebody answered; False once nothing else goes on in this pass, which then ends.
        """
        self._asked.add(step.id)
        self._tell()
        try:
            while not self._stopped.is_set():
                news = self._news
                if self._answered({step.id: report}):
                    return True
                if not self._at_work(nodes):
                    return False
                await news.wait()
            return False
        finally:
            self._asked.discard(step.id)

    def _at_work(self, nodes: Mapping[str, asyncio.Task[StepReport]]) -> bool:
        """Whether any step of this pass has begun, or can, and does not wait for a person."""
        return any(
            not task.done()
            and name not in self._asked
            and all(nodes[above].done() for above in self.runbook.upstream(name))
            for name, task in nodes.items()
        )

    def _settled(self, step: Step) -> StepReport | None:
        """The step's report when the record says that nothing is left to do."""
        if self.state.whens.get(step.id) is False:
            return None if self._overtaken(step, "when") else StepReport(step.id, skipped=True)
        items = self._items(step)
        if items is None or not all(item.done for item in items) or self._overtaken(step, "for_each"):
            return None
        return StepReport(step.id, items=items)

    def _overtaken(self, step: Step, what: Literal["when", "for_each"]) -> bool:
        return self.state.overtaken(step.id, what, self.runbook.upstream(step.id))

    def _items(self, step: Step) -> list[ItemState] | None:
        """The step's items; None when they are not known yet."""
        if step.for_each is None:
            known = self.state.items.get((step.id, None))
            return None if known is None else [known]
        expansion = self.state.expansions.get(step.id)
        return None if expansion is None else [self.state.item(step.id, item["key"]) for item in expansion]

    def _variables(self, reports: Mapping[str, StepReport]) -> dict[str, Any]:
        state = self.state
        return {
            "params": self._params,
            "tenant": dict(self.access.subject),
            "run": {
                "id": state.run_id,
                "mode": state.mode,
                "started_at": state.created_at,
                "requested_by": state.requester.get("person"),
                "opened_by": state.requester.get("run"),
            },
            "steps": {name: report.variable() for name, report in reports.items()},
        }

    async def _named(self, step: Step, task: BaseTask[Any], variables: dict[str, Any]) -> StepReport:
        """The step, with its name on everything that is logged meanwhile."""
        state = self.state
        with logs.bound(run=state.run_id, tenant=state.tenant, step=step.id, attempt=state.attempt):
            return await self._step(step, task, variables)

    async def _step(self, step: Step, task: BaseTask[Any], variables: dict[str, Any]) -> StepReport:
        try:
            if not await self._when(step, variables):
                return StepReport(step.id, skipped=True)
            targets = await self._expand(step, task, variables)
        except Waiting:
            return StepReport(step.id, waiting=True)
        except (ApprovalDenied, ApprovalExpired, StepError, InvalidInput) as error:
            await self.record(Event("step.error", {"error": error.as_dict()}, step=step.id))
            return StepReport(step.id, error=error.as_dict(), goes_on=step.on_failure == "continue")

        async def one(key: str | None, value: Any) -> bool:
            if self.state.item(step.id, key).done:
                return False
            async with self._limit:
                if self._stopped.is_set():
                    return False
                scope = variables if key is None else {**variables, "item": value}
                try:
                    arguments = jsonable(resolve(step.with_, scope))
                except TenantryError as error:
                    await self.items.fail(step, self.state.item(step.id, key), error)
                    return False
                try:
                    await self.items.run(step, task, key, arguments)
                except Waiting:
                    return True
                return False

        waits = await _together([one(key, value) for key, value in targets])
        items = self._items(step) or []
        return StepReport(
            step.id,
            items=items,
            waiting=any(waits),
            blocked=self._stopped.is_set() and not all(item.done for item in items),
            goes_on=step.on_failure == "continue",
        )

    async def _when(self, step: Step, variables: Mapping[str, Any]) -> bool:
        if step.when is None:
            return True
        if step.id not in self.state.whens or (not self.state.whens[step.id] and self._overtaken(step, "when")):
            value = condition(step.when, variables)
            await self.record(Event("step.when", {"value": value}, step=step.id))
        return self.state.whens[step.id]

    async def _expand(
        self, step: Step, task: BaseTask[Any], variables: Mapping[str, Any]
    ) -> Sequence[tuple[str | None, Any]]:
        if step.for_each is None:
            return [(None, None)]
        if step.id not in self.state.expansions or self._overtaken(step, "for_each"):
            known = self.state.expansions.get(step.id, [])  # only ever added to: what was begun is not left behind
            keys = {item["key"] for item in known}
            found = [item for item in _expanded(step, variables) if item["key"] not in keys]
            await self.record(Event("step.expanded", {"items": [*known, *found]}, step=step.id))
        items = self.state.expansions[step.id]
        if isinstance(task, Task) and step.expect_at_most is not None and len(items) > step.expect_at_most:
            await self._ask_for_reach(step, task, [item["key"] for item in items])
        return [(item["key"], item["value"]) for item in items]

    async def _ask_for_reach(self, step: Step, task: Task[Any], keys: list[str]) -> None:
        """More targets than the runbook expects: stop and ask, before the first of them is touched."""
        reason = f"would touch {len(keys)} targets, the runbook expects at most {step.expect_at_most}"
        if self.state.mode == "plan":
            return
        gate = await self.items.questions.ask(
            step.id,
            None,
            {"task": task.name, "tenant": self.state.tenant, "targets": keys},
            role=step.approve.role if step.approve else "approver",
            expires_in=step.approve.expires if step.approve else timedelta(hours=24),
            four_eyes=step.approve.four_eyes if step.approve else False,
            reasons=[reason],
            question=f"{task.summary()} Targets: {', '.join(keys[:20])}{' …' if len(keys) > 20 else ''}",
        )
        refuse_denied(gate)

    # --- how the run stands -------------------------------------------------------------------------------------------

    async def _conclude(self, reports: Mapping[str, StepReport]) -> None:
        if self._stopped.is_set():
            await self.end(Status.CANCELLED)
            return
        status = self._status(reports)
        if self._must_undo(reports):
            await self.record(Event("undo.requested", {"by": "runbook", "step": None, "why": "on_failure: undo"}))
            await self.undo.everything()
            status = Status.FAILED
        if status.ended:
            await self.end(status)
        else:
            said: dict[str, Any] = {"status": status.value}
            if status is Status.WAITING:
                await self._remind()
                # From then on somebody looks at it again, answered or not.
                due = min((gate.next_due for gate in self.state.open_gates()), default=None)
                said["due"] = rfc3339(due) if due is not None else None
            await self.record(Event("run.stopped", said, outcome=status.value))
            if status is Status.WAITING:
                # What was answered between the last look and that entry did not find a waiting run to wake.
                await self._refresh()
                if self._answered(reports):
                    again = {"status": status.value, "due": rfc3339(self._around.now())}
                    await self.record(Event("run.stopped", again, outcome=status.value))

    async def _remind(self) -> None:
        """Have those reminded who are asked, where it is time. Of several that are due (nobody looked meanwhile) only the latest is sent."""
        now = self._around.now()
        for gate in self.state.open_gates():
            over = sum(1 for at in gate.reminders if at <= now)
            if over <= gate.reminded or self.state.mode != "run":
                continue
            payload: dict[str, Any] = {"item": gate.item, "digest": gate.digest, "number": over}
            if self._around.remind is not None:
                try:
                    await self._around.remind(self.state, gate, over)
                except TenantryError as error:  # what keeps a reminder from being sent keeps no run from waiting
                    payload["error"] = error.as_dict()
            await self.record(Event("approval.reminded", payload, step=gate.step))

    def _must_undo(self, reports: Mapping[str, StepReport]) -> bool:
        return any(
            report.outcome is Outcome.FAILED and self.runbook.step(name).on_failure == "undo"
            for name, report in reports.items()
        )

    def _status(self, reports: Mapping[str, StepReport]) -> Status:
        bad = [report for report in reports.values() if report.outcome in (Outcome.FAILED, Outcome.UNKNOWN)]
        stopped = [report for report in bad if not report.goes_on]
        if stopped:
            return Status.PAUSED
        if any(report.waiting or report.blocked for report in reports.values()):
            return Status.WAITING
        if self.state.mode == "plan":
            return Status.PLANNED
        # What a person did by hand, or left out, was not done and verified by this run.
        bad_or_decided = bad or any(item.decided for item in self.state.items.values())
        return Status.EXCEPTIONS if bad_or_decided else Status.COMPLETED

    async def end(self, status: Status) -> None:
        """Record that nothing is left to resume."""
        await self.record(Event("run.ended", {"status": status.value}, outcome=status.value))


def _expanded(step: Step, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = expand(step.for_each or "", variables)
    items = [{"key": item_key(step.key, value, variables), "value": jsonable(value)} for value in values]
    keys = [item["key"] for item in items]
    if len(set(keys)) != len(keys):
        double = sorted({key for key in keys if keys.count(key) > 1})
        raise StepError(
            f"`for_each` of {step.id!r} names the same item twice: {', '.join(double[:5])}",
            remedy="Give the step a `key` that tells its items apart.",
        )
    return items


_ABREAST: Final = 20
"""Items of a step that begin at the same moment."""
_TURNS: Final = 8
"""Turns of the event loop before the next ones do: enough for these to have asked their vendor something."""


async def _together(calls: Sequence[Awaitable[bool]]) -> list[bool]:
    """All of them; the first error that propagates cancels the rest and is raised as itself.

    They begin a few at a time, so that while the vendor works for some, this process works for others. Begun in one go they would
    all wait, then all be worked on, one after the other, in every step of the way.
    """

    async def run(call: Awaitable[bool]) -> bool:
        return await call

    tasks: list[asyncio.Task[bool]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                tasks.append(group.create_task(run(call)))
                if len(tasks) % _ABREAST == 0:
                    for _ in range(_TURNS):
                        await asyncio.sleep(0)
    except BaseExceptionGroup as errors:
        raise first_of(errors) from errors
    return [task.result() for task in tasks]
