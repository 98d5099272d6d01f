from __future__ import annotations

import pytest

from tasks.checks.mail.rule_on_money_words import RuleOnMoneyWords
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import found
from tests.tasks.checks.mail._facts import ANNA, NO_RULES, UNREAD_RULES, rules

CHECK = RuleOnMoneyWords()


def test_kept_from_its_owner() -> None:
    assert found(CHECK, rules(words=("invoice",), delete=True)) == [("high", ANNA)]
    assert found(CHECK, rules(words=("wire",), redirect_to=("eve@evil.example",))) == [("high", ANNA)]
    assert found(CHECK, rules(words=("wire",), delete=True, enabled=False)) == [("medium", ANNA)]


def test_sorting_is_none() -> None:
    assert found(CHECK, rules(words=("invoice",), move_to_folder="Invoices")) == []
    assert found(CHECK, rules(words=("invoice",), forward_to=("accounts@acme.example",))) == []
    assert found(CHECK, rules(words=("party",), delete=True)) == []


def test_no_rules_and_rules_that_were_not_read() -> None:
    assert found(CHECK, NO_RULES) == []
    with pytest.raises(CannotCheck, match="being moved"):
        found(CHECK, UNREAD_RULES)
