"""Who got which incident and why, and how its clocks stand: tables of ``alerts.db`` beside the incidents themselves.

An assignment and the incident's person are written in one transaction. The client's record is told afterwards, and what a crash kept from it is
found by ``recorded``. A turn is an assignment's number: `tenantry.triage.choose` needs no other state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from tenantry.alerts.store import AlertStore, Incident, incident_of, micros, moment
from tenantry.sweep.model import SEVERITIES
from tenantry.triage.choose import Choice
from tenantry.triage.clocks import ClockName, SlaClock

__all__ = ["TRIAGE", "Assignment", "Book", "Level", "Standing"]

TRIAGE: Final = "triage"
"""``by`` of what nobody did by hand."""
Level = Literal["", "warned", "breached"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One decision whose an incident is. ``person`` None: nobody's, and ``why`` says why."""

    turn: int
    incident: str
    person: str | None
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A clock as it is kept.

    Attributes:
        warn_at: when somebody is told that it is running out.
        told: of what somebody was told already.
        recorded: the run's record has it as it is.
    """

    incident: str
    clock: SlaClock
    warn_at: datetime
    told: Level
    recorded: bool


class Book:
    """Thread-safe as the store is. Every method may raise RecordError."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store

    # --- whose --------------------------------------------------------------------------------------------------------

    def nobodys(self) -> list[Incident]:
        """Open incidents that nobody has, the oldest first."""
        found = "SELECT * FROM incidents WHERE state = 'open' AND person IS NULL ORDER BY opened_us"
        return [incident_of(row) for row in self._store.rows(found)]

    def turn(self) -> int:
        """Number of the newest assignment."""
        return int(self._store.rows("SELECT coalesce(max(turn), 0) FROM assignments")[0][0])

    def turns(self) -> dict[str, int]:
        """Of each person the number of their last one."""
        rows = self._store.rows("SELECT person, max(turn) FROM assignments WHERE person IS NOT NULL GROUP BY person")
        return {str(row[0]): int(row[1]) for row in rows}

    def loads(self) -> dict[str, int]:
        """Of each person how many open incidents are theirs."""
        rows = self._store.rows(
            "SELECT person, count(*) FROM incidents WHERE state = 'open' AND person IS NOT NULL GROUP BY person"
        )
        return {str(row[0]): int(row[1]) for row in rows}

    def give(self, choices: Sequence[Choice], at: datetime) -> list[Assignment]:
        """Keep what triage chose; one for which somebody was faster stays theirs, and nobody's again for the same reason is not said twice.

        Returns:
            what was new.
        """
        made = []
        with self._store.transaction() as db:
            for choice in choices:
                row = db.execute(
                    "SELECT i.person, (SELECT why FROM assignments a WHERE a.incident = i.id ORDER BY turn DESC LIMIT 1) "
                    "FROM incidents i WHERE i.id = ? AND i.state = 'open'",
                    (choice.incident,),
                ).fetchone()
                if row is None or row[0] is not None or (choice.person is None and row[1] == choice.why):
                    continue
                made.append(_assign(db, choice.incident, choice.person, TRIAGE, choice.why, at, recorded=False))
        return made

    def assign(self, incident: str, person: str, by: str, at: datetime) -> Assignment:
        """Somebody said whose it is, and the client's record has it already. That acknowledges it."""
        with self._store.transaction() as db:
            made = _assign(db, incident, person, by, f"said by {by}", at, recorded=True)
            _stop(db, incident, "acknowledge", at)
        return made

    def of(self, incident: str) -> list[Assignment]:
        """Every decision on an incident, the first one first."""
        rows = self._store.rows("SELECT * FROM assignments WHERE incident = ? ORDER BY turn", incident)
        return [_assignment(row) for row in rows]

    def unrecorded(self, most: int = 500) -> list[Assignment]:
        """Those that the clients' records do not have."""
        rows = self._store.rows("SELECT * FROM assignments WHERE recorded = 0 ORDER BY turn LIMIT ?", most)
        return [_assignment(row) for row in rows]

    def recorded(self, made: Iterable[Assignment]) -> None:
        with self._store.transaction() as db:
            db.executemany("UPDATE assignments SET recorded = 1 WHERE turn = ?", [(one.turn,) for one in made])

    # --- clocks -------------------------------------------------------------------------------------------------------

    def arrived(self, incident: str) -> list[tuple[str, datetime]]:
        """Each severity that an incident's alerts had, and when the first of each came."""
        rows = self._store.rows(
            "SELECT severity, min(received_us) FROM alerts WHERE incident = ? GROUP BY severity ORDER BY 2", incident
        )
        return [(SEVERITIES[row[0]], moment(row[1])) for row in rows]

    def set_clocks(self, incident: str, given: Sequence[tuple[SlaClock, datetime]]) -> None:
        """Keep an incident's clocks, each with when to warn. One that is there is only ever due earlier, and one that has stopped stays as it is."""
        with self._store.transaction() as db:
            for clock, warn_at in given:
                db.execute(
                    "INSERT INTO sla (incident, name, severity, started_us, due_us, warn_us, source) VALUES (?, ?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (incident, name) DO UPDATE SET severity = excluded.severity, started_us = excluded.started_us, "
                    "due_us = excluded.due_us, warn_us = excluded.warn_us, source = excluded.source, recorded = 0 "
                    "WHERE stopped_us IS NULL AND excluded.due_us < due_us",
                    (
                        *(incident, clock.name, clock.severity, micros(clock.started_at), micros(clock.due_at)),
                        *(micros(warn_at), clock.source),
                    ),
                )

    def clocks(self, incident: str | None = None) -> list[Standing]:
        """An incident's; or those of all that are open, and those of closed ones of which somebody has yet to hear, by incident and due time."""
        rows = self._store.rows(
            "SELECT s.* FROM sla s JOIN incidents i ON i.id = s.incident WHERE (?1 IS NULL AND (i.state = 'open' "
            "OR (s.recorded = 0 AND i.run_id IS NOT NULL) OR (s.stopped_us IS NULL AND s.told <> 'breached'))) OR s.incident = ?1 "
            "ORDER BY s.incident, s.due_us",
            incident,
        )
        return [_standing(row) for row in rows]

    def stop(self, incident: str, name: ClockName, at: datetime) -> None:
        """A clock stops, once: what it waited for happened then."""
        with self._store.transaction() as db:
            _stop(db, incident, name, at)

    def told(self, one: Standing, level: Level) -> None:
        """Somebody is told of it."""
        with self._store.transaction() as db:
            db.execute("UPDATE sla SET told = ? WHERE incident = ? AND name = ?", (level, one.incident, one.clock.name))

    def clocks_recorded(self, given: Iterable[Standing]) -> None:
        """The runs' records have these as they were read."""
        with self._store.transaction() as db:
            db.executemany(
                "UPDATE sla SET recorded = 1 WHERE incident = ? AND name = ? AND due_us = ? AND stopped_us IS ?",
                [
                    (
                        *(one.incident, one.clock.name, micros(one.clock.due_at)),
                        None if one.clock.stopped_at is None else micros(one.clock.stopped_at),
                    )
                    for one in given
                ],
            )


