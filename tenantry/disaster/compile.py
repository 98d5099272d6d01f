"""An activation is a run of a runbook: the one of this plan, made here and pinned in the run's first entry.

The steps around the recovery (team, assessment, declaration, measuring, report) stand in ``runbooks/disaster/disaster_activation.yaml``;
the plan's systems are put in between. So an activation has no engine of its own: journal, resume, approvals, questions and Prefect are those of
every other run, and what a run does cannot change with the plan's file while it is under way.

For a system ``db`` the steps are, each after the one before::

    db__drain_<step>      graceful only: where it runs now, after everything that needs it was drained
    db__<step>            its procedure at the recovery site, once the disaster is declared and what it needs works there
    db__health            waits until its health checks hold: here its clock stops
    db__data              how much was recovered and how new it is

The first step of a system needs the last steps of the systems that it needs, and nothing else. See :mod:`tenantry.disaster.order` for the tiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

import yaml

from tenantry import yamlpos
from tenantry.disaster.load import Finding, LoadedPlan, told
from tenantry.disaster.order import Schedule, dependants, schedule
from tenantry.disaster.plan import ProcedureStep, System
from tenantry.disaster.rehearse import rehearsed
from tenantry.errors import InvalidPlan, Refused

__all__ = ["ACTIVATION", "Purpose", "compiled"]

ACTIVATION: Final = "disaster_activation"
"""The runbook that an activation's is made of, and its id."""

_TITLES: Final = {"failover": "Recovery", "failback": "Failback", "rehearsal": "Rehearsal"}
_VERBS: Final = {"failover": "disaster", "failback": "failback", "rehearsal": "rehearsal"}
_NOT_REHEARSED: Final = frozenset({"told", "told_back"})
"""Nothing happened that the client has to hear of."""
Purpose = Literal["failover", "failback", "rehearsal"]

_LOCAL = re.compile(r"(?<![\w.])steps\.([a-z][a-z0-9_]*)")
_EXPRESSION = re.compile(r"\$\{.*\}", re.DOTALL)
_MOST_STEPS: Final = 500


@dataclass(frozen=True, slots=True)
class _Site:
    """Where this activation brings a system to."""

    steps: tuple[ProcedureStep, ...]
    health: tuple[Any, ...]
    data: tuple[Any, ...]


def compiled(loaded: LoadedPlan, base: str, *, purpose: Purpose, graceful: bool) -> str:
    """The text of the runbook of one activation.

    Args:
        loaded: the plan.
        base: text of :data:`ACTIVATION`.
        purpose: to the recovery site, back, or to scratch targets (:mod:`tenantry.disaster.rehearse`).
        graceful: drain and stop the systems where they run first. Ungraceful waits for nothing there: it may be dead.

    Raises:
        InvalidPlan: it would have too many steps.
        Refused: a template; a failback that nobody has written down.
    """
    plan = loaded.plan
    if plan.tenant is None:
        raise Refused(
            f"the plan {plan.id} is a template", remedy="Copy it to tenants/<client>/disaster and say whose it is."
        )
    if purpose == "failback":
        lacking = [one.id for one in plan.systems if not one.failback]
        if lacking:
            raise Refused(
                f"the plan {plan.id} does not say how these go back: {', '.join(lacking)}",
                remedy="Write their `failback` procedures down.",
            )
    gaps: tuple[str, ...] = ()
    if purpose == "rehearsal":
        if graceful:
            raise Refused("a rehearsal drains nothing", remedy="Begin it without `graceful`.")
        loaded, gaps = rehearsed(loaded)
        plan = loaded.plan
    maker = _Maker(loaded, purpose, graceful, gaps)
    document: Any = yamlpos.parse(base, file=f"{ACTIVATION}.yaml").data
    data = maker.fill(document)
    if len(data["steps"]) > _MOST_STEPS:
        raise InvalidPlan(f"the plan {plan.id} makes {len(data['steps'])} steps, and a run has {_MOST_STEPS} at most")
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


