from __future__ import annotations

from tasks.checks.identity.accounts_taken_in_bulk import AccountsTakenInBulk
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(AccountsTakenInBulk())
