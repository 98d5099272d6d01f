from __future__ import annotations

from tasks.checks.cloud_access.role_trust_changed import RoleTrustChanged
from tenantry.sweep.check import Known
from tests.support.aws_planted import examples
from tests.tasks.checks._cloud_log import holds, status


async def test_each_of_its_detections_is_enough_and_a_look_alike_is_none() -> None:
    await holds(RoleTrustChanged())


async def test_accounts_that_the_tenants_file_names_are_not_outside() -> None:
    records = [
        one for one in examples("aws_role_trusts_outside") if "999988887777" in str(one) and "44445" not in str(one)
    ]
    assert records
    named = {part[:12] for one in records for part in str(one["requestParameters"]).split("iam::")}
    known = Known(cloud_accounts=frozenset(named))
    assert await status(records, RoleTrustChanged()) == "fail"
    assert await status(records, RoleTrustChanged(), known) == "pass"
