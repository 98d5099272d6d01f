from __future__ import annotations

import pytest

from tasks.checks.cloud_access.user_without_mfa import UserWithoutMfa
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import NEW, found, user

CHECK = UserWithoutMfa()


def test_a_password_alone() -> None:
    assert found(CHECK, user(mfa=False)) == [("low", "kim")]
    assert found(CHECK, user(mfa=False, password_used_at=NEW)) == [("medium", "kim")]


def test_a_second_factor_or_no_password_is_none() -> None:
    assert found(CHECK, user()) == []
    assert found(CHECK, user(password=False, mfa=False)) == []


@pytest.mark.parametrize("unknown", [{"password": None}, {"mfa": None}])
def test_what_is_not_known_is_not_judged(unknown: dict[str, None]) -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, user(**unknown))
