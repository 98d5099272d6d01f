"""One item of one step: intent recorded and durable → apply → verify → outcome recorded and durable.

This module and :mod:`tenantry.run.undo` are the only places where a task's ``apply`` or ``undo`` is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from tenantry import deadline, waits
from tenantry.clock import rfc3339
from tenantry.errors import (
    ApprovalExpired,
    CannotCheck,
    Frozen,
    InDoubt,
    LeaseLost,
    NotVerified,
    PermissionMissing,
    ProviderError,
    RecordError,
    Refused,
    Rejected,
    SignInFailed,
    StepError,
    TargetNotFound,
    TaskDefect,
    TenantryError,
    Throttled,
    TimedOut,
    Unreachable,
)
from tenantry.journal import Event, Writer
from tenantry.run.access import Surroundings, TenantAccess
from tenantry.run.patience import Patience
from tenantry.run.policy import Policy
from tenantry.run.questions import Questions, Waiting, refuse_denied
from tenantry.run.state import START, ItemState, RunState
from tenantry.run.unattended import allowed
from tenantry.runbook.model import Step
from tenantry.task import (
    BaseTask,
    Change,
    Context,
    EvidenceRef,
    EvidenceSink,
    HumanAnswer,
    HumanTask,
    Impact,
    Outcome,
    ReadTask,
    RunFacts,
    Task,
)

_Guard = Callable[[], Awaitable[list[str]]]
"""Gives a task's reasons to ask a person."""

_GUARD_LIFE = 5.0
"""Seconds for which a guard's answer, read beside the check, still counts."""

_FREEZE_LIFE = 0.02
"""Seconds for which "not frozen" still counts: items that come to it together look once. A write takes longer to be sent."""

_NOTHING_SENT = (PermissionMissing, Rejected, TargetNotFound, SignInFailed, Throttled, Unreachable, Refused)
"""Errors after which the vendor certainly did not act."""


@dataclass(slots=True)
class _EvidenceLog:
    """The evidence sink of one call: remembers what was stored, for the step's entry."""

    sink: EvidenceSink
    stored: list[EvidenceRef] = field(default_factory=list)

    async def store_rows(self, name: str, rows: Any) -> EvidenceRef:
        return self._note(await self.sink.store_rows(name, rows))

    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef:
        return self._note(await self.sink.store_bytes(name, data))

    def _note(self, reference: EvidenceRef) -> EvidenceRef:
        self.stored.append(reference)
        return reference


