from __future__ import annotations

from typing import Any

import pytest

from tasks.checks.mail.rule_hides_mail import RuleHidesMail
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import found
from tests.tasks.checks.mail._facts import ANNA, NO_RULES, UNREAD_RULES, rules

CHECK = RuleHidesMail()


@pytest.mark.parametrize(
    "signs",
    [
        {"delete": True, "name": "."},
        {"delete": True, "words": ("Invoice", "payment")},
        {"move_to_folder": "RSS Feeds", "hidden": True},
        {"move_to_folder": "Archive", "name": "..", "words": ("wire",)},
        {"move_to_folder": "Archive", "words": ("wire",), "mark_read": True},
    ],
)
def test_signs_of_an_intruder(signs: dict[str, Any]) -> None:
    assert found(CHECK, rules(**signs)) == [("high", ANNA)]
    assert found(CHECK, rules(**signs, enabled=False)) == [("low", ANNA)]


def test_what_people_do_is_low_or_nothing() -> None:
    assert found(CHECK, rules(delete=True)) == [("low", ANNA)]
    assert found(CHECK, rules(move_to_folder="Archive", words=("invoice",))) == [("low", ANNA)]
    assert found(CHECK, rules(move_to_folder="Invoices", words=("invoice",))) == []


def test_no_rules_and_rules_that_were_not_read() -> None:
    assert found(CHECK, NO_RULES) == []
    with pytest.raises(CannotCheck, match="being moved"):
        found(CHECK, UNREAD_RULES)
