from __future__ import annotations

import pytest

from tasks.checks.cloud_access.password_given_to_program import PasswordGivenToProgram
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import ALL, NEW, found, key, user

CHECK = PasswordGivenToProgram()

GIVEN = user(keys=(key(),), mfa=False, password_changed_at=NEW)


def test_a_password_on_what_works_with_keys() -> None:
    assert found(CHECK, GIVEN) == [("medium", "kim")]
    assert found(CHECK, GIVEN.model_copy(update={"rights": ALL})) == [("high", "kim")]


def test_a_person_who_changes_a_password_is_none() -> None:
    assert found(CHECK, user(keys=(key(),), password_changed_at=NEW)) == []
    assert found(CHECK, user(mfa=False, password_changed_at=NEW)) == []
    assert found(CHECK, user(keys=(key(),), mfa=False)) == []
    assert found(CHECK, user(keys=(key(created_at=NEW),), created_at=NEW, mfa=False, password_changed_at=NEW)) == []


def test_what_is_not_known_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, user(password=None))
