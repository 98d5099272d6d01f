"""A rehearsal is worth what it proved, and its record names those who took part."""

from __future__ import annotations

from typing import Any

from tenantry.disaster.measure import Achieved
from tenantry.disaster.score import participants, score
from tests.tenantry.disaster.report.test_report import made


def systems() -> list[Achieved]:
    return [Achieved.model_validate(one) for one in made()["systems"]]


def test_only_what_was_proven_in_time_and_with_its_data_counts() -> None:
    found = score(systems(), gaps=["mail: nothing"], up_before=[], planned=6, lab=False)
    # net is in time; db late, shop unproven, mail failed, wiki lost too much.
    assert (found["within"], found["points"], found["planned"], found["rehearsed"]) == (1, 17, 6, 5)
    assert found["gaps"][0] == "mail: nothing"
    assert "shop of Acme: how much would be lost was not measured" in found["gaps"]


def test_what_worked_before_proves_nothing() -> None:
    found = score(systems(), gaps=[], up_before=["net"], planned=5, lab=False)
    assert (found["within"], found["points"]) == (0, 0)
    assert "net of Acme: it answered already before it was recovered" in found["gaps"]


def test_the_stand_in_proves_nothing_at_all() -> None:
    found = score(systems(), gaps=[], up_before=[], planned=5, lab=True)
    assert found["points"] is None
    assert "no health check was asked" in found["gaps"][0]


def test_who_answered_with_a_code_took_part() -> None:
    def decided(at: str, by: str) -> dict[str, Any]:
        return {"at": at, "by": by, "decision": "approve"}

    run = {
        "steps": [{"id": "declared", "title": "Declare"}, {"id": "lessons", "title": "Lessons"}],
        "approvals": [
            {"step": "lessons", "decisions": [decided("3", "bob"), decided("4", "ann")]},
            {"step": "declared", "decisions": [decided("1", "ann")]},
        ],
    }
    assert participants(run) == [
        {"person": "ann", "first_at": "1", "last_at": "4", "did": ["Declare", "Lessons"]},
        {"person": "bob", "first_at": "3", "last_at": "3", "did": ["Lessons"]},
    ]
