from __future__ import annotations

import pytest

from tasks.checks.mail.audit_log_off import AuditLogOff
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import found

CHECK = AuditLogOff()


def organization(audit_log: bool | None, mailbox_audit: bool | None = True) -> MailOrganization:
    return MailOrganization(audit_log=audit_log, mailbox_audit=mailbox_audit, raw={})


def test_off() -> None:
    assert found(CHECK, organization(False)) == [("critical", "audit log")]
    assert found(CHECK, organization(True, False)) == [("high", "mailbox audit")]


def test_on() -> None:
    assert found(CHECK, organization(True)) == []


def test_not_said() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, organization(None))
