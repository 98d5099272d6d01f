"""The baseline for AWS accounts, on moto and our stand-ins: a furnished account, one that was broken into, and one of which we may read nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.aws.actions import least_policy
from tenantry.baseline.discover import measures
from tenantry.baseline.judge import answers, judge
from tenantry.baseline.model import load_baseline
from tenantry.sweep.check import Look
from tenantry.sweep.discover import checks
from tenantry.sweep.live import Given, sweep_tenant
from tests.integrations.aws.test_live_sweep import KNOWN, Access
from tests.support.aws_hardened import database, harden
from tests.support.aws_planted import plant
from tests.support.aws_stand import Account, AwsStand, the_stand
from tests.support.aws_usual import furnish, long_after

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


def told(found: dict[str, dict[str, Any]], status: str) -> set[str]:
    return {policy for policy, one in found.items() if one["status"] == status}


async def test_an_account_that_was_broken_into_fails_where_it_was_opened(aws: AwsStand) -> None:
    account, now = aws.new_account(), datetime.now(UTC)
    plant(account, now)
    database(account, "careless", good=False)
    account.client("kms").create_key()
    found = await stands(account, now + timedelta(minutes=5))
    assert {
        *("users_second_factor", "roles_trust_known", "no_foreign_authorities", "management_ports", "buckets_closed", "disks_not_shared"),
        *("functions_closed", "keys_live", "serial_consoles", "start_scripts", "detector_guardduty", "trail_everywhere", "trails_record", "buckets_enciphered"),
        *("password_length", "passwords_remembered", "metadata_guarded", "networks_logged", "default_groups_empty", "disks_enciphered"),
        *("keys_rotated", "databases_enciphered", "databases_private", "databases_kept", "databases_guarded", "databases_updated"),
    } <= told(found, "fail")  # fmt: skip
    assert "canary-db-passw0rd" not in str(found)


async def test_a_usual_account_passes_what_it_has_right(aws: AwsStand) -> None:
    account, now = aws.new_account(), long_after()
    furnish(account, aws.new_account(), now)
    rds = account.client("rds")
    for one in rds.describe_db_instances()["DBInstances"]:  # whose snapshots are what the sweep looks at
        rds.delete_db_instance(DBInstanceIdentifier=one["DBInstanceIdentifier"], SkipFinalSnapshot=True)
    harden(account)
    found = await stands(account, now)
    assert {
        *("root_second_factor", "root_without_keys", "trail_everywhere", "trails_record", "trail_kept", "detector_guardduty", "configuration_recorded"),
        *("management_ports", "database_ports", "disks_not_shared", "keys_live", "one_key_each", "serial_consoles"),
        *("password_length", "passwords_remembered", "databases_enciphered", "databases_private", "databases_kept", "databases_guarded"),
        *("databases_updated",),
    } <= told(found, "pass")  # fmt: skip
    assert {"trail_validated", "trail_objects", "buckets_guarded", "buckets_enciphered", "buckets_versioned"} <= told(
        found, "fail"
    )
    assert told(found, "unknown") == set()


async def test_what_we_may_not_read_is_no_pass(aws: AwsStand) -> None:
    account = aws.new_account()
    found = await stands(account, datetime.now(UTC), granted=False)
    assert told(found, "pass") == set()
    assert len(told(found, "unknown")) > 25
