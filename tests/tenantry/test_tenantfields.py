"""One field of a tenant's file is set in its text, everything else stays, and nothing else may be set so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import Conflict, InvalidInput, InvalidTenant
from tenantry.home import Home
from tenantry.tenantfields import field_of, set_field
from tenantry.tenants import TenantStore

TEXT = """\
name: acme
display_name: Acme  # as they say it
sweep:  # every night
  days: 7
policy: {four_eyes: true}
"""


@pytest.fixture
def store(tmp_path: Path) -> TenantStore:
    home = Home(tmp_path).ensure()
    (home.tenants / "acme.yaml").write_text(TEXT, encoding="utf-8")
    return TenantStore(home)


def test_a_field_is_set_and_everything_else_stays(store: TenantStore) -> None:
    assert field_of(store, "acme", "sweep", "every_hours") is None
    diff = set_field(store, "acme", "sweep", "every_hours", 24)
    assert [line for line in diff.splitlines() if line.startswith("+ ")] == ["+  every_hours: 24"]
    text = store.path("acme").read_text()
    assert "# as they say it" in text
    assert "# every night" in text
    assert store.get("acme").sweep.every_hours == 24
    assert store.get("acme").sweep.days == 7
    assert set_field(store, "acme", "sweep", "every_hours", 24) == ""


def test_it_is_set_back_to_nothing(store: TenantStore) -> None:
    set_field(store, "acme", "service_team", "on_call", ["sam.eng"])
    assert field_of(store, "acme", "service_team", "on_call") == ["sam.eng"]
    set_field(store, "acme", "service_team", "on_call", [])
    assert store.get("acme").service_team.on_call == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("policy", "four_eyes", False), ("sweep", "open_incidents", True), ("sweep", "every_hours", 0)],
)
def test_what_a_run_does_not_set(store: TenantStore, section: Any, key: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        set_field(store, "acme", section, key, value)
    assert store.path("acme").read_text() == TEXT


def test_a_section_in_one_line_is_left_to_a_person(store: TenantStore) -> None:
    store.path("acme").write_text("name: acme\ndisplay_name: A\nsweep: {days: 7}\n", encoding="utf-8")
    with pytest.raises(InvalidTenant, match="cannot be changed by itself") as error:
        set_field(store, "acme", "sweep", "every_hours", 24)
    assert "every_hours: 24" in error.value.remedy


def test_two_at_the_same_moment_lose_nothing(store: TenantStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        for turn in range(5):
            wanted = [
                ("service_team", "lead", f"lead{turn}"),
                ("sweep", "every_hours", turn + 1),
                ("rotation", "every_days", turn + 1),
            ]
            list(pool.map(lambda one: set_field(store, "acme", *one), wanted))
            tenant = store.get("acme")
            assert (tenant.service_team.lead, tenant.sweep.every_hours, tenant.rotation.every_days) == (
                *(f"lead{turn}", turn + 1),
                turn + 1,
            )


def test_what_somebody_wrote_meanwhile_is_not_lost(store: TenantStore) -> None:
    before = store.get("acme")
    with pytest.raises(Conflict):
        store.replace_text("acme", "what was read", TEXT, before, by_hand="")
