"""In which order systems recover, and how long that takes at best. Pure.

**How tier and dependency combine.** A system waits for the systems that it needs and for nothing else: a tier is no barrier, so nothing
independent waits. A system is as critical as the most critical one that stands on it (its *effective tier*): what a tier 0 system needs is
recovered as tier 0, whatever its own tier says. Among systems that could begin at the same moment the lower effective tier begins first, then
the one with the longest way still ahead of it, then the order of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tenantry.disaster.plan import Plan, System, estimate_of

__all__ = ["Schedule", "dependants", "schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The plan counted through.

    Attributes:
        order: ids, each after what it needs; otherwise by effective tier, longest way ahead, and the file.
        tier: id → effective tier.
        finish: id → from the declaration to its recovery, every step taking its estimate and nobody waiting.
        way: id → the chain of systems that decides ``finish``, the first one first.
    """

    order: tuple[str, ...]
    tier: Mapping[str, int]
    finish: Mapping[str, timedelta]
    way: Mapping[str, tuple[str, ...]]

    @property
    def critical(self) -> timedelta:
        """The critical path: how long all of it takes at best."""
        return max(self.finish.values())


def dependants(systems: Sequence[System]) -> dict[str, list[str]]:
    """Id → those that need it, directly."""
    found: dict[str, list[str]] = {one.id: [] for one in systems}
    for one in systems:
        for needed in one.needs:
            found[needed].append(one.id)
    return found


def schedule(plan: Plan, *, failback: bool = False) -> Schedule:
    """Count a plan through. Its dependencies must exist and have no cycle (:mod:`tenantry.disaster.load` refuses others).

    Args:
        failback: the way back to the primary site.
    """
    by_id = {one.id: one for one in plan.systems}
    below = dependants(plan.systems)
    takes = {one.id: estimate_of(one.failback if failback else one.procedure) for one in plan.systems}
    rising = _topological(by_id)
    tier: dict[str, int] = {}
    ahead: dict[str, timedelta] = {}
    for name in reversed(rising):
        tier[name] = min([by_id[name].tier, *(tier[other] for other in below[name])])
        ahead[name] = takes[name] + max((ahead[other] for other in below[name]), default=timedelta(0))
    finish: dict[str, timedelta] = {}
    way: dict[str, tuple[str, ...]] = {}
    for name in rising:
        last = max(by_id[name].needs, key=lambda other: finish[other], default=None)
        finish[name] = takes[name] + (finish[last] if last is not None else timedelta(0))
        way[name] = (*(way[last] if last is not None else ()), name)
    place = {one.id: number for number, one in enumerate(plan.systems)}
    weight = {name: (tier[name], -ahead[name], place[name]) for name in by_id}
    return Schedule(_merged(by_id, below, weight), tier, finish, way)


def _topological(by_id: Mapping[str, System]) -> list[str]:
    done: dict[str, None] = {}
    for name in by_id:
        stack = [name]
        while stack:
            top = stack[-1]
            rest = [needed for needed in by_id[top].needs if needed not in done]
            if rest and top not in done:
                stack.extend(rest)
                continue
            done.setdefault(stack.pop())
    return list(done)


def _merged(
    by_id: Mapping[str, System], below: Mapping[str, Sequence[str]], weight: Mapping[str, tuple[int, timedelta, int]]
) -> tuple[str, ...]:
    open_ = {name: len(set(one.needs)) for name, one in by_id.items()}
    ready = [name for name, count in open_.items() if not count]
    order: list[str] = []
    while ready:
        ready.sort(key=lambda name: weight[name], reverse=True)
        name = ready.pop()
        order.append(name)
        for other in set(below[name]):
            open_[other] -= 1
            if not open_[other]:
                ready.append(other)
    return tuple(order)
