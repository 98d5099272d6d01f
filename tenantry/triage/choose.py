"""Which incident is next, and whose it is. Pure; what it says is recorded by whoever asks.

A turn is a number that grows with each incident that somebody is given. Round robin gives the next one to who of those that can take it had
their last turn longest ago; whoever has never had one comes first, once. So of two who are both there all the time, neither is ever two ahead of
the other, and who comes back from holiday is not flooded with what they missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from tenantry.sweep.model import SEVERITIES, rank
from tenantry.triage.model import Way

__all__ = ["Candidate", "Choice", "Waiting", "allotted", "chosen", "in_order"]

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An incident that is nobody's.

    Attributes:
        opened: when it was, and so how long it waits.
        due: when its acknowledgement is; None: nothing was agreed.
        needs: skills.
        among: who may get it; None: everybody.
        rule: of triage that says so; None: none fits.
        call: whom to call where nobody can take it, the first one first.
    """

    id: str
    tenant: str
    severity: str
    opened: datetime
    due: datetime | None = None
    needs: frozenset[str] = frozenset()
    among: frozenset[str] | None = None
    way: Way = "round_robin"
    rule: str | None = None
    call: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be given incidents, as they are at this moment.

    Attributes:
        covers: whether they may touch a tenant.
        skills: those that count today.
        ended: those that do not any more.
        duty: whether it is their time.
        load: incidents that are theirs and open.
        most: at one time.
        turn: number of their last one; 0: none yet.
    """

    id: str
    covers: Callable[[str], bool]
    skills: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    duty: bool = True
    load: int = 0
    most: int = 10
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose an incident is, and why; ``person`` None: nobody's, and why."""

    incident: str
    person: str | None
    why: str


def in_order(
    waiting: Iterable[Waiting],
    order: Literal["priority", "first_in_first_out"],
    now: datetime,
    raise_after: timedelta,
) -> list[Waiting]:
    """The queue, the next one first.

    Args:
        raise_after: with ``priority``, waiting so long makes an incident count as one severity worse. What is at the worst already is ordered
            by age alone, so whatever comes later is behind everything that has waited ``5 * raise_after``.
    """
    if order == "first_in_first_out":
        return sorted(waiting, key=lambda one: (one.opened, one.id))

    def key(one: Waiting) -> tuple[int, datetime, datetime, str]:
        raised = int(max(now - one.opened, timedelta(0)) / raise_after)
        level = rank(one.severity) + raised
        worst = len(SEVERITIES) - 1
        if level > worst:  # has waited beyond the worst: nothing that is due earlier overtakes it any more
            return -worst - 1, one.opened, one.opened, one.id
        return -level, one.due or _NEVER, one.opened, one.id

    return sorted(waiting, key=key)


def chosen(one: Waiting, people: Sequence[Candidate], *, on_call: bool) -> Choice:
    """Whose an incident is.

    Args:
        people: everybody who is given incidents.
        on_call: whether whoever is on call gets it when nobody else can.
    """
    rule = f" (rule {one.rule})" if one.rule is not None else ""
    if one.way == "nobody":
        return Choice(one.id, None, f"people take these themselves{rule}")
    theirs = [person for person in people if person.covers(one.tenant) and _among(one, person)]
    steps: tuple[tuple[str, Callable[[Candidate], bool]], ...] = (
        ("nobody on duty", lambda person: person.duty),
        (_missing(one, theirs), lambda person: one.needs <= person.skills),
        ("everybody has as many as they take", lambda person: person.load < person.most),
    )
    left, problem = theirs, "" if theirs else f"nobody is given incidents of {one.tenant}"
    for words, fits in steps if theirs else ():
        left = [person for person in left if fits(person)]
        if not left:
            problem = words
            break
    if left:
        found = _by(one.way, one.needs, left)
        needs = f", who must have {', '.join(sorted(one.needs))}" if one.needs else ""
        return Choice(one.id, found.id, f"{one.way.replace('_', ' ')} among {len(left)}{needs}{rule}")
    if on_call and one.call:
        return Choice(one.id, one.call[0], f"on call: {problem}{rule}")
    return Choice(one.id, None, f"{problem}{rule}")


def allotted(
    waiting: Sequence[Waiting],
    people: Sequence[Candidate],
    turn: int,
    *,
    on_call: Callable[[Waiting], bool] = lambda _: False,
) -> list[Choice]:
    """Each incident's choice, in the queue's order; each one that somebody is given counts for the next.

    Args:
        turn: number of the last turn of anybody's.
    """
    here = {person.id: person for person in people}
    found = []
    for one in waiting:
        choice = chosen(one, list(here.values()), on_call=on_call(one))
        found.append(choice)
        if choice.person is not None:
            turn += 1
            if choice.person in here:
                person = here[choice.person]
                here[choice.person] = replace(person, load=person.load + 1, turn=turn)
    return found


def _among(one: Waiting, person: Candidate) -> bool:
    return one.among is None or person.id in one.among


def _by(way: Way, needs: frozenset[str], people: Sequence[Candidate]) -> Candidate:
    if way == "least_busy":
        return min(people, key=lambda person: (person.load, person.turn, person.id))
    if way == "skill":
        return min(people, key=lambda person: (len(person.skills - needs), person.load, person.turn, person.id))
    return min(people, key=lambda person: (person.turn, person.id))


def _missing(one: Waiting, people: Sequence[Candidate]) -> str:
    ended = sorted({f"{person.id}'s {skill}" for person in people for skill in one.needs & person.ended})
    over = f"; over: {', '.join(ended[:5])}" if ended else ""
    return f"nobody on duty has {', '.join(sorted(one.needs))}{over}"
