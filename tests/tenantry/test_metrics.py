"""Metrics: what the record says, as Prometheus's own parser reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tenantry.clock import rfc3339
from tenantry.journal import Event, Record
from tenantry.journal.entry import build
from tenantry.metrics import BUCKETS, Counters, Observed, render

T0 = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


class Log:
    """A record made by hand."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.live: set[str] = set()

    def add(
        self, event: str, at: float, run: str | None = "r1", payload: dict[str, Any] | None = None, **more: Any
    ) -> None:
        made = Event(event, payload or {}, run, more.get("step"), 1, more.get("outcome"), ("bec", "1") if run else None)
        entry = build(
            made,
            tree="t",
            seq=len(self.records),
            entry_id=str(len(self.records)),
            ts=rfc3339(T0 + timedelta(seconds=at)),
            mono_us=0,
            payload_digest="",
            prev="",
        )
        self.records.append(Record(entry, made.payload))

    def seen(
        self, at: float = 100.0, counters: Counters | None = None
    ) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        observed = Observed()
        observed.catch_up(["acme"], lambda _, after: [r for r in self.records if r.entry.seq > after])
        text = render(T0 + timedelta(seconds=at), observed, self.live.__contains__, counters)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_runs_by_status() -> None:
    log = Log()
    for run, events in {
        "r1": [("run.attempt", None), ("run.ended", "completed")],
        "r2": [("run.attempt", None), ("run.stopped", "waiting_for_approval")],
        "r3": [("run.attempt", None)],
        "r4": [("run.attempt", None)],
        "r5": [],
    }.items():
        log.add("run.created", 0, run)
        for event, outcome in events:
            log.add(event, 10, run, outcome=outcome)
    log.live.add("r3")
    seen = log.seen()
    assert {
        status: seen.get(of("tenantry_runs", runbook="bec", status=status)) for status in ("completed", "running")
    } == {
        "completed": 1,
        "running": 1,
    }
    assert seen[of("tenantry_runs", runbook="bec", status="interrupted")] == 2
    assert seen[of("tenantry_run_oldest_seconds", status="waiting_for_approval")] == 90
    assert seen[of("tenantry_run_oldest_seconds", status="interrupted")] == 100
    assert seen[of("tenantry_run_attempts_total")] == 4


def test_a_run_that_was_taken_over_is_a_lease_lost() -> None:
    log = Log()
    log.add("run.created", 0)
    log.add("run.attempt", 1)
    log.add("run.attempt", 20)  # the first never stopped
    log.add("run.stopped", 21, outcome="waiting_for_approval")
    log.add("run.attempt", 30)
    assert log.seen()[of("tenantry_lease_losses_total")] == 1


def test_step_times() -> None:
    log = Log()
    log.add("run.created", 0)
    for took in (0.04, 0.25, 0.3, 4000.0):
        started = rfc3339(T0 + timedelta(seconds=5000 - took))
        log.add("step.outcome", 5000, payload={"started_at": started}, step="s", outcome="changed")
    seen = log.seen(6000)
    labels = {"runbook": "bec", "outcome": "changed"}
    assert seen[of("tenantry_step_seconds_bucket", le="0.05", **labels)] == 1
    assert seen[of("tenantry_step_seconds_bucket", le="0.25", **labels)] == 2
    assert seen[of("tenantry_step_seconds_bucket", le="0.5", **labels)] == 3
    assert (
        seen[of("tenantry_step_seconds_bucket", le="+Inf", **labels)]
        == seen[of("tenantry_step_seconds_count", **labels)]
        == 4
    )
    assert abs(seen[of("tenantry_step_seconds_sum", **labels)] - 4000.59) < 1e-6


def test_errors_and_throttling() -> None:
    log = Log()
    assert log.seen()[of("tenantry_step_errors_total", code="throttled")] == 0
    log.add("run.created", 0)
    log.add("step.error", 1, payload={"error": {"code": "throttled", "message": "x"}}, step="s")
    log.add("step.outcome", 1, payload={"error": {"code": "throttled"}}, step="s", outcome="failed")
    log.add("step.outcome", 1, payload={"error": {"code": "sign_in_failed"}}, step="s", outcome="failed")
    seen = log.seen()
    assert seen[of("tenantry_step_errors_total", code="throttled")] == 2
    assert seen[of("tenantry_step_errors_total", code="sign_in_failed")] == 1


def test_the_vault() -> None:
    log = Log()
    log.add("vault.read", 0, None, {"name": "m365/secret"})
    log.add("vault.refused", 0, None, {"why": "out_of_scope"})
    log.add("vault.refused", 1, None, {"why": "out_of_scope", "again": 7})
    seen = log.seen()
    assert seen[of("tenantry_vault_reads_total")] == 1
    assert seen[of("tenantry_vault_refusals_total")] == 8


def test_each_entry_is_taken_once() -> None:
    log = Log()
    observed = Observed()
    asked: list[int] = []

    def tail(_: str, after: int) -> list[Record]:
        asked.append(after)
        return [r for r in log.records if r.entry.seq > after]

    log.add("vault.read", 0, None)
    observed.catch_up(["acme"], tail)
    observed.catch_up(["acme"], tail)
    log.add("vault.read", 0, None)
    observed.catch_up(["acme"], tail)
    assert asked == [-1, 0, 0]
    assert "tenantry_vault_reads_total 2\n" in render(T0, observed, lambda _: False)


def test_what_a_process_counted() -> None:
    counters = Counters()
    counters.add("tenantry_restarts_total", "Processes started again.", process="broker")
    counters.add("tenantry_restarts_total", "Processes started again.", process="broker")
    counters.set("tenantry_queue_oldest_seconds", "Age of the oldest.", 1.5, queue="flow_runs")
    seen = Log().seen(counters=counters)
    assert seen[of("tenantry_restarts_total", process="broker")] == 2
    assert seen[of("tenantry_queue_oldest_seconds", queue="flow_runs")] == 1.5


def test_nothing_of_a_client_is_in_it() -> None:
    log = Log()
    log.add("run.created", 0, "run-id-of-acme", {"tenant": "acme", "params": {"account": "dana@acme.example"}})
    log.add("vault.read", 0, None, {"name": "m365/secret"})
    observed = Observed()
    observed.catch_up(["acme"], lambda _, after: [r for r in log.records if r.entry.seq > after])
    text = render(T0, observed, lambda _: False)
    for word in ("acme", "dana", "m365", "run-id"):
        assert word not in text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_label(text: str) -> None:
    counters = Counters()
    counters.set("tenantry_x", text, 1.0, label=text)
    shown = render(T0, Observed(), lambda _: False, counters)
    assert len([line for line in shown.split("\n") if line.startswith("tenantry_x{")]) == 1


def test_buckets_rise() -> None:
    assert list(BUCKETS) == sorted(set(BUCKETS))
