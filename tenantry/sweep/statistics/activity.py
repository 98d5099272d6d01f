"""Who did what, from where, with what, in slots of ten minutes: the rows that all statistical checks read.

Each check names the kin that it could look at, a question about a small table; rows of all others are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.logs.files import Intake
from tenantry.sweep.model import Event, Kin, Sweep
from tenantry.sweep.sources import Source
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics import access, places, sessions, signins, volume

__all__ = ["SLOT", "Statistics"]

SLOT: Final = 600
"""Seconds."""
_HELD: Final = 5_000
_MOST_NUMBERS: Final = 20_000
_IDS: Final = 3
_HISTORY: Final = 2 * 86_400.0


class Statistics:
    """Gathers activity while a log is read; the checks run at the end.

    Args:
        source: decides which checks make sense.
    """

    def __init__(self, source: Source, spool: Spool) -> None:
        self._source, self._spool = source, spool
        self._rows: list[list[Any]] = []
        self._open: dict[int, list[Any]] = {}
        self._numbers: dict[int, int] = {}
        self._next = 1
        self._met: set[str] = set()
        self._data = False

    def see(self, event: Event) -> None:
        """Count an event. What the platform does by itself is nobody's activity."""
        kin = event.kin
        if kin is not None:
            if kin.number is None:
                kin.number = self._number(event)
            self.count(kin, event.id, event.time, event.record)
            return
        number = self._number(event)
        if not number:
            return
        row, slot = self._open.get(number), event.time // SLOT
        if row is not None and row[1] == slot:
            _add(row, event.id, event.time)
        else:
            self._open[number] = self._row(number, slot, event.id, event.time, event.view.get("ip"), event.record)
            self._notice(event)

    def count(self, kin: Kin, id: str, time: float, record: Mapping[str, Any]) -> None:
        """Count an event of a kin that was met."""
        row, slot = kin.row, time // SLOT
        if row is not None and row[1] == slot:
            # As `_add`, which is not called for each of a hundred million events.
            if row[2] < _IDS:
                row[5] += "\n" + id
            row[2] += 1
            if time < row[3]:
                row[3] = time
            if time > row[4]:
                row[4] = time
        elif kin.number:
            kin.row = self._row(kin.number, slot, id, time, kin.view.get("ip"), record)

    def _row(self, number: int, slot: float, id: str, time: float, ip: Any, record: Mapping[str, Any]) -> list[Any]:
        """A new row: the columns of the spool's table ``slot``, so that nothing is copied when they are put aside. A log that is not in order
        of time has several for one slot."""
        if len(self._rows) >= _HELD:
            self.flush()
        row = [number, slot, 1, time, time, id, ip]
        self._rows.append(row)
        if not self._data:
            self._data = record.get("eventCategory") == "Data" or record.get("managementEvent") is False
        return row

    def _number(self, event: Event) -> int:
        """The number of what an event is counted under; 0 for what the platform does by itself."""
        if event.system:
            return 0
        activity = _activity(event)
        mark = hash(activity)  # of each account another: the words themselves stand in the spool
        known = self._numbers.get(mark)
        if known is not None:
            return known
        if len(self._numbers) >= _MOST_NUMBERS:
            self._numbers.clear()
            self._open.clear()
        number = self._numbers[mark] = self._next
        self._next += 1
        self._spool.kin(number, activity[:-1])
        self._notice(event)
        return number

    def _notice(self, event: Event) -> None:
        view = event.view
        for what in ("protocol", "country", "session"):
            if view.get(what):
                self._met.add(what)
        if view.get("kind") == "sign_in" or event.name in ("MailItemsAccessed", "ConsoleLogin"):
            self._met.add(event.name)

    def flush(self) -> None:
        """Put what is held aside."""
        self._spool.slots(self._rows)
        for row in self._rows:
            row[1] = None  # whoever still holds it begins another
        self._rows.clear()
        self._open.clear()

    def finish(self, collector: Collector) -> None:
        """Run the checks."""
        self.flush()
        if self._data:
            self._met.add("data events")
        checks = self._checks()
        self._spool.choose(kin for kin, _ in checks)
        for _, check in checks:
            check(self._spool, collector)

    def _checks(self) -> list[tuple[str, Callable[[Spool, Collector], None]]]:
        """The checks that make sense for this log, with the kin that each looks at."""
        name = self._source.name
        found: list[tuple[str, Callable[[Spool, Collector], None]]] = []
        if name == "cloudtrail":
            found += [(access.KIN, access.check), (places.IN_REGIONS, places.check_regions)]
        if name != "sshd":
            found.append((places.MOVED, partial(places.check_combinations, format=name)))
            found.append((sessions.KIN, partial(sessions.check, format=name)))
        if name in ("entra-signin", "ual"):
            found += [(places.SIGNED_IN, places.check_travel), (signins.KIN, signins.check)]
        if name == "ual":
            found.append((volume.KIN, volume.check))
        return found

    def could_not_check(self, result: Sweep, intake: Intake) -> list[dict[str, str]]:
        """What files did not allow to be looked at. Not looked at is not clean."""
        if not result.events_read:
            return [{"check": "all", "why": f"no event of the format {self._source.name} could be read"}]
        found: list[dict[str, str]] = []
        if intake.files_unreadable or intake.rows_unreadable:
            why = f"{intake.files_unreadable} files and {intake.rows_unreadable} rows could not be read"
            found.append({"check": "parts of the log", "why": why})
        span = (result.last_event or 0) - (result.first_event or 0)
        return found + self.missing(span, alone=True)

    def missing(self, span: float, *, alone: bool) -> list[dict[str, str]]:
        """What no event of the log said, although it has events.

        Args:
            span: seconds from its first event to its last.
            alone: no other log is looked at, which would have it.
        """
        found: list[tuple[str, str]] = []
        if span < _HISTORY and self._source.name != "sshd":
            found.append(
                (
                    "first seen network, client, country, region",
                    f"the log covers {span / 3600:.1f} hours: too little past to tell new from usual",
                )
            )
        found.extend(one for one in _MISSING[self._source.name](self._met) if alone or one[0] not in _ELSEWHERE)
        return [{"check": check, "why": why} for check, why in found]


