from __future__ import annotations

from tasks.checks.access.domain_changed import DomainChanged
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(DomainChanged())
