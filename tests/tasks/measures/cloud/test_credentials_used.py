from __future__ import annotations

from tasks.measures.cloud.credentials_used import CredentialsUsed
from tests.tasks.checks._cloud import NEW, OLD, key, user
from tests.tasks.measures.cloud.asked import asked


def test_keys() -> None:
    assert asked(CredentialsUsed, user(password=False, keys=(key(created_at=NEW),))) == []
    assert asked(CredentialsUsed, user(password=False, keys=(key(),))) == ["AKIA1 was never used"]
    used = key().model_copy(update={"last_used_at": NEW})
    assert asked(CredentialsUsed, user(password=False, keys=(used,))) == []
    assert asked(CredentialsUsed, user(password=False, keys=(key(active=False),))) is None


def test_passwords() -> None:
    assert asked(CredentialsUsed, user(password_used_at=NEW)) == []
    assert asked(CredentialsUsed, user(password_used_at=None, password_changed_at=NEW)) == [], "a new one"
    assert asked(CredentialsUsed, user(password_used_at=OLD)) == ["its password was not used since 2026-01-26"]
    assert asked(CredentialsUsed, user(password=None)) == "whether kim has a password is not told"
