from __future__ import annotations

from tasks.checks.cloud_access.two_active_keys import TwoActiveKeys
from tests.tasks.checks._cloud import NEW, found, key, user

CHECK = TwoActiveKeys()


def test_two_and_worse_where_one_is_new() -> None:
    assert found(CHECK, user(keys=(key(), key("AKIA2")))) == [("low", "kim")]
    assert found(CHECK, user(keys=(key("AKIA2", NEW), key()))) == [("medium", "kim")]


def test_one_or_one_that_was_exchanged_is_none() -> None:
    assert found(CHECK, user()) == []
    assert found(CHECK, user(keys=(key(active=False), key("AKIA2", NEW)))) == []
