"""Number, priority and age for each client and person, as a list and as figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tenantry.alerts.store import Incident
from tenantry.triage.book import Standing
from tenantry.triage.clocks import SlaClock
from tenantry.triage.queue import queue, queue_text

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ONE = Incident("i", "acme", "open", "high", NOW, NOW, 1, None, None, None, None, True, None, None)
OPEN = [
    replace(ONE, id="1", opened=NOW - timedelta(minutes=30), person="ann.lee"),
    replace(ONE, id="2", severity="critical", opened=NOW - timedelta(minutes=5), run_id="r"),
    replace(ONE, id="3", tenant="globex", opened=NOW - timedelta(minutes=10), person="ann.lee"),
]


def test_a_line_for_each_client_and_each_person() -> None:
    assert [(one.kind, one.of, one.told()) for one in queue(OPEN, NOW)] == [
        ("client", "acme", "2 open (1 critical, 1 high), the oldest 30 min, 1 without a run"),
        ("client", "globex", "1 open (1 high), the oldest 10 min, 1 without a run"),
        ("person", "ann.lee", "2 open (2 high), the oldest 30 min, 2 without a run"),
        ("person", "nobody yet", "1 open (1 critical), the oldest 5 min, 0 without a run"),
    ]
    assert queue([], NOW) == []


def test_figures_in_all_and_of_each_client_and_person() -> None:
    clock = SlaClock("contain", "high", NOW - timedelta(hours=2), NOW - timedelta(hours=1), "s")
    text = queue_text(OPEN, [Standing("1", clock, NOW, "", False)], NOW)
    assert 'tenantry_alert_incidents{severity="high",taken="yes"} 2\n' in text
    assert 'tenantry_alert_incidents{severity="critical",taken="no"} 1\n' in text
    assert 'tenantry_alert_incident_oldest_seconds{severity="high"} 1800\n' in text
    assert 'tenantry_alert_clocks_overdue{clock="contain"} 1\n' in text
    queued = {line for line in text.splitlines() if line.startswith("tenantry_alert_queue{")}
    assert queued == {
        'tenantry_alert_queue{of="client",name="acme",severity="critical"} 1',
        'tenantry_alert_queue{of="client",name="acme",severity="high"} 1',
        'tenantry_alert_queue{of="client",name="globex",severity="high"} 1',
        'tenantry_alert_queue{of="person",name="ann.lee",severity="high"} 2',
        'tenantry_alert_queue{of="person",name="nobody yet",severity="critical"} 1',
    }
    assert 'tenantry_alert_queue_oldest_seconds{of="client",name="acme"} 1800\n' in text
    assert 'tenantry_alert_queue_oldest_seconds{of="person",name="nobody yet"} 300\n' in text
    assert 'tenantry_alert_queue_waiting{of="client",name="acme"} 1\n' in text
    assert 'tenantry_alert_queue_waiting{of="person",name="ann.lee"} 2\n' in text


def test_an_empty_queue_has_figures_of_nobody() -> None:
    text = queue_text([], [], NOW)
    assert "# TYPE tenantry_alert_queue gauge\n" in text
    assert "name=" not in text
