"""A sweep over a live tenant: facts are read once, each is shown to every check that looks at its kind, and nothing is kept.

Collectors run side by side. One that fails stops none of the others: its checks are reported as not checked, with the reason, and what
came before the failure was looked at all the same.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tenantry.abreast import first_of
from tenantry.errors import (
    BrokerUnavailable,
    CannotCheck,
    JournalCorrupt,
    JournalUnavailable,
    NoProvider,
    TaskDefect,
    TenantryError,
    VaultLocked,
)
from tenantry.run.access import TenantAccess
from tenantry.sweep.attack import both_editions
from tenantry.sweep.check import BaseCheck, Check, Collector, Known, LogCheck, Look
from tenantry.sweep.collect import Collector as Found
from tenantry.sweep.engine import Detections, Seen, ask, correlate
from tenantry.sweep.garbage import few_collections
from tenantry.sweep.logs.values import without
from tenantry.sweep.model import Finding, Sweep, rank
from tenantry.sweep.ranking import ranked
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics import STATISTICS, Statistics

__all__ = ["ENDS_ALL", "Given", "Progress", "Silenced", "said", "sweep_tenant"]

Silenced = Callable[[Finding], Mapping[str, Any] | None]
"""The acceptance that covers a finding, as JSON; None: nothing does."""

_BREATH: Final = 200
"""Facts after which others of this process have their turn, where a collector never waits."""
_ABREAST: Final = 24
"""Collectors that read at the same time. Their requests share the vendor's limits all the same."""
_MOST_REASONS: Final = 5
ENDS_ALL: Final = (JournalUnavailable, JournalCorrupt, VaultLocked, BrokerUnavailable)
"""What is wrong with this machine and not with one secret or service: nothing more can be read, or recorded."""
_SLOT: Final = 3600.0
"""Seconds in which events are counted for the picture."""


def _nothing(finding: Finding) -> None:
    """No finding is accepted."""
    del finding


@dataclass(slots=True)
class Progress:
    """How far a collector is: facts that were looked at so far, and whether it has ended."""

    collector: str
    facts: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Standing:
    """How one check stands."""

    looked_at: int = 0
    failed: bool = False
    why: list[str] = field(default_factory=list)
    unknown: int = 0
    applies: bool = True

    def cannot(self, why: str) -> None:
        """Something could not be judged."""
        self.unknown += 1
        if why not in self.why and len(self.why) < _MOST_REASONS:
            self.why.append(why)


class Given:
    """What collectors are given: the look, and the capabilities that they declare.

    Args:
        needs: those.
        who: reads.
    """

    def __init__(self, access: TenantAccess, look: Look, needs: Sequence[str], who: str) -> None:
        self._access = access
        self._needs = frozenset(needs)
        self._who = who
        self.look = look

    async def capability(self, name: str) -> Any:
        """Of the tenant. Raises TaskDefect where it was not declared."""
        if name not in self._needs:
            raise TaskDefect(f"{self._who} used the capability {name!r} without declaring it")
        return await self._access.capability(name)


async def sweep_tenant(
    access: TenantAccess,
    checks: Sequence[BaseCheck],
    look: Look,
    detections: Mapping[str, Detections] | asyncio.Future[dict[str, Detections]],
    *,
    progress: Callable[[Progress], None] | None = None,
    silenced: Silenced = _nothing,
    scratch: Path | None = None,
) -> Sweep:
    """Look at everything of a tenant that the checks look at. Reads only.

    Args:
        detections: by format of the logs, for those that a `LogCheck` reads; may still be loading while the rest is read.
        progress: called as facts come in.
        silenced: which findings somebody has accepted.
        scratch: folder where rows of logs are put aside; None keeps them in memory.
    """
    by_collector: dict[Collector[Any], list[BaseCheck]] = {}
    for check in checks:
        by_collector.setdefault(check.collect, []).append(check)
    standing = {check.name: _Standing() for check in checks}
    result, found = Sweep("tenant"), Found()
    result.tenant, result.window = access.name, (look.since.timestamp(), look.now.timestamp())
    limit = asyncio.Semaphore(_ABREAST)

    async def one(source: Collector[Any], asked: list[BaseCheck]) -> None:
        reader = _Reader(source, asked, look, standing, found, result, progress, scratch)
        async with limit:
            await reader.read(Given(access, look, source.needs, f"the collector {source.name}"), detections)

    try:
        with few_collections(_OBJECTS):
            async with asyncio.TaskGroup() as group:
                for source, asked in sorted(
                    by_collector.items(), key=lambda item: (not item[0].first, item[0].log is None)
                ):
                    group.create_task(one(source, asked))
    except BaseExceptionGroup as errors:
        raise first_of(errors) from errors
    _finish(result, found, checks, standing, silenced)
    return result


