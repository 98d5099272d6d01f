from __future__ import annotations

import pytest

from tasks.checks.mail.rule_hidden import RuleHidden
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import found
from tests.tasks.checks.mail._facts import ANNA, NO_RULES, UNREAD_RULES, rules

CHECK = RuleHidden()


def test_hidden_and_at_work() -> None:
    assert found(CHECK, rules(hidden=True, delete=True)) == [("medium", ANNA)]


def test_shown_or_a_delegates() -> None:
    assert found(CHECK, rules(delete=True)) == []
    assert found(CHECK, rules(hidden=True, name="Delegate Rule -2147483644", forward_to=("bob@acme.example",))) == []
    assert found(CHECK, rules(hidden=True)) == []


def test_no_rules_and_rules_that_were_not_read() -> None:
    assert found(CHECK, NO_RULES) == []
    with pytest.raises(CannotCheck, match="being moved"):
        found(CHECK, UNREAD_RULES)
