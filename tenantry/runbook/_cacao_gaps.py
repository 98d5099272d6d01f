"""What CACAO 2.0 cannot say of a runbook, in words: it stands in the playbook and is told to whoever exports it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from tenantry.runbook.expressions import expressions_in
from tenantry.runbook.model import Runbook, Step
from tenantry.task import Impact

if TYPE_CHECKING:
    from tenantry.discovery import TaskRegistry

__all__ = ["not_expressed"]


def not_expressed(
    runbook: Runbook, registry: TaskRegistry, levels: Sequence[Sequence[Step]], kinds: Container[str]
) -> Iterator[str]:
    """What of a runbook its playbook lacks, one sentence for each kind of thing, with the steps or parameters concerned.

    Args:
        registry: the tasks that it uses.
        levels: its steps in ranks, as the playbook runs them: each rank waits for all of the one before.
        kinds: kinds of runbooks that CACAO has a type for.
    """
    steps = runbook.steps
    yield (
        "Check before, verify after, and what is recorded of both: a step counts as done only when it was seen to be "
        "so, and what could not be checked is unknown. CACAO leaves success to the implementation."
    )
    for words, chosen in (
        ("Conditions are expressions (CEL); each is a decision that sets a variable", [s for s in steps if s.when]),
        (
            "Repetition over a list that another step found, by stable keys and resumable item by item; each is one action",
            [s for s in steps if s.for_each],
        ),
        (
            "The limit on how many targets are touched before somebody is asked",
            [s for s in steps if s.expect_at_most is not None],
        ),
        ("Typed parameters that are computed from other steps' outputs", [s for s in steps if _computed(s)]),
        (
            "That the approval is bound to the arguments, expires, and is proven by the approver",
            [s for s in steps if s.approve],
        ),
        (
            "That whoever asked may not approve (four eyes)",
            [s for s in steps if s.approve is not None and s.approve.four_eyes],
        ),
        ("Undoing the step when it fails", [s for s in steps if s.on_failure == "undo"]),
        (
            "The text of messages, made from templates when they are sent",
            [s for s in steps if s.uses.startswith("messenger.")],
        ),
    ):
        if chosen:
            yield f"{words}: {', '.join(step.id for step in chosen)}."
    waiting = list(_waits(runbook, levels))
    if waiting:
        yield (
            "Steps begin as soon as the steps that they need have ended; here they wait for everything in the parallel "
            f"step before them, longer than they must: {', '.join(waiting)}."
        )
    limited = [
        name
        for name, param in runbook.params.items()
        if param.choices or param.pattern or param.min is not None or param.max is not None or param.items
    ]
    if limited:
        yield f"What values a parameter may have (choices, limits, patterns, kinds of list items): {', '.join(limited)}."
    if any(registry.get(step.uses).impact is not Impact.READ for step in steps):
        yield "Undoing what was done, step by step or the whole run, as far as a task can."
    if runbook.kind not in kinds:
        yield f"The kind of runbook ({runbook.kind}): CACAO has no type for it."


def _waits(runbook: Runbook, levels: Sequence[Sequence[Step]]) -> Iterator[str]:
    before: Sequence[Step] = ()
    for level in levels:
        for step in level:
            needed = set(runbook.upstream(step.id))
            if any(other.id not in needed for other in before):
                yield step.id
        before = level


def _computed(step: Step) -> bool:
    return any(e.steps_referenced for _, e in expressions_in(step.with_, ("with",)))