class _Reader:
    """Reads one collector to its end and shows its facts to the checks."""

    def __init__(
        self,
        source: Collector[Any],
        asked: Iterable[BaseCheck],
        look: Look,
        standing: Mapping[str, _Standing],
        found: Found,
        result: Sweep,
        progress: Callable[[Progress], None] | None,
        scratch: Path | None,
    ) -> None:
        self._scratch = scratch
        self._source = source
        self._checks = [check for check in asked if isinstance(check, Check)]
        self._logs = [check for check in asked if isinstance(check, LogCheck)]
        self._look = look
        self._standing = standing
        self._found = found
        self._result = result
        self._progress = progress
        self._at = Progress(source.name)

    async def read(
        self, given: Given, detections: Mapping[str, Detections] | asyncio.Future[dict[str, Detections]]
    ) -> None:
        """Until the collector has nothing more, or cannot go on."""
        log = None
        try:
            for name in self._source.needs:
                await given.capability(name)
        except NoProvider:
            for check in (*self._checks, *self._logs):
                self._standing[check.name].applies = False
            return
        except ENDS_ALL:
            raise
        except TenantryError as error:  # a broken file or a secret that is gone is no reason to look at nothing
            if self._logs and self._source.log is not None:
                self._result.logs[self._source.log] = False
            self._cannot(said(error))
            return
        if self._logs and self._source.log is not None:
            log = _Log(self._source.log, detections, self._found, self._result, self._scratch)
        whole = False
        try:
            await self._all(given, log)
            whole = True
        except (*ENDS_ALL, TaskDefect):
            raise
        except TenantryError as error:
            self._cannot(said(error) + self._after)
        except Exception as error:  # noqa: BLE001  # a defect in one collector must not hide what the others see
            self._cannot(TaskDefect.of(f"the collector {self._source.name}", error).message + self._after)
        finally:
            if log is not None:
                await log.close(self._logs, self._standing, self._look.known, whole=whole)
            self._at.ended = True
            self._tell()

    @property
    def _after(self) -> str:
        return f" (after {self._at.facts} that were looked at)" if self._at.facts else ""

    async def _all(self, given: Given, log: _Log | None) -> None:
        async for fact in self._source.read(given):
            self._at.facts += 1
            if log is not None:
                await log.see(fact, self._look.known)
            for check in self._checks:
                self._show(check, fact)
            if self._at.facts % _BREATH == 0:
                self._tell()
                await asyncio.sleep(0)

    def _show(self, check: Check[Any], fact: Any) -> None:
        standing = self._standing[check.name]
        try:
            for finding in check.evaluate(fact, self._look):
                if not finding.first_seen:
                    finding.first_seen = finding.last_seen = self._look.now.timestamp()
                standing.failed = True
                finding.attack = both_editions(finding.attack)
                self._found.merge(finding)
        except CannotCheck as problem:
            standing.cannot(problem.message)
        except Exception as error:  # noqa: BLE001  # a defect in one check must not hide what the others see
            standing.cannot(TaskDefect.of(check.name, error).message)
        else:
            standing.looked_at += 1

    def _cannot(self, why: str) -> None:
        for check in (*self._checks, *self._logs):
            self._standing[check.name].cannot(why)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._at)


def said(error: TenantryError) -> str:
    """What is wrong with what could not be read, and what helps."""
    return f"{error.message.rstrip('.')}. {error.remedy}".rstrip()


_OBJECTS: Final = 5_000
_EARLY: Final = 1_000
"""Records that are held while the detections are still loading: a vendor's page."""
_EMPTY: Final = "it is not recorded, not kept, or not shown to us, and nothing in it proves nothing"


@dataclass(slots=True)
class _Begun:
    """What a log is looked at with."""

    detections: Detections
    spool: Spool
    statistics: Statistics


