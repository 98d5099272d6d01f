from __future__ import annotations

from typing import Any

from tasks.cloud.restore_trust import RestoreTrust
from tests.support.cloud import CloudTenant, ContestedCloudEffect
from tests.support.effects import Case, drive

EVIL, PARTNER = "arn:aws:iam::999988887777:root", "arn:aws:iam::111122223333:root"


def prepare(tenant: CloudTenant) -> dict[str, Any]:
    row = tenant.account.truth("principals", "role/build").props
    row["trust"] = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": [EVIL, PARTNER]}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": EVIL}, "Action": "sts:AssumeRole"},
        ],
    }
    return {"role": "role/build", "principals": [EVIL]}


def upset(tenant: CloudTenant) -> None:
    tenant.account.truth("principals", "role/build").props["trust"] = {"Statement": []}


class TestRestoreTrust(ContestedCloudEffect):
    case = Case(
        task=RestoreTrust,
        prepare=prepare,
        writes=[("set_trust", "role/build/trust", None)],
        undo_writes=[("set_trust", "role/build/trust", None)],
        seen=lambda tenant: tenant.seen("principals", "role/build")["trust"],
        upsets=upset,
        foothold=True,
    )


async def test_everybody_else_is_still_trusted() -> None:
    tenant = CloudTenant()
    await drive(tenant, RestoreTrust(), prepare(tenant))
    trust = tenant.seen("principals", "role/build")["trust"]
    assert [statement["Principal"] for statement in trust["Statement"]] == [
        {"Service": "ec2.amazonaws.com"},
        {"AWS": PARTNER},
    ]
