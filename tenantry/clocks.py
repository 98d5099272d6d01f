"""Notification clocks: ``runbooks/clocks/*.yaml``, and the arithmetic of their deadlines.

A clock file is data that the MSP's lawyer edits: each rule says what a person must have determined, from when, how long,
who tells whom, and where the law says so, with the day on which it was compiled and the day on which a lawyer checked it,
if one has. No clock starts by itself: :func:`start` is given the time of a recorded human determination.

Arithmetic. Hours are elapsed time. Days, business days and months are counted on the tenant's calendar, in its time zone,
and end at the same local time of day as the clock began: never later than a court would count, where the last day runs to
midnight (Regulation (EEC, Euratom) 1182/71, Article 3, https://eur-lex.europa.eu/eli/reg/1971/1182/oj; 17 CFR 201.160).
A month ends on the same day of a later month, or on its last day where there is no such day. Business days leave out
weekends and the file's holidays.
"""

from __future__ import annotations

import calendar
import zoneinfo
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tenantry.errors import InvalidInput, NotFound
from tenantry.places import folders
from tenantry.task import utc
from tenantry.yamlpos import build, load

__all__ = ["Clock", "ClockFile", "Due", "Holidays", "Rule", "Source", "due_at", "find", "load_clocks", "start"]

Determination = Literal["incident", "personal_data", "significant_incident", "material_incident", "ransom_paid"]
"""What a person can have determined: that there is an incident; that personal data are affected; that it is significant or
major by the entity's own law; that it is material to investors; that a ransom was paid."""


def _web(address: str) -> str:
    if not address.startswith("https://"):
        raise ValueError("is not an https address")
    return address


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Model):
    """Where the rule stands."""

    title: str = Field(min_length=1, description="Law and article.")
    url: Annotated[str, AfterValidator(_web)] = Field(description="Where it can be read.")
    compiled_on: date = Field(description="Day on which the rule was written down here (YYYY-MM-DD).")
    checked_on: date | None = Field(
        default=None, description="Day on which the MSP's lawyer compared it with the law; none: nobody has."
    )

    def cite(self) -> str:
        """For the record and for people: where it stands, and how far it can be relied on."""
        checked = f"checked on {self.checked_on.isoformat()}" if self.checked_on else "not checked by a lawyer yet"
        return f"{self.title} ({self.url}; compiled on {self.compiled_on.isoformat()}, {checked})"


