"""The rules of the server's own reader, written again here: what it would drop or move must not be there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.export_timesketch import MAX_BYTES, export


def read(timeline: Timeline) -> list[dict[str, Any]]:
    out = BytesIO()
    count = export(timeline, out)
    rows = [json.loads(line) for line in out.getvalue().decode().splitlines()]
    assert len(rows) == count == len(list(timeline.events))
    return rows


def check(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row["message"]
        assert row["timestamp_desc"]
        at = datetime.fromisoformat(row["datetime"])
        assert at.utcoffset() == timedelta(0)
        assert type(row["timestamp"]) is int
        assert row["timestamp"] == round(at.timestamp() * 1_000_000)
        assert not any(name.startswith("_") for name in row)
        assert all(isinstance(tag, str) and "," not in tag for tag in row["tag"])
        assert all(len(v.encode("utf-8", "replace")) <= MAX_BYTES for v in row.values() if isinstance(v, str))
        assert not any(c in row["message"] for c in "\r\n\x00")
    types = [{name: type(value) for name, value in row.items()} for row in rows]
    assert all(kinds == types[0] for kinds in types)


def test_the_servers_rules(timeline: Timeline) -> None:
    rows = read(timeline)

    check(rows)
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert rows[0]["timestamp_desc"] == "Attacker activity, time of the Entra ID sign-in log"
    assert rows[0]["timestamp"] == 1_795_050_544_250_000
    assert rows[0]["tag"] == ["attacker", "attributed", "T1078.004"]
    assert {"leaf", "seq", "actor", "target", "outcome", "run_id", "tenant"} <= set(rows[0])


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(), min_size=1, max_size=80))
@example(text="x" * 70_000)
@example(text="日" * 20_000)
def test_hostile_text_breaks_no_rule(hostile: Callable[[str], Timeline], text: str) -> None:
    check(read(hostile(text)))
