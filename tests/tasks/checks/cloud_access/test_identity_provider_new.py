from __future__ import annotations

import pytest

from tasks.checks.cloud_access.identity_provider_new import IdentityProviderNew
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import NEW, found, provider

CHECK = IdentityProviderNew()


def test_a_new_one() -> None:
    assert found(CHECK, provider(created_at=NEW)) == [("high", "p")]
    assert found(CHECK, provider(kind="oidc", created_at=NEW)) == [("medium", "p")]


def test_an_old_one_is_none() -> None:
    assert found(CHECK, provider()) == []


def test_one_without_a_date_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, provider(created_at=None))
