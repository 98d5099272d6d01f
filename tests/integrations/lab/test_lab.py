from __future__ import annotations

import pytest

from integrations.lab import Lab
from tenantry.errors import InvalidInput, NotFound
from tests.integrations.lab.stand import Stand, StillClock


def test_the_same_seed_makes_the_same_tenant() -> None:
    clock = StillClock()
    one, two, other = Lab(seed=4, clock=clock), Lab(seed=4, clock=clock), Lab(seed=5, clock=clock)
    assert one.describe() == two.describe()
    assert one.tenant.sign_ins == two.tenant.sign_ins
    assert one.client_secret == two.client_secret
    assert one.tenant_id != other.tenant_id
    assert one.client_secret != other.client_secret
    assert one.scenario_info()["artefacts"] != other.scenario_info()["artefacts"]


@pytest.mark.parametrize("seed", range(6))
def test_every_seed_makes_a_whole_story(seed: int) -> None:
    info = Lab(seed=seed, users=20).scenario_info()
    assert len(set(info["compromised"])) == 2
    assert len(info["innocent"]) == len(set(info["innocent"])) > 20
    assert not set(info["innocent"]) & {f"users/{upn}" for upn in info["compromised"]}


def test_what_cannot_be_made() -> None:
    with pytest.raises(NotFound):
        Lab(scenario="unheard-of")
    with pytest.raises(InvalidInput):
        Lab(users=3)


def test_tenant_id_and_domain_can_be_chosen() -> None:
    lab = Lab(tenant_id="AAAAAAAA-0000-4000-8000-000000000001", domain="Other.Example")
    assert lab.tenant_id == "aaaaaaaa-0000-4000-8000-000000000001"
    assert lab.scenario_info()["compromised"][0].endswith("@other.example")


async def test_touching_the_innocent_is_noticed(stand: Stand) -> None:
    rules = f"users/{stand.finance}/mailFolders/inbox/messageRules"
    await stand.graph("DELETE", f"{rules}/{stand.artefacts['rule']['graph_id']}")
    assert stand.lab.innocent_touched() == []
    await stand.graph("POST", f"users/{stand.assistant}/revokeSignInSessions")
    own = next(row for row in (await stand.get(rules))["value"] if row["displayName"] == "Supplier newsletters")
    await stand.graph("PATCH", f"{rules}/{own['id']}", json={"isEnabled": False})
    await stand.run(
        "Remove-MailboxPermission", Identity=stand.finance, User=stand.assistant, AccessRights=["FullAccess"]
    )
    await stand.run("Set-Mailbox", Identity=stand.assistant, ForwardingSmtpAddress=None)
    assert [entry["target"] for entry in stand.lab.innocent_touched()] == [
        entry["target"] for entry in stand.lab.audit[1:]
    ]


async def test_a_large_tenant_pages_to_its_end() -> None:
    stand = Stand(users=100_000)
    await stand.sign_in()
    first = await stand.get("users?$select=id&$top=999")
    assert len(first["value"]) == 999
    tail = stand.lab.tenant.directory.id_of(99_999)
    assert (await stand.get(f"users/{tail}"))["id"] == tail
    counted = await stand.get("users?$count=true&$top=1", headers={"ConsistencyLevel": "eventual"})
    assert counted["@odata.count"] == 100_000
    assert len(stand.lab.tenant.directory.kept()) < 200


async def test_directory_sync_runs_by_itself(stand: Stand) -> None:
    path = f"users/{stand.synced}"
    assert (await stand.graph("PATCH", path, json={"accountEnabled": False})).status_code == 204
    stand.clock.advance(1799)
    assert (await stand.get(f"{path}?$select=accountEnabled"))["accountEnabled"] is False
    stand.clock.advance(1)
    assert (await stand.get(f"{path}?$select=accountEnabled"))["accountEnabled"] is True
