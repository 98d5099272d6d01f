"""Reading and writing a client's risk register: acts of people, and the entries that runs append.

Nothing is kept beside the record. What an act may do is decided here, against the register as it is just then; what two do at the same
time both stands, in the order of the tree.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from tenantry.errors import Conflict, InvalidInput, NotFound
from tenantry.journal import Event, Journal
from tenantry.risk.model import (
    CLOSED,
    EVENTS,
    LEVELS,
    OPENED,
    REVIEWED,
    SOURCES,
    TREATED,
    TREATMENTS,
    Level,
    Register,
    Risk,
    RiskSource,
    SourceKind,
    fold,
    level_of,
    review_date,
    risk_id,
)

__all__ = ["Act", "RiskRegister"]

_LONGEST: Final = timedelta(days=366)
"""For which a risk may go without being looked at."""
_SHORTEST: Final = 3
_TITLE: Final = 300
_TEXT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Act:
    """One entry to be appended.

    Attributes:
        event: of :data:`~tenantry.risk.model.EVENTS`.
        set: fields of the risk and their new values, JSON.
    """

    event: str
    risk: str
    set: Mapping[str, Any]
    why: str = ""


class RiskRegister:
    """One client's.

    Args:
        drill: the run of a drill: its risks stand in a register of its own and never in the client's.
    """

    def __init__(self, journal: Journal, tenant: str, *, drill: str | None = None) -> None:
        self._journal = journal
        self._tenant = tenant
        self._drill = drill

    def read(self) -> Register:
        """The register as it is. Walks the client's tree.

        Raises:
            JournalCorrupt: an entry was altered, or one is missing.
        """
        held = self._journal.of(self._tenant, *EVENTS)
        return fold(((one.event, one.payload, one.at) for one in held), self._drill)

    def append(self, acts: Sequence[Act], *, by: str, run: str | None = None, seen: int | None = None) -> None:
        """Append entries, all of them or none.

        Args:
            by: who says so.
            run: in which run.
            seen: how many entries there are, where the caller has just read the register.
        """
        if not acts:
            return
        first = self.read().entries if seen is None else seen
        events = [
            Event(
                one.event,
                {
                    **{"risk": one.risk, "set": dict(one.set), "why": one.why, "by": by, "run": run},
                    **{"drill": self._drill, "seen": first + number},
                },
            )
            for number, one in enumerate(acts)
        ]
        self._journal.append(self._tenant, events)

    # --- acts of people -----------------------------------------------------------------------------------------------

    def add(
        self,
        title: str,
        likelihood: str,
        impact: str,
        *,
        by: str,
        source: str = "person",
        ref: str | None = None,
        detail: str = "",
        owner: str | None = None,
        review_on: date | None = None,
    ) -> Risk:
        """Open a risk that a person names.

        Args:
            source: what showed it: ``person``, or ``incident`` or ``drill`` with the run as ``ref``.

        Raises:
            InvalidInput: naming the option that is wrong.
            Conflict: this source's risk is open already.
        """
        kind = _one_of(source, SOURCES, "--source")
        if kind == "finding":
            raise InvalidInput(
                "findings open their risks themselves",
                place="--source",
                remedy="Run `tenantry compliance run`: it brings the register in line.",
            )
        if (kind == "person") != (ref is None):
            raise InvalidInput(
                "an incident or a drill is named by its run, and what a person says has none", place="--run"
            )
        likely, hurts = _level(likelihood, "--likelihood"), _level(impact, "--impact")
        said = _text(title, "--risk", _TITLE, least=_SHORTEST)
        named = ref or uuid.uuid4().hex
        # A run may show several risks: what it is called is part of where it came from.
        name = risk_id(kind, named if kind == "person" else f"{named}\0{said.casefold()}")
        register = self.read()
        held = register.risks.get(name)
        if held is not None and held.status == "open":
            raise Conflict(f"the risk {name} is open already", remedy="Look at it, and review it.")
        level = level_of(likely, hurts)
        given: dict[str, Any] = {
            **{"title": said, "detail": _text(detail, "--detail", _TEXT), "likelihood": likely, "impact": hurts},
            **{"owner": owner, "review_on": self._day(review_on, level), "assessed": True, "treatment": None, "reason": ""},
            "source": RiskSource(kind=_source(kind), ref=named).model_dump(mode="json"),
        }  # fmt: skip
        return self._put(Act(OPENED, name, given), by, register.entries)

    def treat(
        self,
        risk: str,
        treatment: str,
        *,
        reason: str,
        by: str,
        owner: str | None = None,
        review_on: date | None = None,
        likelihood: str | None = None,
        impact: str | None = None,
    ) -> Risk:
        """Decide what is done about a risk. Levels are those that remain then.

        Raises:
            InvalidInput: naming the option that is wrong; accepting without an owner.
            NotFound: no such risk. Conflict: it is not open.
        """
        register = self.read()
        held = self._open(register, risk)
        chosen = _one_of(treatment, TREATMENTS, "--treatment")
        given: dict[str, Any] = {"treatment": chosen, "reason": _text(reason, "--reason", _TEXT, least=_SHORTEST)}
        if chosen == "accept" and owner is None and held.owner is None:
            raise InvalidInput("names who answers for a risk that is accepted", place="--owner")
        given |= self._changed(held, owner, review_on, likelihood, impact)
        return self._put(Act(TREATED, held.id, given, given["reason"]), by, register.entries)

    def review(
        self,
        risk: str,
        *,
        by: str,
        note: str,
        owner: str | None = None,
        review_on: date | None = None,
        likelihood: str | None = None,
        impact: str | None = None,
    ) -> Risk:
        """Record that somebody looked at a risk, and when it is looked at again.

        Raises:
            InvalidInput, NotFound, Conflict: as `treat`.
        """
        register = self.read()
        held = self._open(register, risk)
        said = _text(note, "--note", _TEXT, least=_SHORTEST)
        given = self._changed(held, owner, review_on, likelihood, impact)
        level = level_of(given.get("likelihood", held.likelihood), given.get("impact", held.impact))
        given["review_on"] = self._day(review_on, level)
        return self._put(Act(REVIEWED, held.id, given, said), by, register.entries)

    def close(self, risk: str, *, reason: str, by: str) -> Risk:
        """Record that a risk is gone. It opens again by itself when its source is found again.

        Raises:
            InvalidInput, NotFound, Conflict: as `treat`.
        """
        register = self.read()
        held = self._open(register, risk)
        said = _text(reason, "--reason", _TEXT, least=_SHORTEST)
        return self._put(Act(CLOSED, held.id, {"reason": said}, said), by, register.entries)

    def find(self, register: Register, risk: str) -> Risk:
        """The risk of this id, or the one whose id begins so.

        Raises:
            NotFound: none. InvalidInput: several.
        """
        exact = register.risks.get(risk)
        begun = [one for name, one in register.risks.items() if name.startswith(risk)] if len(risk) >= _SHORTEST else []
        found = [exact] if exact is not None else begun
        if not found:
            raise NotFound(
                f"{self._tenant} has no risk {risk!r}",
                place="RISK",
                remedy=f"`tenantry risks list {self._tenant} --all` shows them.",
            )
        if len(found) > 1:
            raise InvalidInput("begins the ids of several risks", place="RISK")
        return found[0]

    def _open(self, register: Register, risk: str) -> Risk:
        held = self.find(register, risk)
        if held.status != "open":
            raise Conflict(f"the risk {held.id} is {held.status}", remedy="Only open risks are treated and reviewed.")
        return held

    def _put(self, act: Act, by: str, seen: int) -> Risk:
        self.append([act], by=by, seen=seen)
        return self.read().risks[act.risk]

    def _changed(
        self, held: Risk, owner: str | None, review_on: date | None, likelihood: str | None, impact: str | None
    ) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if owner is not None:
            given["owner"] = owner
        if likelihood is not None:
            given |= {"likelihood": _level(likelihood, "--likelihood"), "assessed": True}
        if impact is not None:
            given |= {"impact": _level(impact, "--impact"), "assessed": True}
        if review_on is not None:
            given["review_on"] = self._day(review_on, held.level)
        return given

    def _day(self, review_on: date | None, level: Level) -> str:
        today = self._journal.clock.now().date()
        day = review_on or review_date(level, today)
        if not today < day <= today + _LONGEST:
            raise InvalidInput(f"lies after today, at most {_LONGEST.days} days ahead", place="--review")
        return day.isoformat()


def _level(value: str, place: str) -> Level:
    found: Level = _one_of(value, LEVELS, place)  # type: ignore[assignment]  # one of them
    return found


def _source(value: str) -> SourceKind:
    found: SourceKind = value  # type: ignore[assignment]  # looked at before
    return found


def _one_of(value: str, allowed: Sequence[str], place: str) -> str:
    named = value.strip().lower().replace("-", "_").replace(" ", "_")
    if named not in allowed:
        raise InvalidInput(f"is one of {', '.join(allowed)}", place=place)
    return named


def _text(value: str, place: str, most: int, *, least: int = 0) -> str:
    said = value.strip()
    if len(said) < least:
        raise InvalidInput("says it in words", place=place)
    if len(said) > most:
        raise InvalidInput(f"has at most {most} characters", place=place)
    return said