class ItemRunner:
    """Executes items of one run under one lease."""

    def __init__(
        self,
        state: RunState,
        access: TenantAccess,
        around: Surroundings,
        writer: Writer,
        policy: Policy,
        record: Callable[..., Awaitable[None]],
    ) -> None:
        self._state = state
        self._access = access
        self._around = around
        self._writer = writer
        self._policy = policy
        self._record = record
        self._patience = Patience(policy)
        self.questions = Questions(state, around, record)
        self._vouching = asyncio.Lock()
        self.planned: dict[str, Any] = {}
        self._unsent: set[tuple[str, str | None]] = set()
        self._unfrozen_at = -math.inf
        self._waits: dict[tuple[str, str | None], waits.Waits] = {}

    async def run(self, step: Step, task: BaseTask[Any], item: str | None, arguments: Mapping[str, Any]) -> None:
        """Bring one item to an outcome, or raise :class:`Waiting`. Errors become the item's outcome; only the loss of the
        lease or of the record itself propagates."""
        with waits.counted() as waited:
            self._waits[step.id, item] = waited
            if await self._given_up(step, task, item, arguments):
                return
            await self._run(step, task, item, arguments)
            await self._given_up(step, task, item, arguments)  # asks, where it failed now

    async def _given_up(self, step: Step, task: BaseTask[Any], item: str | None, arguments: Mapping[str, Any]) -> bool:
        """Have a person decide over a failure, where the runbook says so (``on_failure: ask``).

        Returns:
            whether the item is over: done by hand, or left out. False: it did not fail, or is to be tried again.

        Raises:
            Waiting: asked, and not decided yet.
        """
        state = self._state.item(step.id, item)
        failed = state.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
        if step.on_failure != "ask" or not failed or self._state.mode == "plan":
            return False
        started = self._around.now()
        error = state.error or {"message": "it did not succeed"}
        by_hand = f" Done by hand means: {step.by_hand}" if step.by_hand else ""
        gate = await self.questions.ask(
            step.id,
            item,
            # The number of its failures and not of its tries: a try that was interrupted is the one that was asked for.
            {"task": task.name, "tenant": self._state.tenant, "arguments": dict(arguments), "failures": state.failures},
            role="engineer",
            expires_in=timedelta(days=7),
            four_eyes=False,
            reasons=[str(error["message"])],
            question=f"{step.title or task.summary()} failed. Try it again (approve), or leave it out (deny, with the reason)?{by_hand}",
            kind="failure" if isinstance(task, Task) else "failed_look",
        )
        last = gate.decisions[-1]
        if gate.closed == "approved" and not last.get("by_hand"):
            return False
        choice = "by_hand" if gate.closed == "approved" else "left_out"
        told = {"by_hand": "done by hand by", "left_out": "left out by"}[choice]
        await self._outcome(
            step,
            state,
            Outcome.SKIPPED,
            started,
            arguments=arguments,
            changes=state.changes,
            note=f"{told} {last['by']}: {last.get('reason') or ''}",
            decided={"choice": choice, "by": last["by"], "reason": last.get("reason") or ""},
        )
        return True

    async def _run(self, step: Step, task: BaseTask[Any], item: str | None, arguments: Mapping[str, Any]) -> None:
        state = self._state.item(step.id, item)
        started = self._around.now()
        evidence = _EvidenceLog(self._around.evidence(self._state.tenant, self._state.run_id))
        try:
            params = self._params(task, arguments)
            ctx = await self._context(step, task, item, state, evidence)
            if isinstance(task, HumanTask):
                await self._ask(step, task, ctx, params, state, arguments, started)
            elif isinstance(task, ReadTask):
                output = await self._patience.patiently(
                    lambda: self._patience.timed(task.read(ctx, params), self._timeout(step, task))
                )
                await self._outcome(
                    step,
                    state,
                    Outcome.OBSERVED,
                    started,
                    arguments=arguments,
                    evidence=evidence,
                    output=output.model_dump(mode="json"),
                )
            elif isinstance(task, Task):
                await self._effect(step, task, ctx, params, state, arguments, started)
            else:
                raise TaskDefect(f"{task.name} is neither a ReadTask, a Task nor a HumanTask")
        except (Waiting, LeaseLost, RecordError, asyncio.CancelledError):
            raise
        except TenantryError as failure:
            await self._failed(step, state, failure, started, arguments, evidence)
        except Exception as error:  # noqa: BLE001  # a defect in a task must become its outcome, not end the run
            await self._failed(step, state, TaskDefect.of(task.name, error), started, arguments, evidence)

    # --- effects ------------------------------------------------------------------------------------------------------

    async def _effect(
        self,
        step: Step,
        task: Task[Any],
        ctx: Context,
        params: Any,
        state: ItemState,
        arguments: Mapping[str, Any],
        started: datetime,
    ) -> None:
        plan = self._state.mode == "plan"
        timeout = self._policy.effect_timeout(step.timeout_seconds or task.timeout)
        doubt = state.intent is not None  # what the record does not call certain is not
        attempt, began = 0, asyncio.get_running_loop().time()
        while True:
            attempt += 1
            if state.in_doubt:
                await self._settle_doubt(task, ctx, params, state)
            ctx = replace(
                ctx, now=self._around.now(), intent_at=state.intent.at if state.intent else None, in_doubt=doubt
            )
            async with self._guarded(task, ctx, params) as guard:
                try:
                    changes = await self._patience.patiently(partial(self._check, task, ctx, params))
                except ProviderError as error:
                    if state.in_doubt:
                        raise CannotCheck(f"an interrupted change could not be re-checked: {error.message}") from error
                    raise
                if not changes:
                    await self._already(step, state, started, arguments)
                    return
                if plan:
                    self.planned.update({change.path: change.after for change in changes})
                    await self._outcome(
                        step,
                        state,
                        Outcome.WOULD_CHANGE,
                        started,
                        arguments=arguments,
                        changes=changes,
                        note=await self._would_ask(step, task, guard),
                    )
                    return
                await self._gate(step, task, guard, state, arguments, changes)
            self.refuse_when_frozen()
            changes = await self._intend(step, state, arguments, changes, timeout)
            trouble = await self._apply(task, ctx, params, changes, timeout)
            if trouble is None:
                doubt = False
                break
            nothing_sent = isinstance(trouble, _NOTHING_SENT)
            if nothing_sent:
                state.in_doubt = False
            # Of several changes the first may have been made before one was refused.
            doubt = doubt or not (nothing_sent and len(changes) == 1)
            if isinstance(trouble, Throttled) and await self._patience.waited_out(trouble, began):
                attempt -= 1  # slowed, not failed
                continue
            if attempt == self._policy.effect_attempts or not self._again(trouble):
                if not isinstance(trouble, (InDoubt, TimedOut)):
                    if not doubt:
                        self._unsent.add((step.id, state.item))
                    raise trouble
                await self._settle_doubt(task, ctx, params, state)
                break  # the verification below has the last word
            await self._patience.pause(attempt, trouble)
        await self._verified(step, task, replace(ctx, in_doubt=doubt), params, state, arguments, started)

    async def _check(self, task: Task[Any], ctx: Context, params: Any) -> list[Change]:
        return await self._patience.timed(task.check(ctx, params), task.timeout * 3)

    async def _already(self, step: Step, state: ItemState, started: datetime, arguments: Mapping[str, Any]) -> None:
        if state.intent is None:
            await self._outcome(step, state, Outcome.ALREADY, started, arguments=arguments)
            return
        # Intended earlier and now so: this run's own effect, found done.
        await self._outcome(
            step,
            state,
            Outcome.CHANGED,
            started,
            arguments=arguments,
            changes=state.intent.changes,
            note="found done when it was checked again after an interruption",
        )

    async def _intend(
        self, step: Step, state: ItemState, arguments: Mapping[str, Any], changes: list[Change], timeout: float
    ) -> list[Change]:
        """Make the intent durable. An earlier intent keeps its ``before`` values: they are the true ones."""
        first = {change.path: change for change in state.intent.changes} if state.intent else {}
        merged = [
            change.model_copy(update={"before": first[change.path].before}) if change.path in first else change
            for change in changes
        ]
        done = [change for path, change in first.items() if path not in {c.path for c in changes}]
        await self._record(
            Event(
                "step.intent",
                {
                    "item": state.item,
                    "arguments": dict(arguments),
                    "changes": [change.model_dump(mode="json") for change in [*done, *merged]],
                    "deadline": rfc3339(self._around.now() + timedelta(seconds=timeout)),
                },
                step=step.id,
            )
        )
        return merged

    async def _apply(
        self, task: Task[Any], ctx: Context, params: Any, changes: list[Change], timeout: float
    ) -> TenantryError | None:
        try:
            with deadline.effect(timeout):
                await self._patience.timed(task.apply(ctx, params, changes), timeout)
        except (LeaseLost, RecordError):
            raise
        except TenantryError as error:
            return error
        return None

    def _again(self, error: TenantryError) -> bool:
        return error.retryable or isinstance(error, (InDoubt, TimedOut))

    async def _settle_doubt(self, task: Task[Any], ctx: Context, params: Any, state: ItemState) -> None:
        """What was sent may still be acting at the vendor until its deadline has passed: look until it shows, and no less
        long than that before anything is sent again."""
        if state.intent is None:
            return

        async def look() -> bool:
            return not await task.check(replace(ctx, now=self._around.now(), intent_at=intent_at), params)

        intent_at = state.intent.at
        rest = (state.intent.deadline - self._around.now()).total_seconds() + self._policy.settle
        if rest <= 0:
            return
        started = asyncio.get_running_loop().time()
        try:
            if await self._patience.until(look, rest, task.timeout * 3):
                return
        except CannotCheck:
            pass  # the check that follows says so, with its own remedy
        await asyncio.sleep(max(0.0, rest - (asyncio.get_running_loop().time() - started)))

    async def _verified(
        self,
        step: Step,
        task: Task[Any],
        ctx: Context,
        params: Any,
        state: ItemState,
        arguments: Mapping[str, Any],
        started: datetime,
    ) -> None:
        intent = state.intent
        if intent is None:
            raise TaskDefect(f"{task.name} was applied without an intent")
        ctx = replace(ctx, intent_at=intent.at)

        async def look() -> bool:
            return not await task.verify(replace(ctx, now=self._around.now()), params, intent.changes)

        if not await self._patience.until(look, task.patience * self._policy.patience_scale, task.timeout * 3):
            raise NotVerified(f"{task.name} was applied, but the change is not visible")
        await self._outcome(step, state, Outcome.CHANGED, started, arguments=arguments, changes=intent.changes)

    async def put_back(self, step: Step, task: Task[Any], state: ItemState, timeout: float) -> None:
        """Call the task's ``undo`` with the recorded changes, and see that it took.

        Raises:
            Conflict: the present value is not what the run wrote.
            NotVerified, CannotCheck, ProviderError.
        """
        evidence = _EvidenceLog(self._around.evidence(self._state.tenant, self._state.run_id))
        params = self._params(task, state.arguments)
        ctx = await self._context(step, task, state.item, state, evidence)
        for attempt in range(1, self._policy.effect_attempts + 1):
            try:
                with deadline.effect(timeout):
                    await self._patience.timed(task.undo(ctx, params, state.changes), timeout)
                break
            except (ProviderError, TimedOut) as error:
                if attempt == self._policy.effect_attempts or not self._again(error):
                    raise
                await self._patience.pause(attempt, error)

        async def look() -> bool:
            return await task.verify_undone(replace(ctx, now=self._around.now()), params, state.changes)

        if not await self._patience.until(look, task.patience * self._policy.patience_scale, task.timeout * 3):
            raise NotVerified(f"the undo of {task.name} was sent, but is not visible")

    # --- approvals and people -----------------------------------------------------------------------------------------

    async def _gate(
        self,
        step: Step,
        task: Task[Any],
        guard: _Guard,
        state: ItemState,
        arguments: Mapping[str, Any],
        changes: list[Change],
    ) -> None:
        """Return when the effect may be made; raise Waiting, ApprovalDenied or ApprovalExpired otherwise."""
        rule, reasons = await self._rule(step, task, guard)
        if step.expect_at_most is not None and step.for_each is None and len(changes) > step.expect_at_most:
            reasons.append(f"would make {len(changes)} changes, the runbook expects at most {step.expect_at_most}")
        if rule is None and not reasons:
            await self._vouched(step, task, state)
            return
        bound: dict[str, Any] = {"task": task.name, "tenant": self._state.tenant, "arguments": dict(arguments)}
        if task.asks_again and state.intent is not None:
            bound["tries"] = state.attempts
        gate = await self.questions.ask(
            step.id,
            state.item,
            bound,
            role=rule["role"] if rule else "approver",
            expires_in=rule["expires_in"] if rule else timedelta(hours=24),
            four_eyes=rule["four_eyes"] if rule else False,
            reasons=reasons,
            question=task.summary(),
            changes=changes,
        )
        refuse_denied(gate)
        await self._vouched(step, task, state)

    async def _vouched(self, step: Step, task: Task[Any], item: ItemState) -> None:
        """A run that came in through Prefect was started by whoever can write there, which proves nothing, and one that a sweep
        opened by nobody: before its first effect somebody of this estate says with a code that it is meant. Any approved question of the run says so too.
        One that an alert started does by itself what the client agreed to; beyond that it asks the same question."""
        state = self._state
        if state.mode != "run":
            return
        reasons = []
        if state.start_unproven:
            reasons = [
                "a sweep opened it by itself, and nobody has looked yet"
                if state.requester.get("via") == "sweep"
                else "it was started in Prefect, where nobody proves who they are"
            ]
        elif state.started_itself:
            refusal = await self._unattended(step, task, item)
            reasons = [f"an alert started it, and nobody has looked yet: {refusal}"] if refusal is not None else []
        if not reasons:
            return
        async with self._vouching:  # several steps come here at once, and it is one question
            if state.vouched and not await self.questions.withdraw(START):
                return
            gate = await self.questions.ask(
                START,
                None,
                {
                    "task": START,
                    "tenant": state.tenant,
                    "runbook": state.runbook_digest,
                    "arguments": dict(state.params),
                },
                role="engineer",
                expires_in=timedelta(hours=24),
                four_eyes=False,
                reasons=reasons,
                question=f"Start {state.runbook} for {state.tenant}: {state.subject}?",
            )
            refuse_denied(gate)

    async def _unattended(self, step: Step, task: Task[Any], item: ItemState) -> str | None:
        """Why an effect of a run that an alert started takes a person; None when it may be made."""
        state = self._state
        if any(gate.step == START and gate.closed in (None, "denied") for gate in state.gates.values()):
            return "somebody was asked"  # nothing more by itself until they say so
        if state.vouched:
            return None
        most = str(state.requester.get("impact", "none"))
        if not allowed(task.impact, most):
            return f"its rule lets it do what is {most} at most by itself, and {task.name} is {task.impact.value}"
        if self._around.unattended is None:
            return "what its client agreed to is not known here"
        key = f"{state.run_id} {step.id} {item.item or ''}"
        return await asyncio.to_thread(self._around.unattended.may, state.tenant, task.impact, key)

    @contextlib.asynccontextmanager
    async def _guarded(self, task: Task[Any], ctx: Context, params: Any) -> AsyncIterator[_Guard]:
        """``guard`` and ``check`` both only read, so they do it at the same time: an attacker is shut out sooner by the
        calls that the guard makes. Its errors count when its answer is asked for, and not when nothing has to change."""
        loop = asyncio.get_running_loop()

        async def ask() -> list[str]:
            return await self._patience.patiently(
                lambda: self._patience.timed(task.guard(ctx, params), task.timeout * 3)
            )

        async def reasons() -> list[str]:
            # After a check that took long (throttled, say) what the guard saw may not be so any more.
            return await (ahead if loop.time() - begun <= _GUARD_LIFE else ask())

        begun = loop.time()
        ahead = asyncio.create_task(ask())
        try:
            yield reasons
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _rule(self, step: Step, task: Task[Any], guard: _Guard) -> tuple[dict[str, Any] | None, list[str]]:
        reasons = list(await guard())
        if step.approve is not None:
            return {
                "role": step.approve.role,
                "expires_in": step.approve.expires,
                "four_eyes": step.approve.four_eyes,
            }, reasons
        if task.impact is Impact.IRREVERSIBLE:
            return {"role": "approver", "expires_in": timedelta(hours=24), "four_eyes": True}, reasons
        if task.impact is Impact.DISRUPTIVE and self._access.disruptive_needs:
            return {
                "role": self._access.disruptive_needs,
                "expires_in": timedelta(hours=24),
                "four_eyes": False,
            }, reasons
        return None, reasons

    async def _would_ask(self, step: Step, task: Task[Any], guard: _Guard) -> str | None:
        rule, reasons = await self._rule(step, task, guard)
        if rule is None and not reasons:
            return None
        return "would ask for an approval" + (": " + "; ".join(reasons) if reasons else "")

    async def _ask(
        self,
        step: Step,
        task: HumanTask[Any],
        ctx: Context,
        params: Any,
        state: ItemState,
        arguments: Mapping[str, Any],
        started: datetime,
    ) -> None:
        request = task.request(ctx, params)
        if self._state.mode == "plan":
            assumed = HumanAnswer(answer=request.yes, by="assumed by the plan", at=self._around.now())
            await self._outcome(
                step,
                state,
                Outcome.WOULD_CHANGE,
                started,
                arguments=arguments,
                output=assumed.model_dump(mode="json"),
                note=f"would ask: {request.question}",
            )
            return
        try:
            gate = await self.questions.ask(
                step.id,
                state.item,
                {"task": task.name, "tenant": self._state.tenant, "arguments": dict(arguments)},
                role=request.role,
                expires_in=request.expires_in,
                four_eyes=request.four_eyes,
                reasons=[],
                question=request.question,
                kind="answer",
                owner=request.owner,
                remind_after=request.remind_after,
                only=request.only,
                # Where the runbook goes on without, what became of the question stands: no later attempt asks anew.
                asks_again=request.silence is None and step.on_failure == "stop",
            )
        except ApprovalExpired:
            if request.silence is None:
                raise
            answer = HumanAnswer(answer=request.silence, by="nobody", at=self._around.now())
        else:
            said = gate.arrival or gate.decisions[-1]
            # What arrives says yes unless it says no: a client's contact may refuse.
            agreed = gate.closed == "approved" or (gate.closed == "arrived" and said.get("decision") != "deny")
            value = request.yes if agreed else request.no
            answer = HumanAnswer(
                answer=value, by=said["by"], at=datetime.fromisoformat(said["at"]), reason=said.get("reason") or ""
            )
        task.accept(request, answer)
        await self._outcome(
            step, state, Outcome.OBSERVED, started, arguments=arguments, output=answer.model_dump(mode="json")
        )

    # --- around every call --------------------------------------------------------------------------------------------

    def refuse_when_frozen(self) -> None:
        """Raises Frozen."""
        now = asyncio.get_running_loop().time()
        if now - self._unfrozen_at < _FREEZE_LIFE:
            return
        freeze = self._around.journal.frozen(self._state.tenant)
        if freeze is not None:
            where = "everywhere" if freeze["scope"] == "*" else f"for {freeze['scope']}"
            raise Frozen(f"frozen {where} by {freeze['by']} since {freeze['since']}: {freeze['reason']}")
        self._unfrozen_at = now

    def _timeout(self, step: Step, task: BaseTask[Any]) -> float:
        return step.timeout_seconds or task.timeout

    def _params(self, task: BaseTask[Any], arguments: Mapping[str, Any]) -> BaseModel:
        try:
            return task.Params.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise StepError(
                f"{task.name} cannot take these arguments: {place}: {first['msg']}",
                remedy="The runbook's expression gave a value of another type than the task expects.",
            ) from error

    async def _context(
        self, step: Step, task: BaseTask[Any], item: str | None, state: ItemState, evidence: _EvidenceLog
    ) -> Context:
        capabilities = {
            name: await self._patience.patiently(partial(self._access.capability, name)) for name in task.needs
        }
        return Context(
            run=RunFacts(
                run_id=self._state.run_id,
                tenant=self._state.tenant,
                mode=self._state.mode,
                started_at=self._state.created_at,
                runbook=self._state.runbook,
                step=step.id,
                item=item,
            ),
            capabilities=capabilities,
            evidence=evidence,
            now=self._around.now(),
            intent_at=state.intent.at if state.intent else None,
            planned=self.planned,
            protected=self._access.protected,
            subject=self._access.subject,
        )

    async def _outcome(
        self,
        step: Step,
        state: ItemState,
        outcome: Outcome,
        started: datetime,
        *,
        arguments: Mapping[str, Any],
        changes: list[Change] | None = None,
        output: Any = None,
        error: TenantryError | None = None,
        note: str | None = None,
        evidence: _EvidenceLog | None = None,
        nothing_sent: bool = False,
        decided: Mapping[str, Any] | None = None,
    ) -> None:
        payload: dict[str, Any] = {
            "item": state.item,
            "started_at": rfc3339(started),
            "arguments": dict(arguments),
            "changes": [change.model_dump(mode="json") for change in changes or []],
        }
        if output is not None:
            payload["output"] = output
        if error is not None:
            payload["error"] = error.as_dict()
        if note is not None:
            payload["note"] = note
        if evidence is not None and evidence.stored:
            payload["evidence"] = [reference.as_dict() for reference in evidence.stored]
        if nothing_sent:
            payload["nothing_sent"] = True
        if decided is not None:
            payload["decided"] = dict(decided)
        waited = self._waits.pop((step.id, state.item), None)
        if waited is not None and waited.times:
            payload["throttled"] = {"times": waited.times, "seconds": round(waited.seconds, 3)}
        await self._record(Event("step.outcome", payload, step=step.id, outcome=outcome.value))

    async def fail(self, step: Step, state: ItemState, error: TenantryError) -> None:
        """Record that the item could not even be begun (an expression failed, say)."""
        await self._outcome(step, state, Outcome.FAILED, self._around.now(), arguments={}, error=error)

    async def _failed(
        self,
        step: Step,
        state: ItemState,
        error: TenantryError,
        started: datetime,
        arguments: Mapping[str, Any],
        evidence: _EvidenceLog,
    ) -> None:
        outcome = Outcome.UNKNOWN if isinstance(error, CannotCheck) else Outcome.FAILED
        await self._outcome(
            step,
            state,
            outcome,
            started,
            arguments=arguments,
            error=error,
            evidence=evidence,
            changes=state.intent.changes if state.intent else None,
            nothing_sent=(step.id, state.item) in self._unsent,
        )
