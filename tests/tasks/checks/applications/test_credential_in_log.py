from __future__ import annotations

from tasks.checks.applications.credential_in_log import CredentialInLog
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(CredentialInLog())
