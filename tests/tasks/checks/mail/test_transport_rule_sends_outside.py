from __future__ import annotations

from typing import Any

from tasks.checks._collect.mail_flow import MailRule
from tasks.checks.mail.transport_rule_sends_outside import TransportRuleSendsOutside
from tenantry.capabilities import TransportRule
from tests.tasks.checks.looks import LATELY, LONG_AGO, found
from tests.tasks.checks.mail._facts import OWN

CHECK = TransportRuleSendsOutside()


def rule(*recipients: str, **of: Any) -> MailRule:
    facts = {"id": "t1", "name": "Archive", "enabled": True, "bypasses_filter": False, "changed_at": None, "raw": {}}
    return MailRule(TransportRule(recipients=recipients, **{**facts, **of}), OWN)


def test_outside_is_a_finding() -> None:
    assert found(CHECK, rule("eve@evil.example")) == [("critical", "Archive")]
    assert found(CHECK, rule("eve@evil.example", changed_at=LATELY)) == [("critical", "Archive")]


def test_old_or_off_weighs_less() -> None:
    assert found(CHECK, rule("archive@vault.example", changed_at=LONG_AGO)) == [("medium", "Archive")]
    assert found(CHECK, rule("eve@evil.example", enabled=False)) == [("low", "Archive")]


def test_inside_or_nobody() -> None:
    assert found(CHECK, rule("legal@acme.example", "legal@acme-group.example")) == []
    assert found(CHECK, rule()) == []
