from __future__ import annotations

from tasks.checks.cloud_access.administrator_new import AdministratorNew
from tests.tasks.checks._cloud import ALL, NEW, found, key, user

CHECK = AdministratorNew()


def test_a_new_administrator() -> None:
    assert found(CHECK, user(rights=ALL, created_at=NEW, mfa=False)) == [("high", "kim")]
    assert found(CHECK, user(rights=ALL, created_at=NEW, keys=(key(),))) == [("high", "kim")]


def test_one_with_a_second_factor_and_no_key_is_as_it_should_be_and_still_said() -> None:
    assert found(CHECK, user(rights=ALL, created_at=NEW)) == [("medium", "kim")]


def test_an_old_one_and_a_new_user_are_none() -> None:
    assert found(CHECK, user(rights=ALL)) == []
    assert found(CHECK, user(created_at=NEW)) == []
