from __future__ import annotations

import pytest

from tasks.measures.mail.recorded import Recorded, What
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LOOK


def told(log: str, audit_log: bool | None, mailbox_audit: bool | None) -> str:
    fact = MailOrganization(audit_log=audit_log, mailbox_audit=mailbox_audit, raw={})
    return Recorded(What.model_validate({"log": log})).evaluate([fact], LOOK, 1).status


def test_each_log_is_asked_about_by_itself() -> None:
    assert (told("unified", True, False), told("unified", False, True)) == ("pass", "fail")
    assert (told("mailboxes", True, False), told("mailboxes", False, True)) == ("fail", "pass")


@pytest.mark.parametrize("log", ["unified", "mailboxes"])
def test_not_said_is_not_known(log: str) -> None:
    with pytest.raises(CannotCheck):
        told(log, None, None)
    with pytest.raises(CannotCheck):
        Recorded(What.model_validate({"log": log})).evaluate([], LOOK, 0)
