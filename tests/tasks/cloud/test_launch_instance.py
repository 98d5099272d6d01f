from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.cloud.launch_instance import LaunchInstance
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case

GIVEN = {"image": "ami-0123456789abcdef0", "kind": "t3.large", "subnet": "subnet-0123456789abcdef0"}


def prepare(tenant: CloudTenant) -> dict[str, object]:
    group = "sg-0123456789abcdef0"
    row = {"region": "eu-central-1", "network": "vpc-1", "name": "app", "ingress": 1, "egress": 1}
    if tenant.account.table("groups").get(group) is None:
        tenant.account.add("groups", group, row)
    return {**GIVEN, "groups": [group]}


def target() -> str:
    from tasks.cloud._made import token

    return f"made/{token(CloudTenant().context(LaunchInstance()))}"


class TestLaunchInstance(CloudEffect):
    case = Case(task=LaunchInstance, prepare=prepare, writes=[("create_instance", target(), None)], undo_writes=None)


def test_without_a_security_group_nothing_is_launched() -> None:
    with pytest.raises(ValidationError):
        LaunchInstance.Params.model_validate({**GIVEN, "groups": []})
