"""What a disaster brings besides the disaster: each is handled, and stands in the report that the client reads."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.errors import OutOfScope
from tenantry.run import Status
from tests.support.disaster import Simulated, loaded, long_ago, plan_text, registry, until
from tests.support.stand import Stand

ROWS = {
    **{"kind": "newest_row", "database": "shop", "at_least": 10},
    "newest": "SELECT max(at) FROM orders",
    "count": "SELECT count(*) FROM orders",
}
PAGE = {"kind": "http", "url": "http://liar/", "contains": "Add to basket"}
SYSTEMS: dict[str, dict[str, Any]] = {
    "liar": {"health": [PAGE], "patience": "1s"},
    "empty": {"rpo": "1h", "data": [{**ROWS, "host": "empty"}]},
    "older": {"rpo": "1h", "data": [{**ROWS, "host": "older"}]},
    "late": {"rto": "1h"},
    "above": {"needs": ["late"], "rto": "8h"},
}


async def test_lies_an_empty_and_an_older_backup_lateness_and_a_stranger(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "home", registry())
    stand.person("ann", "approver", "engineer")
    stand.person("bob", "engineer")
    sim = Simulated(stand, loaded(plan_text(SYSTEMS)))
    world = sim.world
    world.instant = True
    world.dead_health = {"late"}
    world.pages["http://liar/"] = ProbeAnswer(status=200, text="We are sorry, something went wrong")
    world.rows = {"empty": ProbeAnswer(count=0), "older": ProbeAnswer(count=500, newest=long_ago(26 * 60))}
    sim.create(outage_began=rfc3339(long_ago(120)))
    await sim.go()
    with pytest.raises(OutOfScope, match="bob may not answer"):
        stand.answer("run-1", "bob")
    stand.answer("run-1", "ann", steps=["declared"])

    # A dependency that comes back late is waited for, and what stands on it waits with it.
    running = asyncio.create_task(sim.go())
    await until(
        lambda: {"liar__health", "empty__data", "older__data"} <= {g["step"] for g in stand.view()["waiting_for"]}
    )
    assert "above" not in world.begun
    world.dead_health = set()
    state = await running
    assert state.stopped is Status.WAITING
    outcomes = stand.outcomes()
    assert {name: outcomes[name] for name in ("liar__health", "empty__data", "older__data")} == dict.fromkeys(
        ("liar__health", "empty__data", "older__data"), "failed"
    )
    # The page is mended and asked again; the empty one is restored from another backup; there is nothing newer of the third.
    world.pages["http://liar/"] = ProbeAnswer(status=200, text="Add to basket: 12 orders")
    world.rows["empty"] = ProbeAnswer(count=500, newest=long_ago(150))
    for step in ("liar__health", "empty__data"):
        stand.answer("run-1", "ann", reason="mended", steps=[step])
    stand.answer("run-1", "ann", "deny", reason="there is no newer one, the client agrees", steps=["older__data"])
    await sim.go()
    for step in ("service_back", "lessons"):
        stand.answer("run-1", "ann", reason="test the backups", steps=[step])
        state = await sim.go()
    assert state.ended is Status.EXCEPTIONS

    kept = {one["name"]: one["sha256"] for one in state.evidence}
    data, page = (
        b"".join(stand.evidence.open("acme", kept[f"disaster-report.{kind}"])).decode() for kind in ("json", "html")
    )
    report = json.loads(data)
    for said in (
        "status 200, and not the page that was expected",
        "0 there, and at least 10",
        "an older backup",
        "there is no newer one, the client agrees",
        "may not answer this",
    ):
        assert said in page
    systems = {one["id"]: one for one in report["systems"]}
    assert {name: one["state"] for name, one in systems.items()} == {
        **dict.fromkeys(("liar", "empty", "late", "above"), "recovered"),
        "older": "unproven",
    }
    assert [one["who"] for one in report["refused"]] == ["bob"]
    assert (systems["late"]["rto_kept"], systems["above"]["rto_kept"]) == (False, True)
    assert parse_rfc3339(systems["late"]["healthy_at"]) <= parse_rfc3339(systems["above"]["began_at"])
    assert systems["empty"]["rpo_kept"] is True
    assert systems["older"]["rpo_kept"] is False
    assert "Later than agreed (RTO): LATE" in " ".join(report["told"])
    stand.close()
