"""A credential that is due, as the service replaces it: by itself, and to the end although the process that does it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from flows.rotating import run_id_of
from tenantry.secretlife import due
from tests.flows.stand import TENANT, Stand
from tests.flows.test_service_kills import below
from tests.support.canary import leaks
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def registered(stand: Stand) -> Iterator[Stand]:
    """Our application is registered in the lab's own tenant, so that its secret can be replaced; as before afterwards."""
    stand.lab.register_here()
    before = stand.home.estate.read_text(encoding="utf-8")
    yield stand
    stand.home.estate.write_text(before, encoding="utf-8")
    stand.lab.reset()
    with stand.opened() as installation:
        reference = installation.tenants.get(TENANT).providers["m365"].secrets["client_secret"]
        installation.vault.put(TENANT, reference.name, stand.lab.client_secret, kind="client_secret")


def test_what_is_due_is_replaced_although_its_process_is_killed(registered: Stand, tmp_path: Path) -> None:
    stand = registered
    with stand.opened() as installation:
        vault = installation.vault
        name = installation.tenants.get(TENANT).providers["m365"].secrets["client_secret"].name
        old = vault.versions(TENANT, name)[0].version + 1
        vault.put(
            *(TENANT, name, vault.get(TENANT, name)),
            kind="client_secret",
            rotate_at=datetime.now(UTC) - timedelta(days=1),
        )
        (found,) = [one for one in due(vault.list(TENANT), datetime.now(UTC)) if one.name == name]
    run = run_id_of(found)
    before = stand.home.estate.read_text(encoding="utf-8")
    httpx.post(f"{stand.lab_server.base_url}/_lab/faults", json={"latency_ms": 400}).raise_for_status()
    stand.home.estate.write_text(f"{before}rotation: {{enabled: true, hour: 0}}\n", encoding="utf-8")
    stand.wait_for_event(run, "step.intent", seconds=150)
    with stand.opened() as installation:
        assert installation.journal.live(run)
        (attempt,) = [one for one in installation.journal.records(run) if one.event == "run.attempt"]
    seen = said_to_the_kernel(stand)
    os.kill(int(attempt.data["owner"].split("|")[2]), signal.SIGKILL)
    until(lambda: stand.state(run).ended is not None, lambda: f"{run} does not end; {stand.worker_log()}", seconds=150)
    stand.lab.faults = type(stand.lab.faults)()
    state = stand.state(run)
    assert state.attempt > 1, "killed too late"
    assert (state.tenant, dict(state.params)) == (TENANT, {"provider": "m365/client_secret"})
    assert state.requester["via"] == "schedule"

    async def works(version: int) -> bool:
        async with installation.access(TENANT, "run") as access:
            return bool(await (await access.capability("credentials")).version_works("m365/client_secret", version))

    with stand.opened() as installation:
        assert installation.view(run)["status"] == "completed"
        vault = installation.vault
        newest = vault.versions(TENANT, name)[0]
        assert newest.version == old + 1
        assert newest.rotate_at is not None
        assert newest.rotate_at > datetime.now(UTC)
        assert asyncio.run(works(newest.version))
        assert not asyncio.run(works(old))
        assert not [one for one in vault.list(TENANT) if one.name.startswith("rotations/")]
        assert [one for one in due(vault.list(TENANT), datetime.now(UTC)) if one.name == name] == []
    assert stand.lab.own_registration is not None
    assert len(stand.lab.own_registration.props["passwordCredentials"]) == 1
    with stand.opened() as installation:
        vault = installation.vault
        secrets = {f"version {n}": vault.get_text(TENANT, name, n).get_secret_value() for n in (old, newest.version)}
    (tmp_path / "processes").write_bytes(seen + said_to_the_kernel(stand))
    assert b"console.web" in seen
    assert leaks(tmp_path, secrets) == []
    with closing(sqlite3.connect(stand.home.journal_db)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    assert leaks(stand.home.path, secrets) == []  # Prefect's database, everybody's logs and the record among it


def said_to_the_kernel(stand: Stand) -> bytes:
    """Environment and command line of every process of the service, and what it holds open although it has no name any more."""
    assert stand.service is not None
    found = b""
    for pid in [stand.service.pid, *below(stand.service.pid)]:
        with contextlib.suppress(OSError):  # it ended meanwhile; of the broker nobody but root may read this
            for name in ("cmdline", "environ"):
                found += Path(f"/proc/{pid}/{name}").read_bytes() + b"\n"
            for one in Path(f"/proc/{pid}/fd").iterdir():
                if str(one.readlink()).startswith("/") and str(one.readlink()).endswith(" (deleted)"):
                    found += one.read_bytes()[:1_000_000]
    return found
