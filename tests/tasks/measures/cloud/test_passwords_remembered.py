from __future__ import annotations

from tasks.measures.cloud.passwords_remembered import PasswordsRemembered
from tests.tasks.checks._cloud import rules
from tests.tasks.measures.cloud.asked import asked


def test_how_many() -> None:
    assert asked(PasswordsRemembered, rules()) == asked(PasswordsRemembered, rules(remembered=5), passwords=5) == []
    assert asked(PasswordsRemembered, rules(remembered=5)) == ["of earlier passwords 5 are refused"]
    assert asked(PasswordsRemembered, rules(remembered=None)) == ["of earlier passwords 0 are refused"]
    assert asked(PasswordsRemembered, rules(set_=False)) == ["it has no rules for passwords of its own"]
