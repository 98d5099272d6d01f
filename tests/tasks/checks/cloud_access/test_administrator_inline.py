from __future__ import annotations

from tasks.checks.cloud_access.administrator_inline import AdministratorInline
from tenantry.capabilities import Rights
from tests.tasks.checks._cloud import ALL, found, user

CHECK = AdministratorInline()


def test_a_policy_of_its_own() -> None:
    inline = Rights(administrator=True, inline_administrator=True, through=("x",))
    assert found(CHECK, user(rights=inline)) == [("medium", "kim")]


def test_an_attached_one_or_none_is_none() -> None:
    assert found(CHECK, user(rights=ALL)) == []
    assert found(CHECK, user()) == []