class _Log:
    """A vendor's log, as `tenantry.sweep.engine` looks at exported ones.

    What comes while the detections are still loading is held, as far as that is little: a vendor that searches its log for minutes was asked
    at once.
    """

    def __init__(
        self,
        format: str,
        detections: Mapping[str, Detections] | asyncio.Future[dict[str, Detections]],
        found: Found,
        result: Sweep,
        scratch: Path | None,
    ) -> None:
        self.format = format
        self._loading = detections
        self._found = found
        self._result = result
        self._scratch = scratch
        self._early: list[Mapping[str, Any]] = []
        self._begun: _Begun | None = None
        self._density: Counter[int] = Counter()
        self._seen = Seen()
        self._read = 0
        self._unreadable = 0
        self._left_out = 0
        self._first = math.inf
        self._last = -math.inf

    async def see(self, record: Mapping[str, Any], known: Known) -> None:
        """One record, in the vendor's own form."""
        if not record:  # it was left out, and the log is there
            self._left_out += 1
            return
        begun = self._begun
        if begun is None:
            if isinstance(self._loading, asyncio.Future) and not self._loading.done() and len(self._early) < _EARLY:
                self._early.append(record)
                return
            begun = await self._begin(known)
        self._look_at(record, known, begun)

    async def _begin(self, known: Known) -> _Begun:
        """Wait for the detections, and look at what came before them."""
        loaded = await asyncio.shield(self._loading) if isinstance(self._loading, asyncio.Future) else self._loading
        detections, spool = loaded[self.format], Spool(self._scratch)
        begun = self._begun = _Begun(detections, spool, Statistics(detections.source, spool))
        early, self._early = self._early, []
        for record in early:
            self._look_at(record, known, begun)
        return begun

    def _look_at(self, record: Mapping[str, Any], known: Known, begun: _Begun) -> None:
        event = begun.detections.source.event(record)
        if event is None:
            self._unreadable += 1
            self._result.events_unreadable += 1
            return
        if event.id and self._seen.before(event.id):
            self._result.events_repeated += 1
            return
        self._read += 1
        if known.cloud_accounts:
            without(event.view, known.cloud_accounts)
        result = self._result
        result.events_read += 1
        self._first, self._last = min(self._first, event.time), max(self._last, event.time)
        result.first_event = event.time if result.first_event is None else min(result.first_event, event.time)
        result.last_event = event.time if result.last_event is None else max(result.last_event, event.time)
        self._density[int(event.time // _SLOT)] += 1
        ask(begun.detections.rules, event, self._found, begun.spool)
        begun.statistics.see(event)

    async def close(
        self, checks: Sequence[LogCheck], standing: Mapping[str, _Standing], known: Known, *, whole: bool
    ) -> None:
        """Correlate, and tell the checks how they stand.

        Args:
            whole: the log was read to its end.
        """
        begun = self._begun or await self._begin(known)
        self._result.logs[self.format] = whole and self._result.logs.get(self.format, True)
        self._result.density += [(slot * _SLOT, count) for slot, count in sorted(self._density.items())]
        try:
            correlate(begun.detections.rules, self._found, begun.spool, begun.detections.source)
            begun.statistics.finish(self._found)
        finally:
            begun.spool.close()
        if self._read:
            self._result.could_not_check += [
                one | {"check": f"log {self.format}: {one['check']}"}
                for one in begun.statistics.missing(self._last - self._first, alone=False)
            ]
        rules = begun.detections.rules
        mine_here = {rule.key for rule in rules.rules} | {one.described.key for one in rules.correlations}
        hit = set()
        for finding in self._found.findings():
            hit.add(finding.rule)
            if finding.rule in mine_here or finding.rule in STATISTICS.get(self.format, ()):
                finding.source = finding.source or self.format
        left_out = {one["rule"]: one["why"] for one in begun.detections.left_out}
        for check in checks:
            mine = standing[check.name]
            mine.looked_at += self._read
            mine.failed = mine.failed or bool(hit.intersection(check.rules))
            if whole and not (self._read or self._unreadable or self._left_out):
                mine.cannot(f"the log {self.format} holds nothing at all of this time: {_EMPTY}")
            if self._unreadable:
                mine.cannot(f"{self._unreadable} records of the log {self.format} could not be read")
            for rule in check.rules:
                if rule in left_out:
                    mine.cannot(f"the detection {rule} could not be evaluated: {left_out[rule]}")


def _finish(
    result: Sweep,
    found: Found,
    checks: Sequence[BaseCheck],
    standing: Mapping[str, _Standing],
    silenced: Silenced,
) -> None:
    findings: list[Finding] = []
    for finding in found.findings():
        acceptance = silenced(finding)
        if acceptance is None:
            findings.append(finding)
        else:
            result.accepted.append((finding, dict(acceptance)))
    speaking = {finding.rule for finding in findings}
    for check in checks:
        mine = standing[check.name]
        rules = {check.name, *(check.rules if isinstance(check, LogCheck) else ())}
        status = _status(mine, silent=rules.isdisjoint(speaking))
        result.checks.append({"check": check.name, "title": check.title, "status": status, "looked_at": mine.looked_at})
        for why in mine.why:
            times = f" ({mine.unknown} times)" if mine.unknown > 1 and len(mine.why) == 1 else ""
            result.could_not_check.append({"check": check.name, "why": f"{why}{times}"})
    if found.full:
        result.could_not_check.append(
            {"check": "all", "why": "more findings than can be kept: the rest is not reported"}
        )
    findings.sort(key=lambda one: (-rank(one.severity), one.first_seen, one.rule))
    result.findings = findings
    result.entities = ranked(findings, found.behind)
    result.density.sort()


def _status(standing: _Standing, *, silent: bool) -> str:
    if not standing.applies:
        return "not_applicable"
    if standing.failed and not silent:
        return "fail"
    if standing.unknown:
        return "unknown"
    return "accepted" if standing.failed else "pass"
