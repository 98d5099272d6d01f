"""What Prefect's database keeps of a client is found and goes, free pages and log included; another client's stays."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows import empty_database
from flows.assembly import Installation
from flows.prefect_traces import PrefectTraces
from tenantry.errors import RecordError
from tenantry.home import Home

CANARY = "canary-77b0-prefect"
_AT = "2026-05-04 00:00:00.000000"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation.open(Home(tmp_path / "home")) as found:
        empty_database.make()
        empty_database.lay(found.home)
        yield found


def _row(db: sqlite3.Connection, table: str, **said: object) -> str:
    """A row with whatever the table wants besides."""
    row: dict[str, object] = {"id": str(uuid.uuid4()), **said}
    for _, name, kind, needed, default, _ in db.execute(f"PRAGMA table_info({table})").fetchall():
        if name not in row and needed and default is None:
            row[name] = _AT if "TIME" in kind.upper() else "{}" if "JSON" in kind.upper() else "0" * 8
    names = ", ".join(f'"{name}"' for name in row)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    return str(row["id"])


def fill(home: Home, tenant: str, mark: str) -> int:
    """A run of a client, and all that belongs to it; how many rows."""
    db = sqlite3.connect(empty_database.database(home))
    flow = _row(db, "flow", name=f"flow-{uuid.uuid4()}")
    run = _row(
        db,
        "flow_run",
        flow_id=flow,
        tags=json.dumps([f"tenant:{tenant}"]),
        parameters=json.dumps({"tenant": tenant, "account": mark}),
    )
    task = _row(db, "task_run", flow_run_id=run)
    _row(db, "flow_run_state", flow_run_id=run, message=mark, timestamp=_AT)
    _row(db, "task_run_state", task_run_id=task, message=mark, timestamp=_AT)
    _row(db, "flow_run_input", flow_run_id=run, key="answer", value=mark)
    _row(db, "log", flow_run_id=run, message=mark * 500)
    _row(db, "log", task_run_id=task, message=mark)
    made = _row(db, "artifact", flow_run_id=run, key="timeline-1", data=json.dumps(mark * 3000))
    _row(db, "artifact_collection", latest_id=made, key=f"timeline-{uuid.uuid4()}", data=json.dumps(mark))
    resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
    event = _row(
        db, "events", resource_id=f"prefect.flow-run.{run}", resource=json.dumps(resource), payload=json.dumps(mark)
    )
    _row(db, "event_resources", event_id=event, resource_id=f"prefect.flow-run.{run}", resource=json.dumps(resource))
    db.commit()
    db.close()
    return 12 - 1


def found(home: Home, mark: str) -> bool:
    return any(mark.encode() in path.read_bytes() for path in home.prefect.iterdir() if path.is_file())


def test_everything_of_a_client_goes_and_nothing_of_another(installation: Installation) -> None:
    home = installation.home
    rows = fill(home, "acme", CANARY)
    fill(home, "acme-two", "another-client")
    traces = PrefectTraces(installation, "acme")
    assert traces.count() == rows
    assert found(home, CANARY)
    traces.remove()
    assert traces.count() == 0
    assert not found(home, CANARY), "neither in free pages nor in the write-ahead log"
    assert PrefectTraces(installation, "acme-two").count() == rows
    assert found(home, "another-client")


def test_who_reads_meanwhile_keeps_it_from_being_called_gone(installation: Installation) -> None:
    fill(installation.home, "acme", CANARY)
    reader = sqlite3.connect(empty_database.database(installation.home), isolation_level=None)
    reader.execute("PRAGMA journal_mode=WAL")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM log").fetchone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.sqlite_files._WAIT", 0.2)
        with pytest.raises(RecordError):
            PrefectTraces(installation, "acme").remove()
    reader.close()
    PrefectTraces(installation, "acme").remove()
    assert not found(installation.home, CANARY)


def test_what_the_server_has_still_to_write_is_waited_for(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that ended just now; an older one's events have come."""
    waited: list[float] = []
    monkeypatch.setattr("flows.prefect_traces.time.sleep", waited.append)
    fill(installation.home, "acme", CANARY)
    db = sqlite3.connect(empty_database.database(installation.home))
    at = (datetime.now(UTC) - timedelta(seconds=5)).replace(tzinfo=None).isoformat(sep=" ")
    db.execute("UPDATE flow_run_state SET timestamp = ?", (at,))
    db.commit()
    db.close()
    PrefectTraces(installation, "acme-two").remove()
    PrefectTraces(installation, "acme").remove()
    assert waited[0] == 0
    assert 5 < waited[1] <= 10


def test_a_home_without_prefect_keeps_nothing_there(tmp_path: Path) -> None:
    with Installation.open(Home(tmp_path / "other")) as found_one:
        assert PrefectTraces(found_one, "acme").count() == 0
