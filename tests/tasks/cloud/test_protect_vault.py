from __future__ import annotations

from typing import Any

from tasks.cloud.protect_vault import ProtectVault
from tests.support.cloud import CloudTenant, ContestedCloudEffect
from tests.support.effects import Case, drive

OWN = {"Sid": "Own", "Effect": "Allow", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*"}


def prepare(tenant: CloudTenant) -> dict[str, Any]:
    (vault,) = tenant.account.table("vaults")
    vault.props["policy"] = {"Version": "2012-10-17", "Statement": [OWN]}
    return {"vault": vault.id}


def policy(tenant: CloudTenant) -> Any:
    (vault,) = tenant.account.table("vaults")
    return vault.props["policy"]


class TestProtectVault(ContestedCloudEffect):
    case = Case(
        task=ProtectVault,
        prepare=prepare,
        writes=[("set_vault_policy", "vaults/Default/policy", None)],
        undo_writes=[("set_vault_policy", "vaults/Default/policy", None)],
        seen=policy,
        upsets=lambda tenant: next(iter(tenant.account.table("vaults"))).props.update(policy=None),
    )


async def test_what_was_there_stays_beside_it() -> None:
    tenant = CloudTenant()
    await drive(tenant, ProtectVault(), prepare(tenant))
    own, deny = policy(tenant)["Statement"]
    assert own == OWN
    assert (deny["Effect"], "backup:DeleteRecoveryPoint" in deny["Action"]) == ("Deny", True)
    assert not any("VaultAccessPolicy" in action for action in deny["Action"]), "or it could never be taken back"
