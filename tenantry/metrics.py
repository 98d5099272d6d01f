"""What Prometheus is told: a pure function of the record and of what a process counted.

`Observed` takes in the record's entries, each once, and holds sums; `render` writes them as text
(https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format, version 0.0.4). No figure here names a client, a
person, a target or a secret: labels are runbooks, statuses, outcomes and codes of errors.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.journal import Record
from tenantry.run.state import Status

__all__ = ["BUCKETS", "CONTENT_TYPE", "Counters", "Observed", "render"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds in seconds: from a read to a change that a vendor takes minutes to show."""

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Run:
    runbook: str
    status: Status
    since: datetime
    attempts: int = 0


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    sum: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class Observed:
    """Sums over the record. Fed with each tenant's entries in order, it needs none of them again."""

    def __init__(self) -> None:
        self._after: dict[str, int] = {}
        self._runs: dict[str, _Run] = {}
        self._steps: dict[tuple[str, str], _Histogram] = {}
        self._errors: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._lost = 0
        self._waits: Counter[str] = Counter()
        self._waited: Counter[str] = Counter()

    def catch_up(self, tenants: Iterable[str], tail: Callable[[str, int], Iterable[Record]]) -> None:
        """Take in what was recorded since the last time.

        Args:
            tail: tenant, sequence number → the records after it, in order (`Journal.tail`).
        """
        for tenant in tenants:
            for record in tail(tenant, self._after.get(tenant, -1)):
                self.take(record)
                self._after[tenant] = record.entry.seq

    def take(self, record: Record) -> None:
        """One more record."""
        fields, event = record.entry.fields, record.event
        run_id = fields["run_id"]
        if event in _COUNTED:
            # A refusal that stands for others says for how many.
            self._events[event] += int(record.data.get("again", 1)) if event == "vault.refused" else 1
        if run_id is None:
            return
        run = self._runs.get(run_id)
        if event == "run.created":
            name = fields["flow"]["name"] if fields["flow"] else ""
            self._runs[run_id] = _Run(name, Status.INTERRUPTED, record.at)
        elif run is None:
            return
        elif event == "run.attempt":
            # The one before did not stop by itself: its process died, or lost the lease.
            self._lost += run.status is Status.RUNNING
            run.status, run.since, run.attempts = Status.RUNNING, record.at, run.attempts + 1
        elif event in ("run.stopped", "run.ended"):
            run.status, run.since = _status(record.outcome, run.status), record.at
        elif event == "step.outcome":
            self._outcome(run, record)
        elif event == "step.error":
            self._error(record)

    def _outcome(self, run: _Run, record: Record) -> None:
        self._error(record)
        throttled = record.data.get("throttled")
        if isinstance(throttled, Mapping):
            self._waits[run.runbook] += int(throttled["times"])
            self._waited[run.runbook] += round(1000 * float(throttled["seconds"]))
        started = record.data.get("started_at")
        if isinstance(started, str):
            key = (run.runbook, record.outcome or "")
            seconds = (record.at - parse_rfc3339(started)).total_seconds()
            self._steps.setdefault(key, _Histogram()).add(max(0.0, seconds))

    def _error(self, record: Record) -> None:
        error = record.data.get("error")
        if isinstance(error, Mapping):
            self._errors[str(error.get("code", "error"))] += 1

    def families(self, now: datetime, live: Callable[[str], bool]) -> Iterable[_Family]:
        """Args:
        live: whether a process owns the run now (`Journal.live`).
        """
        runs: Counter[Labels] = Counter()
        oldest: dict[str, float] = {status.value: 0.0 for status in _OPEN}
        for run_id, run in self._runs.items():
            status = run.status
            if status is Status.RUNNING and not live(run_id):
                status = Status.INTERRUPTED
            runs[(("runbook", run.runbook), ("status", status.value))] += 1
            if status in _OPEN:
                oldest[status.value] = max(oldest[status.value], (now - run.since).total_seconds())
        yield _Family("tenantry_runs", "gauge", "Runs in the record, by status.", dict(runs))
        yield _Family(
            "tenantry_run_oldest_seconds",
            "gauge",
            "How long the run that has been in an open status longest is in it.",
            {(("status", status),): seconds for status, seconds in oldest.items()},
        )
        yield _Family(
            "tenantry_run_attempts_total", "counter", "Times a process began to carry a run.", {(): self._attempts}
        )
        yield _Family(
            "tenantry_lease_losses_total",
            "counter",
            "Times a run was taken over from a process that died or lost its lease.",
            {(): self._lost},
        )
        yield _histograms(self._steps)
        yield _Family(
            "tenantry_step_errors_total",
            "counter",
            "Errors of steps, by code; throttled: a vendor asked to wait longer than the step could.",
            {(("code", code),): count for code, count in self._errors.items()} or {(("code", "throttled"),): 0},
        )
        yield _Family(
            "tenantry_throttled_total",
            "counter",
            "Times a vendor that throttles had a step wait.",
            {(("runbook", name),): count for name, count in self._waits.items()},
        )
        yield _Family(
            "tenantry_throttled_seconds_total",
            "counter",
            "How long vendors that throttle had steps wait.",
            {(("runbook", name),): count / 1000 for name, count in self._waited.items()},
        )
        for event, (name, text) in _COUNTED.items():
            yield _Family(name, "counter", text, {(): self._events[event]})

    @property
    def _attempts(self) -> int:
        return sum(run.attempts for run in self._runs.values())


