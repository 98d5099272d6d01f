from __future__ import annotations

from tasks.checks.mail.audit_bypassed import AuditBypassed
from tenantry.capabilities import AuditBypass
from tests.tasks.checks.looks import LATELY, found

CHECK = AuditBypassed()


def test_any_is_a_finding() -> None:
    assert found(CHECK, AuditBypass(account="Eve@acme.example", since=LATELY, raw={})) == [("high", "eve@acme.example")]
    assert found(CHECK, AuditBypass(account="eve@acme.example", since=None, raw={})) == [("high", "eve@acme.example")]


def test_but_of_an_account_that_the_clients_file_names() -> None:
    assert found(CHECK, AuditBypass(account="BreakGlass@acme.example", since=None, raw={})) == []
