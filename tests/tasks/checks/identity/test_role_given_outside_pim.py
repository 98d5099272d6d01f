from __future__ import annotations

from tasks.checks.identity.role_given_outside_pim import RoleGivenOutsidePim
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(RoleGivenOutsidePim())