class Counters:
    """What a process counts that no record holds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, Labels], float] = {}
        self._about: dict[str, tuple[str, str]] = {}

    def add(self, name: str, about: str, by: float = 1.0, **labels: str) -> None:
        """Count ``by`` more; ``name`` ends in ``_total``."""
        with self._lock:
            self._about[name] = ("counter", about)
            key = (name, tuple(sorted(labels.items())))
            self._values[key] = self._values.get(key, 0.0) + by

    def set(self, name: str, about: str, value: float, **labels: str) -> None:
        """What is so now."""
        with self._lock:
            self._about[name] = ("gauge", about)
            self._values[name, tuple(sorted(labels.items()))] = value

    def families(self) -> Iterable[_Family]:
        with self._lock:
            about, values = dict(self._about), dict(self._values)
        for name, (kind, text) in about.items():
            yield _Family(name, kind, text, {labels: value for (of, labels), value in values.items() if of == name})


@dataclass(frozen=True, slots=True)
class _Family:
    name: str
    kind: str
    about: str
    samples: Mapping[Any, float]
    """Labels → value; for a histogram (suffix, labels) → value."""


_OPEN: Final = (Status.RUNNING, Status.WAITING, Status.INTERRUPTED, Status.PAUSED)

_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    "vault.read": ("tenantry_vault_reads_total", "Secrets opened."),
    "vault.key": ("tenantry_vault_keys_total", "Keys of record or evidence that the broker handed out."),
    "vault.refused": ("tenantry_vault_refusals_total", "Requests that the broker refused."),
    "approval.refused": ("tenantry_approval_refusals_total", "Answers of people that were refused."),
    "people.locked": ("tenantry_people_locked_total", "Times a person was locked out."),
    "clock.stepped_back": ("tenantry_clock_steps_back_total", "Times the clock of the machine stepped back."),
    "record.restored": ("tenantry_restores_total", "Entries that say that a record was restored."),
}


def render(now: datetime, observed: Observed, live: Callable[[str], bool], counters: Counters | None = None) -> str:
    """The whole text of one answer.

    Args:
        live: whether a process owns the run now.
    """
    lines: list[str] = []
    for family in (*observed.families(now, live), *(counters.families() if counters is not None else ())):
        lines += [f"# HELP {family.name} {_escaped(family.about, quote=False)}", f"# TYPE {family.name} {family.kind}"]
        for key, value in family.samples.items():
            suffix, labels = key if family.kind == "histogram" else ("", key)
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            lines.append(f"{family.name}{suffix}{'{' + shown + '}' if shown else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _histograms(steps: Mapping[tuple[str, str], _Histogram]) -> _Family:
    samples: dict[Any, float] = {}
    for (runbook, outcome), histogram in steps.items():
        labels: Labels = (("outcome", outcome), ("runbook", runbook))
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), histogram.counts, strict=True):
            total += count
            samples["_bucket", (*labels, ("le", bound))] = total
        samples["_sum", labels] = histogram.sum
        samples["_count", labels] = total
    return _Family("tenantry_step_seconds", "histogram", "From a step's beginning to its recorded outcome.", samples)


def _status(outcome: str | None, otherwise: Status) -> Status:
    try:
        return Status(outcome or "")
    except ValueError:
        return otherwise


def _escaped(text: str, *, quote: bool = True) -> str:
    found = text.replace("\\", "\\\\").replace("\n", "\\n")
    return found.replace('"', '\\"') if quote else found


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
