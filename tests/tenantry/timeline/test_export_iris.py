"""The rules of DFIR-IRIS' import, as its server applies them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from io import BytesIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.export_iris import CATEGORIES, COLUMNS, export
from tenantry.timeline.model import Lane

SERVER_HAS = {
    *("Unspecified", "Legitimate", "Remediation", "Initial Access", "Execution", "Persistence"),
    *("Privilege Escalation", "Defense Evasion", "Credential Access", "Discovery", "Lateral Movement"),
    *("Collection", "Command and Control", "Exfiltration", "Impact"),
}
"""Event categories of a new installation."""


def imported(timeline: Timeline) -> list[dict[str, str]]:
    """Read as the server reads: split into lines first, then as CSV; then its checks."""
    out = BytesIO()
    assert export(timeline, out) == len(list(timeline.events))
    rows = list(csv.DictReader(out.getvalue().decode("utf-8").splitlines(), delimiter=","))
    for row in rows:
        assert list(row) == list(COLUMNS)
        assert None not in row.values()
        assert len(row["event_title"]) >= 2
        assert row["event_category"] in SERVER_HAS
        assert datetime.strptime(row["event_date"], "%Y-%m-%dT%H:%M:%S.%f")  # noqa: DTZ007  # as the server does
        assert datetime.fromisoformat(row["event_date"] + row["event_tz"]).utcoffset() is not None
        assert row["event_assets"] == row["event_iocs"] == ""  # what the case does not have yet is refused
        assert "," not in row["event_tags"]
        assert json.loads(row["event_raw"])
    return rows


def test_every_event_is_a_row(timeline: Timeline) -> None:
    events = list(timeline.events)
    rows = imported(timeline)
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        assert datetime.fromisoformat(row["event_date"] + row["event_tz"]) == event.at
        assert {event.lane.value, event.certainty, *event.techniques} <= set(row["event_tags"].split("|"))
        assert event.leaf in row["event_content"]
        assert event.target in row["event_content"]
        assert json.loads(row["event_raw"])["source"] == event.source


def test_categories(timeline: Timeline) -> None:
    assert set(CATEGORIES.values()) <= SERVER_HAS
    for row, event in zip(imported(timeline), timeline.events, strict=True):
        if event.kind == "changed":
            assert row["event_category"] == "Remediation"
        if event.lane is Lane.ATTACKER and event.kind == "sign_in":
            assert row["event_category"] == "Initial Access"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=st.text(st.characters(), max_size=120) | st.sampled_from(["=cmd|'/c calc'!A1", "a\u2028b\x1cc\r\nd", "\n"])
)
def test_hostile_texts_break_no_row(hostile: Callable[[str], Timeline], chosen: str) -> None:
    for row in imported(hostile(chosen)):
        assert not row["event_title"].startswith(("=", "+", "-", "@", "\t"))
        assert not row["event_content"].startswith(("=", "+", "-", "@", "\t"))