def _assign(
    db: sqlite3.Connection, incident: str, person: str | None, by: str, why: str, at: datetime, *, recorded: bool
) -> Assignment:
    made = db.execute(
        "INSERT INTO assignments (incident, person, by, why, at_us, recorded) VALUES (?, ?, ?, ?, ?, ?)",
        (incident, person, by, why, micros(at), recorded),
    )
    if person is not None:
        db.execute("UPDATE incidents SET person = ? WHERE id = ?", (person, incident))
    return Assignment(int(made.lastrowid or 0), incident, person, by, why, at)


def _stop(db: sqlite3.Connection, incident: str, name: ClockName, at: datetime) -> None:
    db.execute(
        "UPDATE sla SET stopped_us = ?, recorded = 0 WHERE incident = ? AND name = ? AND stopped_us IS NULL",
        (micros(at), incident, name),
    )


def _assignment(row: sqlite3.Row) -> Assignment:
    return Assignment(row["turn"], row["incident"], row["person"], row["by"], row["why"], moment(row["at_us"]))


def _standing(row: sqlite3.Row) -> Standing:
    stopped = moment(row["stopped_us"]) if row["stopped_us"] is not None else None
    clock = SlaClock(
        *(cast("ClockName", row["name"]), row["severity"], moment(row["started_us"]), moment(row["due_us"])),
        *(row["source"], stopped),
    )
    return Standing(row["incident"], clock, moment(row["warn_us"]), row["told"], bool(row["recorded"]))
