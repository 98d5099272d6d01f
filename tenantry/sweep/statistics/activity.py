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
_IDS: Final = 3
_HISTORY: Final = 2 * 86_400.0


class Statistics:
    """Gathers activity while a log is read; the checks run at the end.

    Args:
        source: decides which checks make sense.
    """

    def __init__(self, source: Source, spool: Spool) -> None:
        self._source, self._spool = source, spool
        self._rows: dict[tuple[Any, ...], list[Any]] = {}
        self._met: set[str] = set()

    def see(self, event: Event) -> None:
        """Count an event. What the platform does by itself is nobody's activity."""
        if event.system:
            return
        view = event.view
        get = view.get
        key: tuple[Any, ...] = (
            view["actor"],
            get("kind") or "act",
            int(event.time // SLOT),
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
            row = self._rows.get(key)
        except TypeError:  # a list where a name should be: a log may hold anything
            key = tuple(part if isinstance(part, (str, int, type(None))) else str(part) for part in key)
            row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _HELD:
                self.flush()
            self._rows[key] = [1, event.time, event.time, [event.id], view.get("ip"), 1 if view.get("read_only") else 0]
            self._notice(view, event)
            return
        row[0] += 1
        row[1] = min(row[1], event.time)
        row[2] = max(row[2], event.time)
        if len(row[3]) < _IDS:
            row[3].append(event.id)

    def _notice(self, view: dict[str, Any], event: Event) -> None:
        for what in ("protocol", "country", "session"):
            if view.get(what):
                self._met.add(what)
        if view.get("kind") == "sign_in" or event.name in ("MailItemsAccessed", "ConsoleLogin"):
            self._met.add(event.name)
        if event.record.get("managementEvent") is False or event.record.get("eventCategory") == "Data":
            self._met.add("data events")

    def flush(self) -> None:
        """Put what is held aside."""
        for key, (count, first, last, ids, ip, reads) in self._rows.items():
            self._spool.activity((*key[:-1], count, first, last, "\n".join(ids), ip, reads))
        self._rows.clear()

    def finish(self, collector: Collector) -> None:
        """Run the checks."""
        self.flush()
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
        """What this log did not allow to be looked at. Not looked at is not clean."""
        if not result.events_read:
            return [{"check": "all", "why": f"no event of the format {self._source.name} could be read"}]
        found: list[tuple[str, str]] = []
        if intake.files_unreadable or intake.rows_unreadable:
            found.append(
                (
                    "parts of the log",
                    f"{intake.files_unreadable} files and {intake.rows_unreadable} rows could not be read",
                )
            )
        span = (result.last_event or 0) - (result.first_event or 0)
        if span < _HISTORY and self._source.name != "sshd":
            found.append(
                (
                    "first seen network, client, country, region",
                    f"the log covers {span / 3600:.1f} hours: too little past to tell new from usual",
                )
            )
        found.extend(_MISSING[self._source.name](self._met))
        return [{"check": check, "why": why} for check, why in found]


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


_MISSING: Final[dict[str, Callable[[set[str]], list[tuple[str, str]]]]] = {
    "cloudtrail": _cloudtrail,
    "ual": _ual,
    "entra-signin": _sign_ins,
    "entra-audit": _audits,
    "sshd": _sshd,
}
