"""How a campaign stands follows from its children."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tenantry.campaign import Campaign, Child, child_id, view

ID = "3f2a91c0-0000-4000-8000-000000000000"


def campaign(*statuses: str, mode: str = "run", error: str | None = None) -> Campaign:
    made = Campaign(ID, "x", "1", "", {}, mode, {}, datetime(2026, 11, 22, tzinfo=UTC))
    for number, status in enumerate(statuses):
        name = f"t{number}"
        shown = {"code": error, "message": "m"} if error and status == "paused_by_failed_step" else None
        made.children[name] = Child(name, child_id(ID, name), status, shown)
    return made


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["completed", "completed"], "completed"),
        (["completed", "waiting_for_approval"], "waiting_for_approval"),
        (["waiting_for_approval", "paused_by_failed_step"], "completed_with_exceptions"),
        (["completed", "completed_with_exceptions"], "completed_with_exceptions"),
        (["completed", "failed"], "completed_with_exceptions"),
        (["completed", "cancelled"], "completed_with_exceptions"),
        (["completed", "running"], "running"),
        (["completed", "interrupted"], "running"),
        (["completed", "not_begun"], "running"),
    ],
)
def test_status(statuses: list[str], status: str) -> None:
    assert campaign(*statuses).status == status


def test_a_plan_is_planned() -> None:
    assert campaign("planned", "planned", mode="plan").status == "planned"


@pytest.mark.parametrize(
    ("code", "unreachable"), [("unreachable", True), ("sign_in_failed", True), ("rejected", False)]
)
def test_who_was_not_reached(code: str, unreachable: bool) -> None:
    shown = view(campaign("completed", "paused_by_failed_step", error=code))
    assert shown["unreachable"] == (["t1"] if unreachable else [])
    assert shown["counts"] == {"completed": 1, "paused_by_failed_step": 1}


def test_a_child_that_could_not_be_begun_is_no_running_one() -> None:
    made = campaign("completed", "not_begun")
    made.children["t1"].error = {"code": "invalid_tenant", "message": "m"}
    assert made.status == "completed_with_exceptions"


def test_a_childs_id_follows_from_campaign_and_tenant() -> None:
    assert child_id(ID, "a") == child_id(ID, "a")
    assert child_id(ID, "a") != child_id(ID, "b")
