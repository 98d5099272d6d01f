"""What plans stand on is looked at: restored for a test, compared, thrown away again, judged, and told where a plan has become impossible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.clock import rfc3339
from tenantry.disaster.checking import checking
from tenantry.places import SHIPPED
from tenantry.run import Status
from tests.support.disaster import TODAY, _Messenger, _Recorded, loaded, plan_text, registry
from tests.support.ransom import RansomTenant
from tests.support.stand import Access, Stand

BASE = (SHIPPED / "disaster" / "backup_check.yaml").read_text()


class Checked:
    """One client whose plan stands on a volume in the cloud and on a host's repository."""

    def __init__(self, folder: Path) -> None:
        self.tenant = RansomTenant()
        self.stand = Stand(folder, registry())
        self.messenger = _Messenger()
        self.volume = self.tenant.story["source"]["id"]
        contacts = [{"id": "kim", "name": "Kim", "role": "security", "email": "kim@acme.example", "phone": "1"}]
        self.access: Any = Access(
            subject={"name": "acme", "display_name": "Acme", "contacts": contacts},
            capabilities={
                "backup": self.tenant.more["backup"],
                "host_backup": self.tenant.backups,
                "messenger": self.messenger,
                "recorded": _Recorded(self.stand),
            },
        )

    def create(self, run_id: str = "run-1", **more: Any) -> None:
        old = {"every": "360d", "test_every": "180d"}
        cloud = {"source": self.volume, **old}
        host = {"source": "web1", "through": "host_backup", **old}
        text = plan_text({"db": {"rpo": "360d", "backups": [cloud]}, "web": {"rpo": "360d", "backups": [host]}})
        given: dict[str, Any] = {"today": TODAY, "restore": "due", "known": {}, "refused": {}, **more}
        self.stand.create(checking([loaded(text)], BASE, **given), {}, run_id=run_id)

    def rows(self, run_id: str = "run-1") -> dict[str, Any]:
        return {row["source"]: row for row in self.stand.state(run_id).items["judged", None].output["backups"]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Checked]:
    made = Checked(tmp_path / "home")
    yield made
    made.stand.close()


async def test_restored_compared_and_thrown_away_again(world: Checked) -> None:
    files = dict(world.tenant.web.files)
    world.create()
    state = await world.stand.run("run-1", world.access)
    assert state.ended is Status.COMPLETED, world.stand.view()["steps"]
    rows = world.rows()
    assert {name: (row["state"], row["restored"]) for name, row in rows.items()} == {
        world.volume: ("good", "proven"),
        "web1": ("good", "proven"),
    }
    methods = [method for method, _, _ in world.tenant.writes]
    assert sorted(methods) == ["remove_restored", "remove_staged", "restore", "stage"]
    assert world.tenant.web.files == files
    assert not world.messenger.sent_keys
    first = rows["web1"]["newest_at"]
    assert first <= rfc3339(world.stand.journal.clock.now())


async def test_one_that_cannot_be_asked_and_one_that_is_empty_keep_nobody_from_being_looked_at(world: Checked) -> None:
    world.tenant.web.reachable = False

    async def nothing(_: str) -> Any:
        for point in ():
            yield point

    world.tenant.more["backup"].points = nothing
    world.create(refused={"mail": "mail.yaml:3: systems: is required"})
    state = await world.stand.run("run-1", world.access)
    assert state.ended is Status.EXCEPTIONS
    rows = world.rows()
    assert {name: row["state"] for name, row in rows.items()} == {world.volume: "impossible", "web1": "unknown"}
    output = world.stand.state().items["judged", None].output
    assert output["impossible"] == ["acme_plan", "mail"]
    (message,) = world.messenger.sent_keys.values()
    for said in ("mail.yaml:3", "IMPOSSIBLE", "UNKNOWN web1"):
        assert said in message.text


async def test_what_does_not_come_back_as_it_was_is_impossible_and_still_thrown_away(world: Checked) -> None:
    from tenantry.capabilities import Verification

    async def differs(_: str) -> Verification:
        return Verification(state="differs", checked=2, differences=("missing: /a",))

    world.tenant.more["backup"].verify = differs
    world.create()
    await world.stand.run("run-1", world.access)
    row = world.rows()[world.volume]
    assert (row["state"], row["restored"], row["tested_on"]) == ("impossible", "failed", None)
    assert "missing: /a" in row["problems"][0]
    assert "remove_restored" in [method for method, _, _ in world.tenant.writes]


async def test_a_plan_restores_nothing(world: Checked) -> None:
    world.create(restore="always")
    world.stand.create(world.stand.state().runbook_text, {}, run_id="run-2", mode="plan")
    state = await world.stand.run("run-2", world.access)
    assert state.ended is Status.PLANNED
    assert list(world.tenant.writes) == []
    assert not world.messenger.sent_keys
