from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.entra.global_administrators import GlobalAdministrators
from tenantry.capabilities import RoleHolding
from tests.tasks.measures.given import listed, measured


def holding(
    name: str,
    *,
    role: str = "Global Administrator",
    kind: Any = "user",
    how: Any = "assigned",
    role_id: str | None = None,
) -> RoleHolding:
    template = "62e90394-69f5-4237-9190-012177145e10" if role == "Global Administrator" else "other"
    return RoleHolding(
        **{
            "id": f"{name}-{how}",
            "principal_id": f"id-{name}",
            "principal": name,
            "kind": kind,
            "first_party": False,
            "app_id": "",
        },
        **{
            "role": role,
            "role_id": role_id or template,
            "privileged": True,
            "scope": "/",
            "how": how,
            "began_at": None,
        },
        dated=True,
        raw={},
    )


class Directory:
    def __init__(self, *holdings: RoleHolding) -> None:
        self.role_holdings = listed(*holdings)


@pytest.mark.parametrize(
    ("holdings", "status"),
    [
        ([holding("a"), holding("b", how="eligible")], "pass"),
        ([holding("a"), holding("a", how="activated")], "fail"),
        ([holding(f"a{number}") for number in range(9)], "fail"),
        ([holding("a"), holding("b"), holding("g", kind="group")], "unknown"),
        ([holding("a"), holding("b", role="Reader")], "fail"),
        ([], "unknown"),
    ],
)
async def test_how_many(holdings: list[RoleHolding], status: str) -> None:
    assert (await measured(GlobalAdministrators(), directory=Directory(*holdings))).status == status