class Due(_Model):
    """How long; exactly one."""

    hours: Annotated[int, Field(ge=1, le=87_600)] | None = Field(default=None, description="Elapsed hours.")
    days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(default=None, description="Calendar days.")
    business_days: Annotated[int, Field(ge=1, le=365)] | None = Field(
        default=None, description="Days that are neither weekend nor a holiday of the file."
    )
    months: Annotated[int, Field(ge=1, le=120)] | None = Field(default=None, description="Calendar months.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.hours, self.days, self.business_days, self.months)) != 1:
            raise ValueError("name exactly one of hours, days, business_days and months")
        return self


class Rule(_Model):
    """One deadline."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Unique over all files; shown in the record.")
    starts_on: Determination = Field(description="The determination that starts it.")
    after: str | None = Field(
        default=None, description="Another rule of this file; this one runs from that one's deadline instead."
    )
    due: Due = Field(description="How long it runs.")
    who: str = Field(min_length=1, description="Who must tell whom.")
    what: str = Field(min_length=1, description="What must be told, in plain words.")
    note: str | None = Field(default=None, description="Conditions, exceptions, what happens when it is late.")
    source: Source = Field(description="Where the rule stands.")


class Holidays(_Model):
    """Days that are no business days, besides the weekend."""

    source: Source
    dates: list[date] = Field(min_length=1, description="YYYY-MM-DD")


class ClockFile(_Model):
    """``runbooks/clocks/<regime>.yaml``."""

    regime: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Its name; the file is called so.")
    title: str = Field(min_length=1)
    applies_to: str = Field(min_length=1, description="Who is bound by it, in plain words.")
    weekend: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default=["sat", "sun"], description="Days that are no business days."
    )
    holidays: Holidays | None = None
    clocks: list[Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names: list[str] = []
        for rule in self.clocks:
            if rule.name in names:
                raise ValueError(f"two clocks are called {rule.name}")
            if rule.after is not None and rule.after not in names:
                raise ValueError(f"{rule.name} runs after {rule.after}, which no earlier clock of this file is called")
            names.append(rule.name)
        return self


class Clock(BaseModel):
    """A running clock, as the record and the command line show it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None = None
    source: str
    who: str
    what: str
    determined_by: str


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def load_clocks(where: Sequence[Path] | None = None) -> dict[str, ClockFile]:
    """All regimes by name. An operator's file takes the place of the shipped one of the same name.

    Raises:
        InvalidInput: naming ``file:line``.
    """
    found: dict[str, ClockFile] = {}
    for folder in reversed(where if where is not None else folders("clocks")):
        for path in sorted(folder.glob("*.yaml")):
            document = load(path)
            file = build(ClockFile, document)
            if file.regime != path.stem:
                raise InvalidInput(
                    f"the file is called {path.stem} and its regime {file.regime}",
                    place=document.positions.place(("regime",)),
                )
            found[file.regime] = file
    return found


def find(regimes: Iterable[str], files: dict[str, ClockFile]) -> list[ClockFile]:
    """The named regimes' files.

    Raises:
        NotFound: there is none of that name; a clock that silently does not run is worse than a run that stops.
    """
    found = []
    for regime in regimes:
        if regime not in files:
            raise NotFound(
                f"there is no clock file for the regime {regime!r}",
                remedy=f"Add runbooks/clocks/{regime}.yaml, or take the regime out of the tenant's file.",
            )
        found.append(files[regime])
    return found


def start(
    file: ClockFile, determined: Collection[Determination], at: datetime, *, by: str, time_zone: str = "UTC"
) -> list[Clock]:
    """The clocks that the determinations start.

    Args:
        at: when the person determined it.
        by: who.
        time_zone: the tenant's, IANA.
    """
    zone = zoneinfo.ZoneInfo(time_zone)
    clocks: dict[str, Clock] = {}
    for rule in file.clocks:
        if rule.starts_on not in determined:
            continue
        begins = at
        if rule.after is not None:
            if rule.after not in clocks:
                continue
            begins = clocks[rule.after].due_at
        clocks[rule.name] = Clock(
            name=rule.name,
            started_at=utc(at),
            due_at=due_at(rule.due, begins, zone, weekend=file.weekend, holidays=_dates(file)),
            source=rule.source.cite(),
            who=rule.who,
            what=rule.what,
            determined_by=by,
        )
    return list(clocks.values())


def due_at(
    due: Due,
    begins: datetime,
    zone: zoneinfo.ZoneInfo,
    *,
    weekend: Collection[str] = ("sat", "sun"),
    holidays: Collection[date] = (),
) -> datetime:
    """The deadline, in UTC."""
    begins = utc(begins)
    if due.hours is not None:
        return begins + timedelta(hours=due.hours)
    local = begins.astimezone(zone)
    if due.days is not None:
        day = local.date() + timedelta(days=due.days)
    elif due.months is not None:
        day = _months_later(local.date(), due.months)
    else:
        day = local.date()
        left = due.business_days or 0
        while left:
            day += timedelta(days=1)
            if _DAYS[day.weekday()] not in weekend and day not in holidays:
                left -= 1
    return utc(datetime.combine(day, local.timetz().replace(tzinfo=None), tzinfo=zone))


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _dates(file: ClockFile) -> frozenset[date]:
    return frozenset(file.holidays.dates) if file.holidays else frozenset()
