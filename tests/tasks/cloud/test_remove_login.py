from __future__ import annotations

from tasks.cloud.remove_login import RemoveLogin
from tenantry.task import Outcome
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive


class TestRemoveLogin(CloudEffect):
    case = Case(
        task=RemoveLogin,
        prepare=lambda _: {"principal": "user/dana.ops"},
        writes=[("remove_login", "user/dana.ops/login", None)],
        undo_writes=None,
        foothold=True,
    )


async def test_a_user_without_a_password_is_already_so() -> None:
    done = await drive(CloudTenant(), RemoveLogin(), {"principal": "user/ci-deploy"})
    assert done.outcome is Outcome.ALREADY
