"""What a risk is: its levels, its treatment, where it came from, and the register that is folded from entries.

Levels of likelihood and impact, and the table that combines them, are those of NIST SP 800-30 Rev. 1, Appendices G to I
(https://csrc.nist.gov/pubs/sp/800/30/r1/final); what a register holds for each risk follows NIST IR 8286.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tenantry.clock import rfc3339
from tenantry.errors import JournalCorrupt

__all__ = [
    "CLOSED",
    "EVENTS",
    "LEVELS",
    "OPENED",
    "REVIEWED",
    "REVIEW_DAYS",
    "SOURCES",
    "TREATED",
    "TREATMENTS",
    "UPDATED",
    "WITHDRAWN",
    "Level",
    "Register",
    "Risk",
    "RiskSource",
    "SourceKind",
    "Treatment",
    "fold",
    "level_of",
    "review_date",
    "risk_id",
]

Level = Literal["very_low", "low", "moderate", "high", "very_high"]
Treatment = Literal["mitigate", "transfer", "accept", "avoid"]
SourceKind = Literal["finding", "incident", "drill", "person"]
LEVELS: Final[tuple[Level, ...]] = ("very_low", "low", "moderate", "high", "very_high")
"""From least to most, of likelihood, of impact and of the risk itself."""
TREATMENTS: Final[tuple[Treatment, ...]] = ("mitigate", "transfer", "accept", "avoid")
SOURCES: Final[tuple[SourceKind, ...]] = ("finding", "incident", "drill", "person")

OPENED: Final = "risk.opened"
UPDATED: Final = "risk.updated"
"""What it came from was looked at again, and something about it is different."""
TREATED: Final = "risk.treated"
REVIEWED: Final = "risk.reviewed"
CLOSED: Final = "risk.closed"
WITHDRAWN: Final = "risk.withdrawn"
"""What opened it was undone: it counts as never opened, and its history stays."""
EVENTS: Final = (OPENED, UPDATED, TREATED, REVIEWED, CLOSED, WITHDRAWN)
"""Kinds of entries."""

_STATUS: Final = {OPENED: "open", CLOSED: "closed", WITHDRAWN: "withdrawn"}
_TABLE: Final = (
    ("very_low", "very_low", "very_low", "low", "low"),
    ("very_low", "low", "low", "low", "moderate"),
    ("very_low", "low", "moderate", "moderate", "high"),
    ("very_low", "low", "moderate", "high", "very_high"),
    ("very_low", "low", "moderate", "high", "very_high"),
)
"""SP 800-30 Rev. 1, table I-2: likelihood downwards, impact to the right."""
REVIEW_DAYS: Final[Mapping[Level, int]] = {"very_high": 14, "high": 30, "moderate": 90, "low": 180, "very_low": 365}
"""After how many days a risk of this level is looked at again, where nobody names a day. Ours, not a rule of the source."""


def level_of(likelihood: Level, impact: Level) -> Level:
    """The level of a risk: how likely something is, and how much it would hurt."""
    found: Level = _TABLE[LEVELS.index(likelihood)][LEVELS.index(impact)]
    return found


def review_date(level: Level, today: date) -> date:
    """The day on which a risk of this level is looked at again."""
    return today + timedelta(days=REVIEW_DAYS[level])


def risk_id(kind: str, ref: str) -> str:
    """The same for the same source: so that a risk is opened once, whoever finds it again."""
    named = "\0".join((kind, ref))
    return f"r{hashlib.sha256(named.encode('utf-8', 'replace')).hexdigest()[:10]}"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RiskSource(_Model):
    """Where a risk came from.

    Attributes:
        ref: what it is called there: a rule of a sweep, a measure of a baseline, a run, or an id of its own where a person named it.
        about: what the source says of whom it concerns: names of accounts, hosts …, the first twenty.
        count: how many there are.
    """

    kind: SourceKind
    ref: str = Field(min_length=1, max_length=300)
    about: tuple[str, ...] = ()
    count: int = Field(default=0, ge=0)


class Risk(_Model):
    """One risk as it stands.

    Attributes:
        title: the risk in one sentence.
        owner: who answers for it: ``person:ID`` of the estate or ``contact:ID`` of the client; None: nobody yet.
        treatment: None: nobody has decided yet.
        reason: why it is treated so, or was closed.
        assessed: a person has said how likely and how bad it is: sources no longer change that.
    """

    id: str
    title: str = Field(min_length=1, max_length=300)
    detail: str = Field(default="", max_length=2_000)
    remedy: str = Field(default="", max_length=2_000)
    likelihood: Level
    impact: Level
    treatment: Treatment | None = None
    reason: str = Field(default="", max_length=2_000)
    owner: str | None = Field(default=None, pattern=r"^(?:person|contact):[a-z0-9][a-z0-9._-]{0,62}$")
    review_on: date
    source: RiskSource
    assessed: bool = False
    status: Literal["open", "closed", "withdrawn"] = "open"
    opened_at: str = ""
    changed_at: str = ""

    @property
    def level(self) -> Level:
        """How much it weighs."""
        return level_of(self.likelihood, self.impact)

    def overdue(self, today: date) -> bool:
        """Nobody looked at it on the day that was set."""
        return self.status == "open" and self.review_on < today

    def as_dict(self) -> dict[str, Any]:
        """JSON."""
        return {**self.model_dump(mode="json"), "level": self.level}


@dataclass(slots=True)
class Register:
    """All risks of a client, and what happened to each.

    Attributes:
        risks: by id, in the order in which they were opened first.
        history: of each: ``{at, event, by, run, why, set}``, oldest first.
        entries: how many entries the client's tree has of any register.
        erased: how many of them can no longer be read.
    """

    risks: dict[str, Risk] = field(default_factory=dict)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    entries: int = 0
    erased: int = 0

    def open(self) -> list[Risk]:
        """What is open, the heaviest first."""
        return self.sorted(risk for risk in self.risks.values() if risk.status == "open")

    @staticmethod
    def sorted(risks: Iterable[Risk]) -> list[Risk]:
        """The heaviest first; equal ones by the day on which they are due."""
        return sorted(risks, key=lambda one: (-LEVELS.index(one.level), one.review_on, one.title, one.id))


def fold(entries: Iterable[tuple[str, Mapping[str, Any] | None, datetime]], drill: str | None = None) -> Register:
    """The register that entries make.

    Args:
        entries: kind, payload (None: erased) and time, in the order of the tree.
        drill: the run of a drill, whose risks stand in a register of its own; None: the client's.

    Raises:
        JournalCorrupt: an entry is missing, or says what no register can.
    """
    register = Register()
    for event, payload, at in entries:
        index = register.entries
        register.entries += 1
        if payload is None:
            register.erased += 1
            continue
        # Each entry says how many its writer saw. Two writers at once may both see too few, and nobody can see too many.
        if payload["seen"] > index:
            raise JournalCorrupt(f"an entry of the risk register before {rfc3339(at)} is missing")
        if payload["drill"] == drill:
            _apply(register, event, payload, at)
    return register


def _apply(register: Register, event: str, payload: Mapping[str, Any], at: datetime) -> None:
    name, when = str(payload["risk"]), rfc3339(at)
    held = register.risks.get(name)
    if held is None and event != OPENED:
        if register.erased:
            return  # what opened it may be among what was erased
        raise JournalCorrupt(f"the risk {name} was changed at {when} and never opened")
    given = {**payload["set"], "changed_at": when}
    if event in _STATUS:
        given["status"] = _STATUS[event]
    before = held.model_dump(mode="json") if held is not None else {"id": name, "opened_at": when}
    try:
        register.risks[name] = Risk.model_validate({**before, **given})
    except ValidationError as error:
        raise JournalCorrupt(f"the entry of {when} about the risk {name} says what no risk can be") from error
    told = {"at": when, "event": event, "by": payload["by"], "run": payload["run"], "why": payload["why"]}
    register.history.setdefault(name, []).append({**told, "set": dict(payload["set"])})
