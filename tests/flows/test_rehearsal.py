"""What a warm child rehearses: the whole of a run, of which nothing is left and of which nobody hears."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import rehearsal
from flows.assembly import Installation
from flows.rehearsal import Rehearsal, swept
from tenantry.home import Home
from tenantry.journal import Journal, blank
from tenantry.run import Engine, RunState, Status


@pytest.fixture
def rehearsed(tmp_path: Path) -> Rehearsal:
    with Installation.open(Home(tmp_path / "home").ensure()) as installation:
        return Rehearsal(installation)


def below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_it_comes_to_its_end_by_real_requests_and_leaves_nothing(
    rehearsed: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[RunState] = []
    asked: list[tuple[str, str]] = []
    run, send = Engine.run, httpx.AsyncHTTPTransport.handle_async_request

    async def watched(self: Engine, run_id: str) -> RunState:
        ended.append(await run(self, run_id))
        return ended[-1]

    async def seen(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.host))
        return await send(self, request)

    monkeypatch.setattr(Engine, "run", watched)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", seen)
    before = below(tmp_path)
    await rehearsed.play(tmp_path)
    (state,) = ended
    assert state.ended is Status.COMPLETED, {item.error and str(item.error) for item in state.items.values()}
    assert ("PATCH", "127.0.0.1") in asked, "its effect was made"
    assert {host for _, host in asked} == {"127.0.0.1"}, "nobody else was asked"
    assert below(tmp_path) == before, "nothing is left"


async def test_it_ends_at_once_when_there_is_something_to_do(rehearsed: Rehearsal, tmp_path: Path) -> None:
    before = below(tmp_path)
    for wait in (0.0, 0.01, 0.03):
        playing = asyncio.create_task(rehearsed.play(tmp_path))
        await asyncio.sleep(wait)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(playing, 10)
        assert below(tmp_path) == before


async def test_what_is_written_while_it_ends_goes_with_it(
    rehearsed: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, writes, written = below(tmp_path), threading.Event(), threading.Event()
    furnish = Rehearsal._furnish

    def slow(self: Rehearsal, home: Home, provider: Mapping[str, Any]) -> None:
        writes.set()
        time.sleep(0.2)  # it is cancelled here, and writes later
        home.tenants.mkdir(parents=True, exist_ok=True)
        furnish(self, home, provider)
        written.set()

    monkeypatch.setattr(Rehearsal, "_furnish", slow)
    playing = asyncio.create_task(rehearsed.play(tmp_path))
    await asyncio.to_thread(writes.wait)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(playing, 10)
    await asyncio.to_thread(written.wait)
    assert below(tmp_path) == before


def test_what_a_killed_one_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "rehearsal-x" / "run").mkdir(parents=True)
    (tmp_path / "rehearsal-x" / "journal.db").write_bytes(b"x")
    (tmp_path / "limits").mkdir()
    swept(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["limits"]


def test_a_record_in_which_nothing_stands_is_what_the_migrations_make(tmp_path: Path) -> None:
    (tmp_path / "blank.db").write_bytes(blank())
    tables = []
    for name in ("blank", "migrated"):
        journal = Journal(f"sqlite:///{tmp_path}/{name}.db", lambda _: bytes(32))
        with journal._engine.connect() as db:
            rows = db.exec_driver_sql("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
            version = db.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
            tables.append(([row[0] for row in rows], version))
        journal.close()
    assert tables[0] == tables[1]


def test_its_secrets_are_none() -> None:
    vault = rehearsal._NoVault()
    assert vault.subkey("acme", "journal") == bytes(32)
    assert vault.resolve("vault:acme/m365/app", for_tenant="acme").get_secret_value() == b"of no worth"
