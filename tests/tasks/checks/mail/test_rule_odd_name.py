from __future__ import annotations

import pytest

from tasks.checks.mail.rule_odd_name import RuleOddName
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import found
from tests.tasks.checks.mail._facts import ANNA, NO_RULES, UNREAD_RULES, rules

CHECK = RuleOddName()


@pytest.mark.parametrize("name", ["", ".", "...", "a", "aa", " _"])
def test_no_real_name(name: str) -> None:
    assert found(CHECK, rules(name=name, move_to_folder="RSS Feeds")) == [("high", ANNA)]
    assert found(CHECK, rules(name=name)) == [("medium", ANNA)]


@pytest.mark.parametrize("name", ["HR", "IT", "Newsletters", "news@trade.example", "履歴"])
def test_a_name(name: str) -> None:
    assert found(CHECK, rules(name=name, delete=True)) == []


def test_no_rules_and_rules_that_were_not_read() -> None:
    assert found(CHECK, NO_RULES) == []
    with pytest.raises(CannotCheck, match="being moved"):
        found(CHECK, UNREAD_RULES)
