from __future__ import annotations

from tasks.checks.mail.mail_read_by_application import MailReadByApplication
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(MailReadByApplication())
