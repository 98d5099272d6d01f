"""Every policy of the baseline for AWS accounts, on moto and our stand-ins: an account that has what it demands, one that was broken into and never
looked after, one in which there is nothing, and one of which we may read nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.aws.actions import least_policy
from tenantry.baseline.discover import measures
from tenantry.baseline.judge import answers, judge
from tenantry.baseline.model import load_baseline
from tenantry.errors import NoProvider
from tenantry.sweep.check import Look
from tenantry.sweep.discover import checks
from tenantry.sweep.live import Given, sweep_tenant
from tests.integrations.aws.test_live_sweep import KNOWN, Access
from tests.support.aws_gaps import Reply
from tests.support.aws_hardened import furnish_soundly, neglect
from tests.support.aws_planted import plant
from tests.support.aws_stand import Account, AwsStand, the_stand

BASELINE = load_baseline("aws_foundations")
CHECKS = {check.name: check for check in checks()}


class Looking:
    """As much of the capability as a baseline needs."""

    def __init__(self, access: Any) -> None:
        self.access = access

    def given(self, needs: Any, look: Look) -> Given:
        return Given(self.access, look, needs, "a test")

    async def checked(self, checks: Any, look: Look) -> Any:
        return await sweep_tenant(self.access, checks, look, {})


@pytest.fixture(scope="module")
def aws() -> AwsStand:
    stand = the_stand()
    stand.forget()
    return stand


async def stands(account: Account, now: datetime, *, granted: bool = True) -> dict[str, dict[str, Any]]:
    """Policy → result, with the rights that measures and checks declare and no others."""
    measured, checked = answers(BASELINE, measures(), CHECKS)
    declared = [*(one for measure in measured.values() for one in measure.all_permissions())]
    declared += [one for check in checked for one in check.collect.permissions]
    names = {name for one in declared if one.vendor == "aws" for name in one.names}
    account.grant(least_policy(names if granted else {"sts:GetCallerIdentity"}))
    handle = await account.open()
    try:
        looking: Any = Looking(Access(handle))
        found = await judge(looking, [BASELINE], measures(), CHECKS, Look(now, now - timedelta(days=30), KNOWN))
    finally:
        await handle.aclose()
    return {one["policy"]: one for one in found[BASELINE.id]}


def others(found: dict[str, dict[str, Any]], status: str) -> dict[str, str]:
    """Those that stand otherwise."""
    return {policy: one["status"] for policy, one in found.items() if one["status"] != status}


async def test_an_account_that_has_what_is_demanded(aws: AwsStand) -> None:
    account, now = aws.new_account(), datetime.now(UTC)
    furnish_soundly(account, now)
    found = await stands(account, now)
    assert others(found, "pass") == {}
    assert set(found) == {policy.id for policy in BASELINE.policies}
    long_after = await stands(account, now + timedelta(days=36_500))
    assert {long_after[policy]["status"] for policy in AGEING} == {"fail"}


AGEING = {"federation_certificates", "keys_replaced", "credentials_used", "backups_made"}
"""What is well today and is not for ever."""


async def test_an_account_that_was_broken_into_and_never_looked_after(aws: AwsStand) -> None:
    account, now = aws.new_account(), datetime.now(UTC)
    plant(account, now)
    neglect(account, now)
    for status in (
        {"IsLogging": False},
        {"IsLogging": True, "LatestDeliveryError": "AccessDenied"},
    ):  # of its two trails
        aws.fault("cloudtrail", "GetTrailStatus", Reply.json(status))
    found = await stands(account, now + timedelta(minutes=5))
    assert others(found, "fail") == {
        "federation_certificates": "pass",
        "backups_made": "pass",  # there are some, and a stranger may read them
        "trail_objects": "pass",
    }
    assert "canary-db-passw0rd" not in str(found)


async def test_an_account_in_which_there_is_nothing(aws: AwsStand) -> None:
    found = await stands(aws.new_account(), datetime.now(UTC))
    assert {found[policy]["status"] for policy in ("trail_everywhere", "trail_objects", "backups_made")} == {"fail"}
    assert {found[policy]["status"] for policy in ("trails_record", "trail_delivered")} == {"not_applicable"}
    assert {found[policy]["status"] for policy in ("findings_dealt_with", "keys_live")} == {"not_applicable"}


async def test_what_we_may_not_read_is_no_pass(aws: AwsStand) -> None:
    account = aws.new_account()
    found = await stands(account, datetime.now(UTC), granted=False)
    assert others(found, "unknown") == {}


async def test_a_client_without_an_account_has_none_of_it() -> None:
    class Nothing:
        name = "acme"

        async def capability(self, name: str) -> Any:
            raise NoProvider(f"nothing has {name}")

    looking: Any = Looking(Nothing())
    now = datetime.now(UTC)
    found = await judge(looking, [BASELINE], measures(), CHECKS, Look(now, now - timedelta(days=30), KNOWN))
    assert {one["status"] for one in found[BASELINE.id]} == {"not_applicable"}
