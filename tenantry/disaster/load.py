"""Reading plans, and everything that is wrong with one, each with ``file:line``.

*Errors* make a plan impossible to carry out: wrong structure, a cycle, an unknown system, task or parameter, nobody who could declare. A plan
with an error is refused. *Findings* make its promises empty: an RTO or RPO that cannot be kept, a backup that nobody has tested, a drill that is too
long ago, an owner whom nobody knows. A plan with findings can be activated, because a disaster does not wait; whoever declares is told them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from tenantry import yamlpos
from tenantry.disaster.order import schedule
from tenantry.disaster.plan import Plan, ProcedureStep, System
from tenantry.errors import InvalidPlan, NotFound
from tenantry.home import Home
from tenantry.places import folders
from tenantry.runbook._parts import accepted, annotation_of, cycles, has_expression, near, there_are, unescaped
from tenantry.task import HumanTask, Impact, ReadTask, Task

if TYPE_CHECKING:
    from tenantry.discovery import TaskRegistry

__all__ = ["PROCEDURES", "Finding", "KnownBackup", "LoadedPlan", "find_plan", "load_plan", "parse_plan", "plan_files"]

PROCEDURES: Final = ("quiesce", "procedure", "failback", "clean_up")
_KIND: Final = "disaster/plans"


@dataclass(frozen=True, slots=True)
class Finding:
    """What makes a promise of the plan empty."""

    line: int
    rule: str
    """``rto``, ``rpo``, ``backup``, ``drill``, ``owner``, ``declarer`` or ``failback``."""
    text: str
    system: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"line": self.line, "rule": self.rule, "text": self.text, "system": self.system}


@dataclass(frozen=True, slots=True)
class KnownBackup:
    """What the record knows of a backup.

    Attributes:
        tested_on: day on which it was last restored and compared.
        problems: what was wrong with it at the newest check.
    """

    tested_on: date | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Beside:
    """What a plan is judged by besides its text."""

    today: date
    known: Collection[str] | None
    drilled: date | None
    backups: Mapping[str, KnownBackup]


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan without errors.

    Attributes:
        text: the file's.
        file: its name, for complaints.
        findings: in the order of the file.
        changing: tasks of its procedures that change something, or ask somebody to.
    """

    plan: Plan
    text: str
    file: str
    findings: tuple[Finding, ...]
    changing: frozenset[str] = frozenset()


