"""Who did what, from where, with what, in slots of ten minutes: the rows that all statistical checks read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.logs.files import Intake
from tenantry.sweep.model import Event, Sweep
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
        self._rows: dict[tuple[float, int], list[Any]] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._next = 1
        self._met: set[str] = set()
        self._data = False

    def see(self, event: Event) -> None:
        """Count an event. What the platform does by itself is nobody's activity."""
        kin = event.kin
        number = None if kin is None else kin.number
        if number is None:
            number = self._number(event)
            if kin is not None:
                kin.number = number
        if not number:
            return
        time = event.time
        key = (time // SLOT, number)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _HELD:
                self.flush()
            get = event.view.get
            # The columns of the spool's table ``slot``, so that nothing is copied when they are put aside.
            self._rows[key] = [number, int(key[0]), 1, time, time, event.id, get("ip"), 1 if get("read_only") else 0]
            if kin is None:
                self._notice(event)
            if not self._data:
                self._data = event.record.get("eventCategory") == "Data" or event.record.get("managementEvent") is False
            return
        if row[2] < _IDS:
            row[5] += "\n" + event.id
        row[2] += 1
        if time < row[3]:
            row[3] = time
        if time > row[4]:
            row[4] = time

    def _number(self, event: Event) -> int:
        """The number of what an event is counted under; 0 for what the platform does by itself."""
        if event.system:
            return 0
        activity = _activity(event)
        known = self._numbers.get(activity)
        if known is not None:
            return known
        if len(self._numbers) >= _MOST_NUMBERS:
            self._numbers.clear()
        number = self._numbers[activity] = self._next
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
        self._spool.slots(self._rows.values())
        self._rows.clear()

    def finish(self, collector: Collector) -> None:
        """Run the checks."""
        self.flush()
        if self._data:
            self._met.add("data events")
        name = self._source.name
        if name == "cloudtrail":
            access.check(self._spool, collector)
            places.check_regions(self._spool, collector)
        if name != "sshd":
            places.check_combinations(self._spool, collector, name)
            sessions.check(self._spool, collector, name)
        if name in ("entra-signin", "ual"):
            places.check_travel(self._spool, collector)
            signins.check(self._spool, collector)
        if name == "ual":
            volume.check(self._spool, collector)

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
        get("ip") if get("kind") == "sign_in" else None,
    )
    try:
        hash(found)
    except TypeError:  # a list where a name should be: a log may hold anything
        return tuple(part if isinstance(part, (str, int, type(None))) else str(part) for part in found)
    return found


def _place(view: dict[str, Any]) -> str | None:
    country = view.get("country")
    if not country:
        return None
    return f"{country}|{view.get('latitude') or ''}|{view.get('longitude') or ''}"


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
