"""What a check of backups found, judged: pure, the run's record in, a row for each backup out.

A backup is good only where everything that was asked was answered and holds. What could not be asked is unknown, and what was restored and compared by
nobody is not proven; neither is ever good. A plan is *impossible* when what it stands on cannot do what the plan says: there is nothing to restore, it is older
than what may be lost, or it did not come back as it was.

Source: NIST SP 800-34 Rev. 1, sections 3.4.1 (backups) and 3.5 (testing); CISA's #StopRansomware guide (offline, encrypted backups, tested).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tenantry.clock import parse_rfc3339
from tenantry.disaster.load import KnownBackup, told
from tenantry.disaster.plan import Through

__all__ = ["BackupToCheck", "CheckedBackup", "StandsOn", "checked", "known", "proven"]

State = Literal["good", "wanting", "unknown", "impossible"]
_WORST: Final[Sequence[State]] = ("impossible", "unknown", "wanting", "good")
_LATE: Final = 1.25
"""Of the rhythm: a backup takes its time, and is begun a little later now and then."""


class StandsOn(BaseModel):
    """A system whose recovery stands on the backup."""

    model_config = ConfigDict(extra="forbid")
    plan: str
    system: str
    rpo_seconds: int | None = None


class BackupToCheck(BaseModel):
    """One backup, as the plans say it, and which steps of the run look at it."""

    model_config = ConfigDict(extra="forbid")
    source: str
    through: Through
    systems: list[StandsOn] = Field(min_length=1)
    every_seconds: int
    immutable: bool = Field(description="The plan says that nobody can delete it")
    tested_on: date | None = Field(default=None, description="Last restored and compared, before this run")
    test_every_days: int
    look: str
    restore: str | None = None
    compare: str | None = Field(default=None, description="None: what restores it compares it as well")
    discard: str | None = None


class CheckedBackup(BaseModel):
    """One backup, as it was found."""

    model_config = ConfigDict(extra="forbid")
    source: str
    through: str
    systems: list[StandsOn]
    state: State
    newest_at: datetime | None
    """Moment that the newest good recovery point brings back; None: there is none, or it could not be asked."""
    age_seconds: float | None
    locked_until: datetime | None
    """Until when nobody can delete the newest one; None: nothing shows that."""
    restored: Literal["proven", "not_compared", "failed", "unknown", "not_due"]
    tested_on: date | None
    """This one included."""
    problems: list[str]


def checked(backups: Sequence[BackupToCheck], run: Mapping[str, Any], now: datetime) -> list[CheckedBackup]:
    """How each backup was found, in the order of ``backups``.

    Args:
        run: the run as `Recorded.run` gives it.
        now: what ages are counted to.
    """
    steps = {step["id"]: step for step in run["steps"] if step["item"] is None}
    return [_Judge(one, steps, now).row() for one in backups]


def proven(row: CheckedBackup) -> bool:
    """This run restored it, and it was compared."""
    return row.restored == "proven"


def known(rows: Iterable[Sequence[CheckedBackup]]) -> dict[str, KnownBackup]:
    """What the record knows of each source.

    Args:
        rows: of every check, the newest first. Problems are those of the newest one that looked at the source.
    """
    found: dict[str, KnownBackup] = {}
    for check in rows:
        for row in check:
            before = found.get(row.source)
            tested = row.tested_on if proven(row) else None
            if before is None:
                grave = row.state in ("impossible", "unknown")
                found[row.source] = KnownBackup(tested, tuple(row.problems) if grave else ())
            elif before.tested_on is None and tested is not None:
                found[row.source] = KnownBackup(tested, before.problems)
    return found


class _Judge:
    def __init__(self, backup: BackupToCheck, steps: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
        self._backup = backup
        self._steps = steps
        self._now = now
        self._looked = _step(steps, backup.look)
        self._output: Mapping[str, Any] = self._looked.get("output") or {}

    def row(self) -> CheckedBackup:
        backup = self._backup
        newest, locked = _time(self._output.get("newest_at")), _time(self._output.get("locked_until"))
        age = (self._now - newest).total_seconds() if newest is not None else None
        restored, said = self._restored()
        found = [*self._age(age), *said, *self._rest(locked, restored)]
        state = min((state for state, _ in found), key=_WORST.index, default="good")
        tested = self._now.date() if restored == "proven" else backup.tested_on
        return CheckedBackup(
            source=backup.source,
            through=backup.through,
            systems=backup.systems,
            state=state,
            newest_at=newest,
            age_seconds=age,
            locked_until=locked,
            restored=restored,
            tested_on=tested,
            problems=[text for _, text in found],
        )

    def _age(self, age: float | None) -> Iterator[tuple[State, str]]:
        if self._looked.get("outcome") != "observed":
            yield "unknown", f"it could not be asked for its recovery points: {_why(self._looked)}"
            return
        if age is None:
            yield "impossible", "there is no good recovery point"
            return
        short = [one for one in self._backup.systems if one.rpo_seconds is not None and age > one.rpo_seconds]
        if short:
            names = ", ".join(f"{one.system} ({_told(one.rpo_seconds)})" for one in short)
            yield "impossible", f"its newest good recovery point is {_told(age)} old, and less may be lost of: {names}"
        elif age > self._backup.every_seconds * _LATE:
            every = _told(self._backup.every_seconds)
            yield "wanting", f"its newest good recovery point is {_told(age)} old, and there is to be one every {every}"

    def _restored(self) -> tuple[Any, list[tuple[State, str]]]:
        backup = self._backup
        if backup.restore is None:
            return "not_due", []
        if self._looked.get("outcome") != "observed":
            return "unknown", []  # said already: nobody knows what there would be to restore
        restore = _step(self._steps, backup.restore)
        outcome = restore.get("outcome")
        if outcome == "skipped" and self._output.get("point") is None:
            return "failed", []  # said already: there is nothing to restore
        if outcome == "failed":
            return "failed", [("impossible", f"its test restore failed: {_why(restore)}")]
        if outcome not in ("changed", "already"):
            return "unknown", [("unknown", f"whether it can be restored is not known: {_why(restore)}")]
        if backup.compare is None:
            return "proven", []
        compare = _step(self._steps, backup.compare)
        if compare.get("outcome") == "failed":
            return "failed", [("impossible", f"its test restore did not come back as it was: {_why(compare)}")]
        if compare.get("outcome") != "observed":
            return "unknown", [("unknown", f"what its test restore brought back is not known: {_why(compare)}")]
        output = compare.get("output") or {}
        if output.get("verified") is True:
            return "proven", []
        limits = str(output.get("limits") or "the vendor does not say").rstrip(".")
        return "not_compared", [("wanting", f"it was restored, and nobody compared it: {limits}")]

    def _rest(self, locked: datetime | None, restored: str) -> Iterator[tuple[State, str]]:
        backup = self._backup
        if self._looked.get("outcome") == "observed" and backup.immutable and (locked is None or locked <= self._now):
            yield "wanting", "the plan says that nobody can delete it, and nothing shows that"
        if restored != "proven":
            if backup.tested_on is None:
                yield "wanting", "no restore of it was ever compared"
            elif (self._now.date() - backup.tested_on).days > backup.test_every_days:
                yield "wanting", f"the last restore of it that was compared is of {backup.tested_on.isoformat()}"
        if backup.discard is not None:
            left = _step(self._steps, backup.discard)
            if left.get("outcome") in ("failed", "unknown"):
                yield "wanting", f"what was restored for the test may still be there: {_why(left)}"


def _step(steps: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return steps.get(name, {})


def _why(step: Mapping[str, Any]) -> str:
    error = step.get("error") or {}
    return str(error.get("message") or step.get("note") or "it was not come to").rstrip(".")


def _time(value: Any) -> datetime | None:
    return parse_rfc3339(value) if isinstance(value, str) else None


def _told(seconds: float | None) -> str:
    return told(timedelta(seconds=round(seconds or 0)))
