from __future__ import annotations

from tasks.measures.cloud.password_length import PasswordLength
from tests.tasks.checks._cloud import rules
from tests.tasks.measures.cloud.asked import asked


def test_short_and_unknown() -> None:
    assert asked(PasswordLength, rules()) == asked(PasswordLength, rules(shortest=10), characters=10) == []
    assert asked(PasswordLength, rules(shortest=8)) == ["passwords of 8 characters are taken"]
    assert asked(PasswordLength, rules(set_=False, shortest=None)) == ["it has no rules for passwords of its own"]
    assert asked(PasswordLength, rules(shortest=None)) == "how long passwords must be is not told"