def _add(row: list[Any], id: str, time: float) -> None:
    if row[2] < _IDS:
        row[5] += "\n" + id
    row[2] += 1
    row[3], row[4] = min(row[3], time), max(row[4], time)


def _activity(event: Event) -> tuple[Any, ...]:
    """Under what an event is counted, beside the time."""
    view = event.view
    get = view.get
    found = (
        view["actor"],
        get("kind") or "act",
        event.name,
        get("service"),
        get("network"),
        get("client"),
        _place(view) if get("country") else None,
        get("region"),
        get("outcome"),
        get("session"),
        1 if get("read_only") else 0,
        get("ip") if get("kind") == "sign_in" else None,
    )
    try:
        hash(found)
    except TypeError:  # a list where a name should be: a log may hold anything
        return tuple(part if isinstance(part, (str, int, type(None))) else str(part) for part in found)
    return found


def _place(view: dict[str, Any]) -> str | None:
    """Where a sign-in came from, and whether from a machine that the organisation manages."""
    country = view.get("country")
    if not country:
        return None
    managed = "|managed" if view.get("managed") else ""
    return f"{country}|{view.get('latitude') or ''}|{view.get('longitude') or ''}{managed}"


def _cloudtrail(met: set[str]) -> list[tuple[str, str]]:
    if "data events" in met:
        return []
    return [
        (
            "reads and deletions of objects, invocations of functions",
            "the log has no data events: the trail does not record them",
        )
    ]


def _ual(met: set[str]) -> list[tuple[str, str]]:
    found = []
    if "MailItemsAccessed" not in met:
        found.append(
            ("which mail was read", "the log has no MailItemsAccessed: not exported, or the licence does not record it")
        )
    if "UserLoggedIn" not in met:
        found.append(("sign-ins", "the log has no sign-ins: sweep Entra's sign-in log too"))
    return found


def _sign_ins(met: set[str]) -> list[tuple[str, str]]:
    found = []
    if "protocol" not in met:
        found.append(
            (
                "device code and password grants",
                "the export has no authenticationProtocol: it came from Graph v1.0, beta has it",
            )
        )
    if "country" not in met:
        found.append(("countries and travel", "the export has no locations"))
    return found


def _audits(met: set[str]) -> list[tuple[str, str]]:
    del met
    return [("sign-ins and mail", "an audit log has neither: sweep the sign-in log and the unified audit log too")]


def _sshd(met: set[str]) -> list[tuple[str, str]]:
    del met
    return []


_ELSEWHERE: Final = frozenset({"sign-ins", "sign-ins and mail"})
"""What Microsoft's other logs have."""
_MISSING: Final[dict[str, Callable[[set[str]], list[tuple[str, str]]]]] = {
    "cloudtrail": _cloudtrail,
    "ual": _ual,
    "entra-signin": _sign_ins,
    "entra-audit": _audits,
    "sshd": _sshd,
}
