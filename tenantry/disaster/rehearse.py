"""The same plan against scratch targets: what of it can be rehearsed without touching what it is about.

``drill.scratch`` of a plan says what stands in the place of what: host, database, address, path. Whole values of procedures and checks are replaced, never
parts of them. What changes something is carried out only where the plan says so (``rehearse: true``), and a value that still names a site of the plan, alone or
inside of something longer (:mod:`tenantry.disaster.reach`), is refused: a rehearsal must never be able to reach what it rehearses for. What is left out is a gap, and stands in the report.

A check that was not replaced would ask the real system, and a working one would be taken for a recovery; so it is left out, and a system without any check
left is not rehearsed at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel

from tenantry.disaster.load import LoadedPlan
from tenantry.disaster.plan import ProcedureStep, System
from tenantry.disaster.probes import name_of
from tenantry.disaster.reach import RealNames, strings
from tenantry.errors import Refused

__all__ = ["rehearsed"]

_REFERRED: Final = re.compile(r"(?<![\w.])steps\.([a-z][a-z0-9_]*)")


def rehearsed(loaded: LoadedPlan) -> tuple[LoadedPlan, tuple[str, ...]]:
    """The plan of a rehearsal, and its gaps: what is not rehearsed, and why.

    Raises:
        Refused: the plan names no scratch targets, nothing of it can be rehearsed, or a value of it still names a site of the plan.
    """
    plan, gaps = loaded.plan, list[str]()
    if not plan.drill.scratch:
        raise Refused(
            f"the plan {plan.id} names no scratch targets",
            remedy="Say under `drill.scratch` what stands in the place of what, or rehearse it on the lab with `--mode drill`.",
        )
    systems = [made for one in plan.systems if (made := _system(one, loaded, gaps)) is not None]
    if not systems:
        raise Refused(
            f"nothing of the plan {plan.id} can be rehearsed: {gaps[0]}",
            remedy="Name scratch targets for its health checks under `drill.scratch`.",
        )
    names = {one.id for one in systems}
    kept = tuple(
        one.model_copy(update={"needs": tuple(needed for needed in one.needs if needed in names)}) for one in systems
    )
    real = RealNames(plan)
    for system in kept:
        _guarded(system, real, loaded.changing)
    return replace(loaded, plan=plan.model_copy(update={"systems": kept})), tuple(gaps)


def _system(system: System, loaded: LoadedPlan, gaps: list[str]) -> System | None:
    scratch = loaded.plan.drill.scratch
    health = _checks(system, system.health, scratch, gaps)
    if not health:
        gaps.append(f"{system.title}: none of its health checks has a scratch target")
        return None
    procedure = _steps(system, system.procedure, loaded, gaps)
    if not procedure:
        gaps.append(f"{system.title}: no step of its procedure is rehearsed")
        return None
    return system.model_copy(
        update={
            "procedure": procedure,
            "clean_up": _steps(system, system.clean_up, loaded, gaps, every=True),
            "quiesce": (),
            "health": health,
            "primary_health": health,  # what it answers before: a scratch target that works already proves nothing
            "data": _checks(system, system.data, scratch, gaps),
        }
    )


def _checks(
    system: System, probes: tuple[Any, ...], scratch: Mapping[str, str], gaps: list[str]
) -> tuple[BaseModel, ...]:
    kept = []
    for probe in probes:
        plain = probe.model_dump(mode="json")
        made = _swapped(plain, scratch)
        if made == plain:
            gaps.append(f"{system.title}: {name_of(probe)} has no scratch target and is not asked")
        else:
            kept.append(type(probe).model_validate(made))
    return tuple(kept)


def _steps(
    system: System, steps: tuple[ProcedureStep, ...], loaded: LoadedPlan, gaps: list[str], *, every: bool = False
) -> tuple[ProcedureStep, ...]:
    kept: list[ProcedureStep] = []
    left: set[str] = set()
    for step in steps:
        lacking = left & set(_REFERRED.findall(str(step.with_)))
        if step.uses in loaded.changing and not (step.rehearse or every):
            why = "it is not marked with `rehearse`"
        elif lacking:
            why = f"it needs {', '.join(sorted(lacking))}, which is not rehearsed"
        else:
            kept.append(step.model_copy(update={"with_": _swapped(step.with_, loaded.plan.drill.scratch)}))
            continue
        left.add(step.id)
        gaps.append(f"{system.title}: {step.title or step.uses} ({step.id}): {why}")
    return tuple(kept)


def _swapped(value: Any, scratch: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return scratch.get(value, value)
    if isinstance(value, Mapping):
        return {key: _swapped(inner, scratch) for key, inner in value.items()}
    return [_swapped(inner, scratch) for inner in value] if isinstance(value, (list, tuple)) else value


def _guarded(system: System, real: RealNames, changing: frozenset[str]) -> None:
    """Nothing of a rehearsal names a site of the plan, or what a scratch target stands for.

    What changes something and what is asked must not have such a name inside of a longer value either. What only reads may: a rehearsal restores the
    real backup, which is called after what it is of. What a person is told is read, and reaches nothing.
    """
    for step in (*system.procedure, *system.clean_up):
        within = step.uses in changing and not step.uses.startswith("human.")
        for value in strings(step.with_):
            _refused_if(value if real.is_one(value) else real.found_in(value) if within else None, system, step.id)
    for probe in (*system.health, *system.data):
        plain = probe.model_dump(mode="json", exclude={"contains", "lacks", "expects", "authority"})
        if plain.get("address") is not None:
            del plain["url"]  # who is asked is at the address, whatever name it is asked by
        for value in strings(plain):
            _refused_if(real.found_in(value), system, name_of(probe))


def _refused_if(named: str | None, system: System, where: str) -> None:
    if named is not None:
        raise Refused(
            f"a rehearsal would reach {named!r}: {system.id}, {where}",
            remedy="Say under `drill.scratch` what stands in the place of the whole value; one that may stay as it is stands for itself.",
        )
