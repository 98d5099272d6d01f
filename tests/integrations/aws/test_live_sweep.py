"""A live sweep of whole cloud accounts, on moto and our stand-ins: every planted compromise is found beside what only looks alike, a usual account
has nothing high, and the rights that the collectors declare suffice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.aws.actions import least_policy
from integrations.aws.provider import AwsHandle
from tenantry.errors import NoProvider
from tenantry.places import SHIPPED
from tenantry.sweep.check import BaseCheck, Known, LogCheck, Look
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tenantry.sweep.model import Sweep, rank
from tests.support.aws_gaps import Reply
from tests.support.aws_planted import HUB, LOGS, plant
from tests.support.aws_stand import Account, AwsStand, the_stand
from tests.support.aws_usual import furnish, long_after
from tests.support.unsure import unsure

CHECKS: list[BaseCheck] = [check for check in checks() if check.name.startswith("checks.cloud_")]
KNOWN = Known(cloud_accounts=frozenset({HUB, LOGS}))
UNSEEN = {
    # moto delivers every file; a detector that is off finds nothing; and what an account did before takes a log of days. Each has its own test.
    "checks.cloud_watch.trail_not_delivered",
    *("checks.cloud_activity.detector_found", "checks.cloud_activity.new_origin_then_sensitive"),
}


class Access:
    """The tenant with its one provider."""

    name = "acme"

    def __init__(self, handle: AwsHandle) -> None:
        self.handle = handle

    async def capability(self, name: str) -> Any:
        if name not in ("identity", "mail"):
            return self.handle.capability(name)
        raise NoProvider(f"no provider for {name}")


@pytest.fixture(scope="module")
def detections() -> dict[str, Detections]:
    return {"cloudtrail": Detections.load("cloudtrail", (SHIPPED / "detections",))}


@pytest.fixture(scope="module")
def aws() -> AwsStand:
    stand = the_stand()
    stand.forget()
    return stand


async def swept(account: Account, look: Look, detections: dict[str, Detections]) -> Sweep:
    """With the rights that the collectors declare, and no others."""
    names = {name for check in CHECKS for permission in check.collect.permissions for name in permission.names}
    account.grant(least_policy(names))
    handle = await account.open()
    try:
        return await sweep_tenant(Access(handle), CHECKS, look, detections)  # type: ignore[arg-type]  # as much as is used
    finally:
        await handle.aclose()


async def test_every_planted_compromise_is_found_and_no_look_alike(
    aws: AwsStand, detections: dict[str, Detections]
) -> None:
    account, now = aws.new_account(), datetime.now(UTC)
    planted = plant(account, now)
    found = await swept(account, Look(now + timedelta(minutes=5), now - timedelta(days=30), KNOWN), detections)
    assert unsure(found) == []
    standing = {one["check"]: one["status"] for one in found.checks}
    assert {name for name, status in standing.items() if status != "fail"} == UNSEEN
    met = {one.entity["id"] for one in found.findings if one.rule.startswith("checks.")}
    assert planted.guilty <= met, planted.guilty - met
    assert not planted.innocent & met
    assert f"arn:aws:iam::{account.id}:root" in met
    assert {one["id"] for one in found.entities[:40]} & planted.guilty
    assert "canary-db-passw0rd" not in str(found.as_dict())
    assert "xmrig" not in str(found.as_dict()), "scripts may hold passwords"


async def test_a_usual_account_has_nothing_high(aws: AwsStand, detections: dict[str, Detections]) -> None:
    account, now = aws.new_account(), long_after()
    furnish(account, aws.new_account(), now)
    found = await swept(account, Look(now, now - timedelta(days=30), KNOWN), detections)
    assert [one["check"] for one in unsure(found)] == ["checks.cloud_exposure.objects_deleted"]
    assert "no trail" in unsure(found)[0]["why"], "usual, and still not known"
    assert [(one.rule, one.entity) for one in found.findings if rank(one.severity) >= rank("high")] == []
    # What is said at all: a public web site, a function with a public address, a vendor with an external id.
    assert {one.rule.rpartition(".")[2] for one in found.findings} <= {
        *("bucket_open", "function_open", "role_trusts_stranger"),
    }
    assert all(one["looked_at"] or one["check"].endswith(LEAN) for one in found.checks)


LEAN = (
    *("trust_anchor_present", "identity_provider_new", "detector_found"),
    *("role_open_to_any_workflow", "objects_deleted"),
)
"""What a usual account has nothing of."""


async def test_what_may_not_be_read_is_said_and_hides_nothing_else(
    aws: AwsStand, detections: dict[str, Detections]
) -> None:
    account, now = aws.new_account(), datetime.now(UTC)
    aws.fault("lambda", "GET /2015-03-31/functions", Reply.json_error(403, "AccessDeniedException"), times=2)
    found = await swept(account, Look(now, now - timedelta(days=30), KNOWN), detections)
    unknown = {one["check"] for one in found.checks if one["status"] == "unknown"}
    functions = {"checks.cloud_exposure.function_open", "checks.cloud_exposure.function_layer_outside"}
    empty = {
        one["check"] for one in found.could_not_check if "holds nothing at all" in one["why"]
    }  # the account has no past
    assert unknown - empty == functions | {"checks.cloud_exposure.objects_deleted"}
    why = {one["check"]: one["why"] for one in found.could_not_check}
    assert all("eu-central-1, us-east-1" in why[name] for name in functions)


def test_there_are_as_many_as_the_list_has() -> None:
    logs = [check for check in CHECKS if isinstance(check, LogCheck)]
    assert len(logs) >= 30
    assert len(CHECKS) - len(logs) >= 30
    rules = {rule for check in logs for rule in check.rules if rule.startswith("aws_")}
    shipped = {path.stem for path in (SHIPPED / "detections" / "aws").glob("*.yml")}
    assert shipped <= rules, "every detection answers somebody's question"
