from __future__ import annotations

from types import SimpleNamespace

import pytest

from tasks.measures.logging.audit_log_kept import AuditLogKept
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tests.tasks.measures.given import measured


def flow(audit_log: bool | None) -> SimpleNamespace:
    async def organization() -> MailOrganization:
        return MailOrganization(audit_log=audit_log, mailbox_audit=True, raw={})

    return SimpleNamespace(organization=organization)


async def test_off_fails_and_on_is_still_to_be_asked() -> None:
    assert (await measured(AuditLogKept(), mail_flow=flow(False))).status == "fail"
    assert (await measured(AuditLogKept(), mail_flow=flow(True))).status == "for_person"


async def test_not_said_is_not_known() -> None:
    with pytest.raises(CannotCheck):
        await measured(AuditLogKept(), mail_flow=flow(None))