class _Maker:
    def __init__(self, loaded: LoadedPlan, purpose: Purpose, graceful: bool, gaps: tuple[str, ...]) -> None:
        self._loaded = loaded
        self._gaps = gaps
        self._rehearsal = purpose == "rehearsal"
        self._plan = loaded.plan
        self._failback = purpose == "failback"
        self._purpose = purpose
        self._graceful = graceful
        self._schedule: Schedule = schedule(self._plan, failback=self._failback)
        self._below = dependants(self._plan.systems)

    def fill(self, data: dict[str, Any]) -> dict[str, Any]:
        """The base with everything of the plan in it."""
        systems = [self._plan.system(name) for name in self._schedule.order]
        recovery = [step for system in systems for step in self._recovery(system)]
        draining = [step for system in reversed(systems) for step in self._drain(system)]
        steps = []
        cleaning = [step for system in reversed(systems) for step in self._cleaning(system)] if self._rehearsal else []
        for step in data["steps"]:
            if self._rehearsal and step["id"] in _NOT_REHEARSED:
                continue
            if step["id"] == "recovered":
                steps += [*draining, *recovery, *(() if self._rehearsal else self._tiers(systems))]
            steps.append(self._filled(step, systems))
            if step["id"] == "recovered":
                steps += cleaning
            elif step["id"] == "service_back" and self._rehearsal:
                step["needs"] = ["recovered", *(made["id"] for made in cleaning)]
        # A version of its own: the plan's stands behind the activation's.
        data["version"] = f"{data['version']}+{self._plan.id}.{self._plan.version}"
        data["title"] = f"{_TITLES[self._purpose]}: {self._plan.title}"[:200]
        data["steps"] = steps
        if draining:
            data["phases"].insert(data["phases"].index("recover"), "drain")
        if cleaning:
            data["phases"].insert(data["phases"].index("close"), "clean_up")
        return data

    def _filled(self, step: dict[str, Any], systems: list[System]) -> dict[str, Any]:
        with_: dict[str, Any] = step.setdefault("with", {})
        if step["id"] == "assess":
            with_["systems"] = [
                {
                    "id": one.id,
                    "title": one.title,
                    "tier": self._schedule.tier[one.id],
                    "probes": _dumped(self._now(one)),
                }
                for one in systems
            ]
            told_of = [*(f"not rehearsed: {gap}" for gap in self._gaps), *(one.text for one in self._findings())]
            with_["findings"] = [_literal(text) for text in told_of]
        elif step["id"] == "declared":
            with_["only"] = list(self._plan.declarers)
            with_["verb"] = _VERBS[self._purpose]
        elif step["id"] == "service_back":
            with_["only"] = list(self._plan.declarers)
            if self._rehearsal:
                step["title"], with_["verb"] = "Say that the rehearsal is over", "rehearsed"
        elif step["id"] == "report" and self._rehearsal:
            step["needs"] = ["service_back"]
            with_["gaps"] = [_literal(gap) for gap in self._gaps]
        elif step["id"] == "recovered":
            step["needs"] = [*step.get("needs", []), *(self._last(one) for one in systems)]
            with_["systems"] = [self._measured(one) for one in systems]
        elif step["id"] == "told":
            with_["facts"]["cadence"] = told(self._plan.communication.cadence)
        if step["uses"] == "messenger.notify":
            who = self._plan.communication.team if step["id"] == "team_called" else ()
            with_["to"] = list(who or self._plan.communication.to)
        return step

    def _findings(self) -> tuple[Finding, ...]:
        return self._loaded.findings

    # --- one system ---------------------------------------------------------------------------------------------------

    def _site(self, system: System) -> _Site:
        if self._failback:
            return _Site(system.failback, system.primary_health, system.primary_data)
        return _Site(system.procedure, system.health, system.data)

    def _now(self, system: System) -> tuple[Any, ...]:
        """What it answers where it should be running when the activation begins."""
        return system.health if self._failback else system.primary_health

    def _last(self, system: System) -> str:
        return f"{system.id}__data" if self._site(system).data else f"{system.id}__health"

    def _recovery(self, system: System) -> Iterator[dict[str, Any]]:
        site = self._site(system)
        first = [self._last(self._plan.system(needed)) for needed in system.needs] or ["declared"]
        if self._graceful and system.quiesce:
            first.append(self._drained(system))
        before = first
        for step in site.steps:
            made = self._step(system, step, "recover", f"{system.id}__", before)
            yield made
            before = [made["id"]]
        health = f"{system.id}__health"
        yield {
            "id": health,
            "title": f"{system.title}: answers as it should",
            "phase": "recover",
            "uses": "disaster.await_health",
            "needs": before,
            "on_failure": "ask",
            "timeout": _duration(system.patience + timedelta(minutes=5)),
            "with": {"probes": _dumped(site.health), "patience_seconds": int(system.patience.total_seconds())},
        }
        if site.data:
            rpo = {"rpo_seconds": int(system.rpo.total_seconds())} if system.rpo is not None else {}
            yield {
                "id": f"{system.id}__data",
                "title": f"{system.title}: its data is there, and how new it is",
                "phase": "recover",
                "uses": "disaster.validate_data",
                "needs": [health],
                "on_failure": "ask",
                "with": {"probes": _dumped(site.data), "outage_began": "${steps.assess.output.outage_began}", **rpo},
            }

    def _drain(self, system: System) -> Iterator[dict[str, Any]]:
        """After everything that needs it was drained, or it would be working into a system that is going away."""
        if not self._graceful:
            return
        before = ["declared", *(self._drained(self._plan.system(name)) for name in self._draining_below(system.id))]
        for step in system.quiesce:
            made = self._step(system, step, "drain", f"{system.id}__drain_", before)
            yield made
            before = [made["id"]]

    def _cleaning(self, system: System) -> Iterator[dict[str, Any]]:
        """What was recovered for the rehearsal goes away once everything was measured, what stands on top first."""
        before = ["recovered"]
        for step in system.clean_up:
            made = self._step(system, step, "clean_up", f"{system.id}__clean_", before)
            # Its procedure's results are what it takes away.
            made["with"] = _local(step.with_, f"{system.id}__")
            yield made
            before = [made["id"]]

    def _draining_below(self, name: str) -> list[str]:
        """The nearest dependants that have something to drain, through those that have not."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        left = list(self._below[name])
        while left:
            other = left.pop()
            if other in seen:
                continue
            seen.add(other)
            if self._plan.system(other).quiesce:
                found.setdefault(other)
            else:
                left += self._below[other]
        return sorted(found)

    def _drained(self, system: System) -> str:
        return f"{system.id}__drain_{system.quiesce[-1].id}"

    def _step(self, system: System, step: ProcedureStep, phase: str, prefix: str, before: list[str]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": f"{prefix}{step.id}",
            "title": f"{system.title}: {step.title or step.uses}"[:200],
            "phase": phase,
            "uses": step.uses,
            "needs": before,
            "with": _local(step.with_, prefix),
        }
        if not step.uses.startswith("human."):
            made["on_failure"] = "ask"
        if step.manual and not step.uses.startswith("human."):
            made["by_hand"] = step.manual
        if step.approve is not None:
            made["approve"] = {"role": "approver", "reason": step.approve}
        return made

    # --- all of them --------------------------------------------------------------------------------------------------

    def _tiers(self, systems: list[System]) -> Iterator[dict[str, Any]]:
        """Those who wait hear from us whenever all of a tier is back."""
        tiers: dict[int, list[System]] = {}
        for system in systems:
            tiers.setdefault(self._schedule.tier[system.id], []).append(system)
        for tier, mine in sorted(tiers.items())[:-1]:  # the last one is the end, which is told by itself
            yield {
                "id": f"told_tier_{tier}",
                "title": f"Tell that tier {tier} works again",
                "phase": "recover",
                "uses": "messenger.notify",
                "needs": [self._last(one) for one in mine],
                "on_failure": "continue",
                "with": {
                    "template": "disaster_update",
                    "to": list(self._plan.communication.to),
                    "when_in_doubt": "leave",
                    "facts": {
                        "client": "${tenant.display_name}",
                        "plan": _literal(self._plan.title),
                        "reference": "${run.id}",
                        "recovered": [_literal(one.title) for one in mine],
                        "cadence": told(self._plan.communication.cadence),
                    },
                },
            }

    def _measured(self, system: System) -> dict[str, Any]:
        site = self._site(system)
        names = [f"{system.id}__{step.id}" for step in site.steps]
        return {
            "id": system.id,
            "title": _literal(system.title),
            "tier": self._schedule.tier[system.id],
            "owner": system.owner,
            "needs": list(system.needs),
            "rto_seconds": int(system.rto.total_seconds()),
            "rpo_seconds": int(system.rpo.total_seconds()) if system.rpo is not None else None,
            "steps": names,
            "health": f"{system.id}__health",
            "data": f"{system.id}__data" if site.data else None,
        }


def _dumped(probes: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [_escaped(probe.model_dump(mode="json", exclude_none=True)) for probe in probes]


def _escaped(value: Any) -> Any:
    """A plan's texts are values, never expressions of the runbook, unless they stand in a procedure."""
    if isinstance(value, str):
        return _literal(value)
    if isinstance(value, Mapping):
        return {key: _escaped(inner) for key, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list) else value


def _literal(text: str) -> str:
    return text.replace("${", "$${")


def _local(value: Any, prefix: str) -> Any:
    """A procedure's parameters: what reads an earlier step of the same system reads it under its whole name."""
    if isinstance(value, str):
        return _EXPRESSION.sub(lambda found: _LOCAL.sub(lambda name: f"steps.{prefix}{name[1]}", found[0]), value)
    if isinstance(value, Mapping):
        return {key: _local(inner, prefix) for key, inner in value.items()}
    return [_local(inner, prefix) for inner in value] if isinstance(value, (list, tuple)) else value


def _duration(length: timedelta) -> str:
    return f"{max(1, int(length.total_seconds()))}s"
