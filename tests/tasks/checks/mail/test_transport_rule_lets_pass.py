from __future__ import annotations

from typing import Any

from tasks.checks._collect.mail_flow import MailRule
from tasks.checks.mail.transport_rule_lets_pass import TransportRuleLetsPass
from tenantry.capabilities import TransportRule
from tests.tasks.checks.looks import LATELY, LONG_AGO, found

CHECK = TransportRuleLetsPass()


def rule(**of: Any) -> MailRule:
    facts = {"id": "t1", "name": "Scanner", "enabled": True, "bypasses_filter": True, "changed_at": LATELY, "raw": {}}
    return MailRule(TransportRule(recipients=(), **{**facts, **of}))


def test_a_new_one() -> None:
    assert found(CHECK, rule()) == [("medium", "Scanner")]
    assert found(CHECK, rule(changed_at=None)) == [("medium", "Scanner")]


def test_of_old_switched_off_or_of_another_kind() -> None:
    assert found(CHECK, rule(changed_at=LONG_AGO)) == []
    assert found(CHECK, rule(enabled=False)) == []
    assert found(CHECK, rule(bypasses_filter=False)) == []
