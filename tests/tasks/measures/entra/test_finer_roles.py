from __future__ import annotations

import pytest

from tasks.measures.entra.finer_roles import FinerRoles
from tenantry.capabilities import RoleHolding
from tests.tasks.measures.entra.settings import EXCHANGE
from tests.tasks.measures.entra.test_global_administrators import Directory, holding
from tests.tasks.measures.given import measured


def finer(name: str, **of: str) -> RoleHolding:
    return holding(name, role="Exchange Administrator", role_id=EXCHANGE, **of)


@pytest.mark.parametrize(
    ("holdings", "status"),
    [
        ([holding("a"), finer("b")], "pass"),
        ([holding("a"), holding("b"), finer("c")], "fail"),
        ([holding("a"), finer("a")], "fail"),
        ([holding("a"), finer("b"), finer("g", kind="group")], "unknown"),
        ([holding("a"), finer("b", kind="application")], "fail"),
        ([finer("b")], "unknown"),
    ],
)
async def test_more_than_all_powerful(holdings: list[RoleHolding], status: str) -> None:
    assert (await measured(FinerRoles(), directory=Directory(*holdings))).status == status
