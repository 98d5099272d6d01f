from __future__ import annotations

from types import SimpleNamespace

from tasks.checks._collect.roles import PrivilegedHolder, privileged_holders
from tasks.measures.entra.privileged_in_cloud import PrivilegedInCloud
from tenantry.errors import TargetNotFound
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import EXCHANGE, GLOBAL
from tests.tasks.measures.entra.test_global_administrators import Directory, holding
from tests.tasks.measures.given import Given


def holder(synced: bool | None, *roles: str) -> PrivilegedHolder:
    return PrivilegedHolder("a", frozenset(roles or {GLOBAL}), synced)


def test_synced_or_not_or_a_group() -> None:
    assert asked(PrivilegedInCloud, holder(False)) == []
    assert asked(PrivilegedInCloud, holder(True, "other", EXCHANGE)) == ["the account is synced from the network"]
    assert asked(PrivilegedInCloud, holder(True, "other")) is None
    assert asked(PrivilegedInCloud, holder(None)) == "who is in the groups that hold such roles was not looked at"


async def test_each_holder_once() -> None:
    async def account(key: str) -> SimpleNamespace:
        if key == "id-gone":
            raise TargetNotFound("gone")
        return SimpleNamespace(synced=key == "id-a")

    finer = holding("a", role="Exchange Administrator", role_id=EXCHANGE)
    others = [holding("g", kind="group"), holding("tool", kind="application"), holding("gone"), holding("b")]
    given = Given(directory=Directory(holding("a"), finer, *others), identity=SimpleNamespace(account=account))
    found = {one.name: (one.roles, one.synced) async for one in privileged_holders.read(given)}
    assert found == {
        "a": ({GLOBAL, EXCHANGE}, True),
        "b": ({GLOBAL}, False),
        "g": ({GLOBAL}, None),
    }
