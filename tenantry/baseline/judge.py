"""How a client stands against a baseline: every policy answered, each answer with what it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from tenantry.abreast import first_of
from tenantry.baseline.measure import BaseMeasure, FactMeasure, Measure, Status, Verdict, WholeMeasure, worst
from tenantry.baseline.model import Asked, Baseline, Policy
from tenantry.baseline.putting import put
from tenantry.errors import CannotCheck, InvalidInput, NoProvider, TaskDefect, TenantryError
from tenantry.sweep.check import BaseCheck, LogCheck, Look
from tenantry.sweep.live import ENDS_ALL, said
from tenantry.sweep.model import Sweep

if TYPE_CHECKING:
    from tenantry.capabilities.looking import Looking

__all__ = ["answers", "combined", "judge", "of_checks"]

_ABREAST: Final = 8
_MOST: Final = 50
"""Names that are told of whom an answer concerns; how many there are is told in full."""


async def judge(
    looking: Looking,
    baselines: Sequence[Baseline],
    measures: Mapping[str, type[BaseMeasure]],
    checks: Mapping[str, BaseCheck],
    look: Look,
) -> dict[str, list[dict[str, Any]]]:
    """Baseline → every policy's result, in its order. What several baselines ask is read once.

    Raises:
        InvalidInput: the baseline names a measure or check that there is none of, or one that needs a log read.
    """
    measured: dict[str, BaseMeasure] = {}
    checked: dict[str, BaseCheck] = {}
    for baseline in baselines:
        mine, others = answers(baseline, measures, checks)
        measured |= mine
        checked |= {check.name: check for check in others}
    questions = [
        put(label, measure) for label, measure in measured.items() if isinstance(measure, (FactMeasure, WholeMeasure))
    ]
    verdicts: dict[str, Verdict] = {}
    limit = asyncio.Semaphore(_ABREAST)

    async def one(label: str, measure: Measure[Any]) -> None:
        async with limit:
            verdicts[label] = await _measured(looking, measure, look)

    try:
        async with asyncio.TaskGroup() as group:
            for label, measure in measured.items():
                if isinstance(measure, Measure):
                    group.create_task(one(label, measure))
            shown = [*checked.values(), *questions]
            swept = group.create_task(looking.checked(shown, look)) if shown else None
    except BaseExceptionGroup as errors:
        raise first_of(errors) from errors
    if swept is not None:
        verdicts |= of_checks(swept.result())
        whole = {check["check"] for check in swept.result().checks if check["status"] == "pass"}
        for asked in questions:
            verdicts[asked.name] = asked.verdict(verdicts[asked.name], look, whole=asked.name in whole)
    return {one.id: [combined(policy, verdicts) for policy in one.policies] for one in baselines}


def answers(
    baseline: Baseline, measures: Mapping[str, type[BaseMeasure]], checks: Mapping[str, BaseCheck]
) -> tuple[dict[str, BaseMeasure], list[BaseCheck]]:
    """What a baseline's policies are answered by, each once: measures by what they are told by, and checks.

    Raises:
        InvalidInput: there is no such measure or check, the measure takes no such parameters, or the check judges a log.
    """
    measured: dict[str, BaseMeasure] = {}
    checked: dict[str, BaseCheck] = {}
    for policy in baseline.policies:
        place = f"{baseline.id}.yaml, policy {policy.id}"
        for asked in policy.measures:
            if asked.name not in measures:
                raise InvalidInput(f"there is no measure {asked.name!r}", place=place)
            if asked.label not in measured:
                measured[asked.label] = _with(measures[asked.name], asked, place)
        for name in policy.checks:
            if name not in checks:
                raise InvalidInput(f"there is no check {name!r}", place=place)
            if isinstance(checks[name], LogCheck):
                raise InvalidInput(f"{name!r} judges a log, and says nothing about how things stand", place=place)
            checked[name] = checks[name]
    return measured, list(checked.values())


def _with(kind: type[BaseMeasure], asked: Asked, place: str) -> BaseMeasure:
    try:
        return kind(kind.Params.model_validate(asked.parameters))
    except ValidationError as wrong:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors(include_input=False))
        raise InvalidInput(f"{asked.name} takes other parameters: {told}", place=place) from None


async def _measured(looking: Looking, measure: Measure[Any], look: Look) -> Verdict:
    given = looking.given(measure.all_needs(), look)
    try:
        return measure.evaluate(await measure.collect(given), look)
    except NoProvider:
        return Verdict("not_applicable", "the client has no connected system that this is about")
    except ENDS_ALL:
        raise
    except CannotCheck as problem:
        return Verdict("unknown", problem.message)
    except TenantryError as error:
        return Verdict("unknown", said(error))
    except Exception as error:  # noqa: BLE001  # a defect in one measure must not hide what the others see
        return Verdict("unknown", TaskDefect.of(measure.name, error).message)


def of_checks(sweep: Sweep) -> dict[str, Verdict]:
    """Check → what its findings mean here. A check that looked at nothing proves nothing: it is no pass."""
    found: dict[str, Verdict] = {}
    for check in sweep.checks:
        name, status, looked_at = check["check"], check["status"], check["looked_at"]
        why = "; ".join(one["why"] for one in sweep.could_not_check if one["check"] in (name, "all"))
        mine = [finding for finding in sweep.findings if finding.rule == name]
        if status == "fail":
            about = tuple(dict.fromkeys(finding.entity["id"] for finding in mine))
            words = f"{check['title']}: {len(about)} found{f' ({why})' if why else ''}"
            found[name] = Verdict("fail", words, about, looked_at)
        elif status == "unknown" or why:
            found[name] = Verdict("unknown", why or "it could not look at everything", (), looked_at)
        elif status == "pass" and looked_at:
            found[name] = Verdict("pass", f"{check['title']}: none among {looked_at:,}", (), looked_at)
        elif status == "pass":
            found[name] = Verdict("not_applicable", "there is nothing of the kind that it looks at")
        else:
            found[name] = Verdict("not_applicable", "the client has no connected system that this is about")
    return found


def combined(policy: Policy, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """One policy's result as JSON: the worst of its answers counts, and all of them are told.

    Args:
        verdicts: by measure and check.
    """
    mine = [(name, verdicts[name]) for name in (*(asked.label for asked in policy.measures), *policy.checks)]
    telling = [verdict.status for _, verdict in mine if verdict.status != "not_applicable"]
    status: Status = worst(telling) or policy.unanswered
    about = list(dict.fromkeys(name for _, verdict in mine if verdict.status == status for name in verdict.about))
    return {
        "policy": policy.id,
        "title": policy.title,
        "plain": policy.plain,
        "criticality": policy.criticality,
        "status": status,
        "why": _why(policy, status, [verdict for _, verdict in mine]),
        "about": about[:_MOST],
        "about_total": len(about),
        "looked_at": sum(verdict.looked_at for _, verdict in mine),
        "answers": [{"by": name, "status": verdict.status, "why": verdict.why[:500]} for name, verdict in mine],
        "ask": policy.ask if status == "for_person" else "",
        "remedy": policy.remedy,
        "risk": policy.risk.model_dump(mode="json"),
        "source": policy.source.model_dump(mode="json"),
        "maps": {key: list(numbers) for key, numbers in sorted(policy.maps.items())},
    }


def _why(policy: Policy, status: Status, mine: Sequence[Verdict]) -> str:
    told = list(dict.fromkeys(verdict.why for verdict in mine if verdict.status == status))
    if not told and status == "for_person":
        return "no connected system can tell"
    return "; ".join(told)[:600] or f"nothing here is about this: {policy.title}"
