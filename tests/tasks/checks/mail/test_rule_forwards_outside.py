from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.checks._collect.mailboxes import MailboxRules
from tasks.checks.mail.rule_forwards_outside import RuleForwardsOutside
from tenantry.capabilities import Account, InboxRule
from tenantry.sweep.check import Known, Look

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LOOK = Look(NOW, NOW - timedelta(days=30), Known(domains=frozenset({"acme.example"})))
ANNA = Account(
    id="1",
    upn="anna@acme.example",
    display_name="Anna",
    enabled=True,
    synced=False,
    sessions_valid_from=None,
    last_password_change=None,
    raw={},
)


def found(**of: Any) -> list[tuple[str, str]]:
    rule = {
        "id": "r1",
        "name": "x",
        "enabled": True,
        "hidden": False,
        "forward_to": (),
        "redirect_to": (),
        "move_to_folder": None,
        "delete": False,
        "mark_read": False,
        "raw": {},
        **of,
    }
    fact = MailboxRules(ANNA, [InboxRule(**rule)])
    return [(one.severity, one.entity["id"]) for one in RuleForwardsOutside().evaluate(fact, LOOK)]


def test_outside_is_a_finding() -> None:
    assert found(forward_to=("eve@evil.example",)) == [("critical", "anna@acme.example")]
    assert found(redirect_to=("Eve@Evil.example",), hidden=True) == [("critical", "anna@acme.example")]


def test_one_that_is_switched_off_matters_less() -> None:
    assert found(forward_to=("eve@evil.example",), enabled=False) == [("medium", "anna@acme.example")]


def test_inside_is_none() -> None:
    assert found(forward_to=("bob@ACME.example",)) == []
    assert found(move_to_folder="Invoices") == []
