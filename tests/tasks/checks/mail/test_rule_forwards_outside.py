from __future__ import annotations

import pytest

from tasks.checks.mail.rule_forwards_outside import RuleForwardsOutside
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import found
from tests.tasks.checks.mail._facts import ANNA, NO_RULES, UNREAD_RULES, rules

CHECK = RuleForwardsOutside()


def test_outside_is_a_finding() -> None:
    assert found(CHECK, rules(forward_to=("eve@evil.example",))) == [("critical", ANNA)]
    assert found(CHECK, rules(redirect_to=("Eve@Evil.example",), hidden=True)) == [("critical", ANNA)]


def test_one_that_is_switched_off_matters_less() -> None:
    assert found(CHECK, rules(forward_to=("eve@evil.example",), enabled=False)) == [("medium", ANNA)]


def test_the_clients_own_and_accepted_domains_are_inside() -> None:
    assert found(CHECK, rules(forward_to=("bob@ACME.example", "carl@acme-group.example"))) == []
    assert found(CHECK, rules(move_to_folder="Invoices")) == []


def test_no_rules_and_rules_that_were_not_read() -> None:
    assert found(CHECK, NO_RULES) == []
    with pytest.raises(CannotCheck, match="being moved"):
        found(CHECK, UNREAD_RULES)