def plan_files(home: Home, tenant: str | None = None) -> dict[str, Path]:
    """Id → file: the client's own (``tenants/<client>/disaster``), then the operator's and the shipped ones."""
    found: dict[str, Path] = {}
    roots = [*((home.tenants / tenant / "disaster",) if tenant else ()), *folders(_KIND, home)]
    for root in roots:
        for path in sorted(root.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find_plan(home: Home, name: str, tenant: str | None = None) -> Path:
    """The file of a plan.

    Raises:
        NotFound: with names like it.
    """
    files = plan_files(home, tenant)
    if name not in files:
        where = f"tenants/{tenant}/disaster" if tenant else "runbooks/disaster/plans"
        raise NotFound(
            f"there is no plan {name!r}{near(name, files)}", remedy=f"Put it into {where}, or name one of `dr list`."
        )
    return files[name]


def load_plan(
    path: Path,
    registry: TaskRegistry,
    *,
    today: date,
    known: Collection[str] | None = None,
    drilled: date | None = None,
    backups: Mapping[str, KnownBackup] | None = None,
) -> LoadedPlan:
    """Read and judge a plan's file; see :func:`parse_plan`."""
    document = yamlpos.load(path, error=InvalidPlan)
    beside = _Beside(today, known, drilled, backups or {})
    return _judged(document, path.read_text("utf-8-sig"), registry, beside, path.stem)


def parse_plan(
    text: str,
    source: str,
    registry: TaskRegistry,
    *,
    today: date,
    known: Collection[str] | None = None,
    drilled: date | None = None,
    backups: Mapping[str, KnownBackup] | None = None,
) -> LoadedPlan:
    """Judge a plan's text.

    Args:
        source: what stands for the file's name.
        registry: tasks that it may use.
        today: what ages are counted from.
        known: ids of people and contacts; None: owners and declarers are not looked up.
        drilled: day of the newest drill in the record; None: only what the file says counts.
        backups: what the record knows of each source (:func:`tenantry.disaster.backups.known`).

    Raises:
        InvalidPlan: naming every error as ``file:line: sentence``; ``detail["problems"]`` lists them.
    """
    document = yamlpos.parse(text, file=source, error=InvalidPlan)
    return _judged(document, text, registry, _Beside(today, known, drilled, backups or {}), None)


def _judged(
    document: yamlpos.Document,
    text: str,
    registry: TaskRegistry,
    beside: _Beside,
    stem: str | None,
) -> LoadedPlan:
    plan = yamlpos.build(Plan, document, error=InvalidPlan)
    errors = sorted({(document.positions.nearest(path).line, said) for path, said in _errors(plan, registry, stem)})
    if errors:
        lines = [f"{document.positions.file}:{line}: {said}" for line, said in errors]
        raise InvalidPlan("\n".join(lines), problems=lines)
    findings = [
        Finding(document.positions.nearest(path).line, rule, said, system)
        for path, rule, said, system in _findings(plan, beside)
    ]
    findings.sort(key=lambda one: one.line)
    used = {step.uses for system in plan.systems for name in PROCEDURES for step in getattr(system, name)}
    changing = frozenset(name for name in used if not issubclass(registry.get(name), ReadTask))
    return LoadedPlan(plan, text, document.positions.file, tuple(findings), changing)


_Path = tuple[str | int, ...]


# --- errors -----------------------------------------------------------------------------------------------------------


def _errors(plan: Plan, registry: TaskRegistry, stem: str | None) -> Iterator[tuple[_Path, str]]:
    if stem is not None and plan.id != stem:
        yield ("id",), f"the id is the file's name, {stem!r}"
    ids = [one.id for one in plan.systems]
    edges: dict[str, list[str]] = {}
    for number, system in enumerate(plan.systems):
        path: _Path = ("systems", number)
        if system.id in ids[:number]:
            yield (*path, "id"), f"there are two systems with the id {system.id!r}"
        for place, needed in enumerate(system.needs):
            if needed == system.id:
                yield (*path, "needs", place), f"the system {needed!r} needs itself"
            elif needed not in ids:
                yield (*path, "needs", place), f"there is no system {needed!r}{near(needed, ids)}"
        edges.setdefault(system.id, [needed for needed in system.needs if needed in ids])
        for procedure in PROCEDURES:
            yield from _procedure(getattr(system, procedure), (*path, procedure), registry)
    for cycle in cycles(edges):
        where = ("systems", ids.index(cycle[0]), "needs")
        yield where, f"these systems need each other: {' → '.join([*cycle, cycle[0]])}"


def _procedure(steps: Sequence[ProcedureStep], path: _Path, registry: TaskRegistry) -> Iterator[tuple[_Path, str]]:
    for number, step in enumerate(steps):
        at: _Path = (*path, number)
        if step.id in {"health", "data"}:
            yield (*at, "id"), f"{step.id!r} is the name of a step that every system has"
        if step.id in {other.id for other in steps[:number]}:
            yield (*at, "id"), f"there are two steps with the id {step.id!r}"
        try:
            task = registry.get(step.uses)
        except NotFound as error:
            yield (*at, "uses"), error.message
            continue
        if issubclass(task, Task) and task.impact is Impact.IRREVERSIBLE and step.approve is None:
            yield (*at, "uses"), f"{task.name} loses data for good: it needs `approve`"
        if step.approve is not None and not issubclass(task, Task):
            what = "asks a person" if issubclass(task, HumanTask) else "only reads"
            yield (*at, "approve"), f"{task.name} {what}: there is nothing to approve"
        fields = accepted(task.Params)
        for name, value in step.with_.items():
            if name not in fields:
                yield (
                    (*at, "with", name),
                    f"{task.name} has no parameter {name!r}{near(name, fields) or there_are(fields)}",
                )
            elif not has_expression(value):
                said = _refused(annotation_of(fields[name]), value)
                if said:
                    yield (*at, "with", name), f"{name}: {said}"
        for name, field in fields.items():
            if field.is_required() and name not in step.with_:
                yield (*at, "with"), f"{task.name} needs the parameter {name!r}"


def _refused(annotation: Any, value: Any) -> str | None:
    try:
        TypeAdapter(annotation).validate_json(json.dumps(unescaped(value)), strict=True)
    except ValidationError as error:
        said = str(error.errors(include_url=False, include_input=False)[0]["msg"])
        return said[:1].lower() + said[1:]
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None  # a type that stands only inside its model: the compiled runbook is validated as a whole
    return None


# --- findings ---------------------------------------------------------------------------------------------------------

_Said = tuple[_Path, str, str, str | None]


def _findings(plan: Plan, beside: _Beside) -> Iterator[_Said]:
    known = beside.known
    yield from _drill(plan, beside.today, beside.drilled)
    for number, who in enumerate(plan.declarers):
        if known is not None and who not in known:
            yield ("declarers", number), "declarer", f"nobody is called {who!r}: they cannot declare", None
    counted = schedule(plan)
    for number, system in enumerate(plan.systems):
        path: _Path = ("systems", number)
        if known is not None and system.owner not in known:
            yield (*path, "owner"), "owner", f"{system.id}: nobody is called {system.owner!r}", system.id
        needed = plan.declare_within + counted.finish[system.id]
        if needed > system.rto:
            way = " → ".join(
                f"{name} {told(_own(counted.finish, counted.way, name))}" for name in counted.way[system.id]
            )
            yield (
                (*path, "rto"),
                "rto",
                f"{system.id}: an RTO of {told(system.rto)} cannot be kept: {told(needed)} at best "
                f"({told(plan.declare_within)} until it is declared, then {way})",
                system.id,
            )
        yield from _backups(system, path, beside)
        if not system.failback:
            yield (
                path,
                "failback",
                f"{system.id}: nobody has written down how it goes back to its primary site",
                system.id,
            )


def _own(finish: Mapping[str, timedelta], way: Mapping[str, tuple[str, ...]], name: str) -> timedelta:
    before = way[name][:-1]
    return finish[name] - (finish[before[-1]] if before else timedelta(0))


def _drill(plan: Plan, today: date, drilled: date | None) -> Iterator[_Said]:
    last = max((day for day in (plan.drill.last_on, drilled) if day is not None), default=None)
    if last is None:
        yield ("drill",), "drill", "this plan was never rehearsed", None
    elif today - last > plan.drill.every:
        days = (today - last).days
        yield (
            ("drill",),
            "drill",
            f"the last drill was {days} days ago, and there is to be one every {plan.drill.every.days}",
            None,
        )


def _backups(system: System, path: _Path, beside: _Beside) -> Iterator[_Said]:
    if system.rpo is not None and not system.backups:
        yield (*path, "rpo"), "rpo", f"{system.id}: it has an RPO and no backup that could keep it", system.id
    for number, backup in enumerate(system.backups):
        at: _Path = (*path, "backups", number)
        if system.rpo is not None and backup.every > system.rpo:
            yield (
                (*at, "every"),
                "rpo",
                f"{system.id}: an RPO of {told(system.rpo)} cannot be kept by a backup every {told(backup.every)}",
                system.id,
            )
        held = beside.backups.get(backup.source, KnownBackup())
        days = [day for day in (backup.tested_on, held.tested_on) if day is not None]
        if not days:
            yield at, "backup", f"{system.id}: nobody has ever restored the backup of {backup.source}", system.id
        elif beside.today - max(days) > backup.test_every:
            ago = (beside.today - max(days)).days
            yield (
                (*at, "tested_on") if backup.tested_on else at,
                "backup",
                f"{system.id}: the backup of {backup.source} was last restored {ago} days ago",
                system.id,
            )
        for problem in held.problems:
            yield at, "backup", f"{system.id}: when it was last looked at, {problem}", system.id
        if not backup.immutable:
            yield at, "backup", f"{system.id}: who can write to the backup of {backup.source} can delete it", system.id


def told(length: timedelta) -> str:
    """``1h30m``: a duration as the plan writes it."""
    seconds = int(length.total_seconds())
    parts = [
        (seconds // 86_400, "d"),
        (seconds % 86_400 // 3_600, "h"),
        (seconds % 3_600 // 60, "m"),
        (seconds % 60, "s"),
    ]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
