"""A sweep over log files: read once, ask the rules, then look at what was spooled in order of time."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tenantry.sweep.collect import Collector, brief, told
from tenantry.sweep.garbage import few_collections
from tenantry.sweep.logs.files import Intake, open_all
from tenantry.sweep.logs.values import inner, text
from tenantry.sweep.model import Event, Kin, Sweep, rank
from tenantry.sweep.ranking import ranked
from tenantry.sweep.sigma.correlate import Alert, Correlation, alerts
from tenantry.sweep.sigma.load import load, rule_files
from tenantry.sweep.sigma.rules import Rule, Rules, make_rules
from tenantry.sweep.sources import Source, source
from tenantry.sweep.spool import Hit, Spool
from tenantry.sweep.statistics import Statistics

__all__ = ["Detections", "Seen", "ask", "correlate", "folders", "sweep_logs"]

_GENERATION: Final = 125_000
_OBJECTS: Final = 1_000_000
_NO_LOGS: Final = (".md", ".txt.sha256", ".html", ".pdf", ".png", "result_sign.json")
_SLOT: Final = 60.0
"""Seconds in which events are counted for the picture; twice as many when there are too many of them."""
_MOST_SLOTS: Final = 5000
_HELD: Final = 8192


class Seen:
    """Ids that were met, without growing: the last eighth to quarter of a million. A repetition farther apart is counted twice,
    and still reported once, because findings name an event once."""

    def __init__(self, generation: int = _GENERATION) -> None:
        self._size = generation
        self._new: set[int] = set()
        self._old: set[int] = set()

    def before(self, id: str) -> bool:
        """Whether the id was met already; now it was."""
        mark = hash(id)
        new = self._new
        size = len(new)
        new.add(mark)
        if len(new) == size or mark in self._old:
            return True
        if size + 1 >= self._size:
            self._old, self._new = new, set()
        return False


def folders(format: Source, roots: tuple[Path, ...]) -> tuple[Path, ...]:
    """The folders of detections for a format, in the order in which ids are taken.

    Args:
        roots: ``runbooks/detections`` of the operator and ours.
    """
    return tuple(path for root in roots if (path := root / format.folder).is_dir())


@dataclass(frozen=True, slots=True)
class Detections:
    """Rules that were loaded for one format; may be used for many sweeps."""

    source: Source
    rules: Rules
    left_out: tuple[dict[str, str], ...]

    @classmethod
    def kept(cls, format: str, roots: tuple[Path, ...], rules: tuple[Path, ...] = ()) -> Detections:
        """As :meth:`load`, once for as long as no file of the folders changes: who sweeps many tenants loads the same rules for each."""
        return _kept(format, roots, rules, _stamp((*folders(source(format), roots), *rules)))

    @classmethod
    def load(cls, format: str, roots: tuple[Path, ...], rules: tuple[Path, ...] = ()) -> Detections:
        """Load and compile.

        Args:
            format: a key of :data:`tenantry.sweep.sources.FORMATS`.
            roots: folders of detections, the operator's first.
            rules: more folders of Sigma rules.

        Raises:
            InvalidInput: no such format or folder.
        """
        chosen = source(format)
        loaded = load(chosen, folders(chosen, roots), rules)
        made = make_rules(loaded, chosen)
        return cls(chosen, made, tuple(sorted(loaded.left_out, key=lambda one: one["rule"])))


def _stamp(folders: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    """Which files rules are read from, and as of when."""
    found = []
    for folder in folders:
        for path in rule_files(folder):
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


@functools.lru_cache(maxsize=8)
def _kept(
    format: str, roots: tuple[Path, ...], rules: tuple[Path, ...], stamp: tuple[tuple[str, int, int], ...]
) -> Detections:
    del stamp  # part of the question alone
    return Detections.load(format, roots, rules)


def sweep_logs(
    paths: list[Path],
    detections: Detections,
    *,
    scratch: Path | None = None,
    progress: Callable[[Intake], None] | None = None,
) -> Sweep:
    """Sweep log files of one format.

    Args:
        paths: files and folders.
        scratch: where rows are put aside while it runs; None keeps them in memory.
        progress: called as the files are read.

    Raises:
        InvalidInput: a path does not exist.
    """
    chosen, made = detections.source, detections.rules
    intake = Intake(progress=progress, scratch=scratch)
    result = Sweep(chosen.name)
    spool = Spool(scratch)
    try:
        collector, statistics = Collector(), Statistics(chosen, spool)
        with few_collections(_OBJECTS):
            _read(paths, chosen, made, intake, result, collector, statistics, spool)
        correlate(made, collector, spool, chosen)
        statistics.finish(collector)
        _finish(result, collector, statistics, intake)
    finally:
        spool.close()
    result.rules_evaluated = len([rule for rule in made.rules if not rule.silent]) + len(made.correlations)
    result.rules_not_evaluated = list(detections.left_out)
    return result


class _Spread:
    """How many events there were when. Times are counted many at once, which takes a fifth of counting each."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.read = 0
        self.first, self.last = math.inf, -math.inf
        self._slots: Counter[float] = Counter()
        self._slot = _SLOT

    def settle(self) -> None:
        """Count what is held in ``times``."""
        times = self.times
        if not times:
            return
        self.read += len(times)
        self.first, self.last = min(self.first, min(times)), max(self.last, max(times))
        slot = self._slot
        self._slots.update([time // slot for time in times])
        times.clear()
        while len(self._slots) > _MOST_SLOTS:
            self._slot *= 2
            wider: Counter[float] = Counter()
            for number, count in self._slots.items():
                wider[number // 2] += count
            self._slots = wider

    def density(self) -> list[tuple[float, int]]:
        """The beginning of each slot, and its events, in order of time."""
        return [(number * self._slot, count) for number, count in sorted(self._slots.items())]


def _read(
    paths: list[Path],
    chosen: Source,
    made: Rules,
    intake: Intake,
    result: Sweep,
    collector: Collector,
    statistics: Statistics,
    spool: Spool,
) -> None:
    # Everything here is done for each of a hundred million events.
    met = Seen().before
    see, count = statistics.see, statistics.count
    spread = _Spread()
    times = spread.times
    repeated = 0

    def quiet(kin: Kin, id: str, time: float, record: Mapping[str, Any]) -> None:
        """What is done for an event that meets no rule."""
        nonlocal repeated
        if met(id):
            repeated += 1
            return
        times.append(time)
        if len(times) >= _HELD:
            spread.settle()
        count(kin, id, time, record)
        if kin.gives:
            _issued(record, kin.view, collector)

    intake.quiet = quiet
    for stream in open_all(paths, intake, skip=_NO_LOGS, into=chosen.into):
        for event in chosen.read(stream, intake):
            if event.id and met(event.id):
                repeated += 1
                continue
            times.append(event.time)
            if len(times) >= _HELD:
                spread.settle()
            kin = event.kin
            if kin is None or kin.owner is not made or kin.asked or kin.gives:
                ask(made, event, collector, spool)
            see(event)
            if kin is not None:
                kin.quiet, kin.gives = not kin.asked, _gives(event)
    spread.settle()
    result.events_read, result.events_repeated = spread.read, repeated
    if spread.read:
        result.first_event, result.last_event = spread.first, spread.last
    result.density = spread.density()


def ask(made: Rules, event: Event, collector: Collector, spool: Spool) -> None:
    """Ask an event the rules that it may match, and remember whose a session is that it gave."""
    if _gives(event):
        _issued(event.record, event.view, collector)
    for rule in made.matching(event):
        if not rule.silent:
            collector.match(rule, event)
        if rule.feeds:
            facts = brief(event)
            for correlation, part in rule.feeds:
                correlation.keep(part, event, spool, facts)


def _gives(event: Event) -> bool:
    return event.name.startswith("AssumeRole") and not event.system


def _issued(record: Mapping[str, Any], view: Mapping[str, Any], collector: Collector) -> None:
    answer = record.get("responseElements")
    session = text(inner(answer, "credentials", "accessKeyId")) if answer else ""
    if session:
        collector.issued(session, view["actor"])


def correlate(made: Rules, collector: Collector, spool: Spool, chosen: Source) -> None:
    """Look at what the correlations counted, when all events were asked."""
    for correlation in made.correlations:
        rule = correlation.described
        for alert in alerts(correlation, spool):
            if not rule.silent:
                kind, name = _entity(correlation, alert, rule, chosen)
                compared = {
                    "from": alert.first,
                    "to": alert.last,
                    "events": alert.count,
                    "most": alert.most,
                    **dict(zip(correlation.names, alert.group, strict=True)),
                }
                if alert.values:
                    compared["values"] = alert.values
                collector.alert(rule, kind, name, alert, compared)
            for outer, part in correlation.feeds:
                _feed(outer, part, correlation, alert.group, alert.hits, spool)


def _entity(correlation: Correlation, alert: Alert, rule: Rule, chosen: Source) -> tuple[str, str]:
    """Whom an alert is about: the field that the rule names, else the first of the group that is an entity, else who
    did the last of its events."""
    named = str(rule.meta.get("entity", ""))
    for name, value in zip(correlation.names, alert.group, strict=True):
        if name == named or (not named and name in chosen.entities):
            return chosen.entities.get(name, "account"), value
    actor = told(alert.hits[-1]).get("actor") if alert.hits else None
    return chosen.entities.get("view.actor", "account"), str(actor or (alert.group[0] if alert.group else "unknown"))


def _feed(
    outer: Correlation, part: int, correlation: Correlation, group: tuple[str, ...], hits: list[Hit], spool: Spool
) -> None:
    """An alert of one correlation counts for another through its events; its own fields are the group's."""
    fields: dict[str, Any] = dict(zip(correlation.names, group, strict=True))
    for hit in hits:
        view = {name.removeprefix("view."): value for name, value in fields.items()}
        record = {name: value for name, value in fields.items() if not name.startswith("view.")}
        outer.keep(part, Event(hit.event, hit.time, "", view, record), spool, hit.brief)


def _finish(result: Sweep, collector: Collector, statistics: Statistics, intake: Intake) -> None:
    result.events_unreadable = intake.rows_unreadable
    result.files = intake.as_dict()
    result.could_not_check = statistics.could_not_check(result, intake)
    if collector.full:
        result.could_not_check.append(
            {"check": "all", "why": "more findings than can be kept: the rest is not reported"}
        )
    found = collector.findings()
    found.sort(key=lambda one: (-rank(one.severity), one.first_seen, one.rule))
    result.findings = found
    result.entities = ranked(found, collector.behind)
