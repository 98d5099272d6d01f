from __future__ import annotations

from tasks.checks.cloud_access.administrator_key_new import AdministratorKeyNew
from tests.tasks.checks._cloud import ALL, NEW, found, key, user

CHECK = AdministratorKeyNew()


def test_a_new_key_of_an_old_administrator() -> None:
    assert found(CHECK, user(rights=ALL, keys=(key("AKIA2", NEW),))) == [("medium", "kim")]


def test_an_old_key_or_a_user_who_may_little_is_none() -> None:
    assert found(CHECK, user(rights=ALL, keys=(key(),))) == []
    assert found(CHECK, user(rights=ALL)) == []
    assert found(CHECK, user(keys=(key("AKIA2", NEW),))) == []
    assert found(CHECK, user(rights=ALL, keys=(key("AKIA2", NEW, active=False),))) == []


def test_a_new_administrator_is_anothers_finding() -> None:
    assert found(CHECK, user(rights=ALL, created_at=NEW, keys=(key("AKIA2", NEW),))) == []
