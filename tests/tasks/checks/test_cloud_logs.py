"""The checks that ask detections of CloudTrail: what each names is found through the capability; what our own role reads is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.aws.cloudtrail import event
from tasks.checks._collect.cloud_log import cloud_events
from tenantry.capabilities import CloudCaller
from tenantry.places import SHIPPED
from tenantry.sweep.check import BaseCheck, Known, LogCheck, Look
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tenantry.sweep.model import Sweep
from tests.support.aws_gaps import record
from tests.support.aws_planted import examples

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CHECKS = {one.name: one for one in checks() if isinstance(one, LogCheck) and one.collect is cloud_events}
ACCOUNT = "123456789012"
NOBODY = Known()
ROLE = f"arn:aws:iam::{ACCOUNT}:role/msp/TenantryResponse"


class Logs:
    """``cloud_logs`` with some records; and who we are."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records

    async def events(self, since: datetime, until: datetime) -> AsyncIterator[Any]:
        assert (since, until) == (NOW - timedelta(days=30), NOW)
        for one in self.records:
            yield event(one)

    async def caller(self) -> CloudCaller:
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/TenantryResponse/tenantry"
        return CloudCaller(account=ACCOUNT, arn=arn, ref="role/TenantryResponse")

    async def capability(self, _name: str) -> Any:
        return self


@pytest.fixture(scope="module")
def detections() -> dict[str, Detections]:
    return {"cloudtrail": Detections.load("cloudtrail", (SHIPPED / "detections",))}


async def swept(
    records: list[dict[str, Any]], asked: list[BaseCheck], detections: dict[str, Detections], known: Known = NOBODY
) -> Sweep:
    look = Look(NOW, NOW - timedelta(days=30), known)
    return await sweep_tenant(Logs(records), asked, look, detections)  # type: ignore[arg-type]  # as much as is used


def standing(found: Sweep) -> dict[str, str]:
    return {one["check"]: one["status"] for one in found.checks}


@pytest.mark.parametrize("name", sorted(name for name, one in CHECKS.items() if one.rules[0].startswith("aws_")))
async def test_what_it_names_is_found(name: str, detections: dict[str, Detections]) -> None:
    """Each of its detections alone is enough."""
    check = CHECKS[name]
    shipped = [rule for rule in check.rules if (SHIPPED / "detections" / "aws" / f"{rule}.yml").is_file()]
    assert shipped
    for rule in shipped:
        found = await swept(examples(rule), [check], detections)
        assert standing(found) == {name: "fail"}, rule
    assert standing(await swept([], [check], detections)) == {name: "pass"}


def explored(who: dict[str, Any]) -> list[dict[str, Any]]:
    """Thirty questions of ten services in three minutes, a quarter of them refused."""
    at = NOW - timedelta(days=2)
    return [
        record(
            f"List{number}Things",
            at + timedelta(seconds=6 * number),
            source=f"service{number % 10}",
            account=ACCOUNT,
            error="AccessDenied" if number % 4 == 0 else "",
        )
        | who
        for number in range(30)
    ]


def session(role: str) -> dict[str, Any]:
    name = role.rpartition("/")[2]
    return {
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/tenantry",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAEXAMPLE000000000",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": ACCOUNT, "userName": name}},
        }
    }


async def test_what_our_own_role_reads_is_left_out_and_another_roles_is_not(detections: dict[str, Detections]) -> None:
    name = "checks.cloud_activity.account_explored"
    ours = await swept(explored(session(ROLE)), [CHECKS[name]], detections)
    assert (standing(ours), ours.events_read) == ({name: "pass"}, 0)
    theirs = await swept(explored(session(ROLE + "2")), [CHECKS[name]], detections)
    assert (standing(theirs), theirs.events_read) == ({name: "fail"}, 30)


async def test_what_our_own_role_changes_is_shown_as_everybodys(detections: dict[str, Detections]) -> None:
    stopped = [one | session(ROLE) for one in examples("aws_trail_stopped")]
    name = "checks.cloud_watch.trail_stopped_or_narrowed"
    assert standing(await swept(stopped, [CHECKS[name]], detections)) == {name: "fail"}


async def test_accounts_that_the_tenants_file_names_are_not_outside(detections: dict[str, Detections]) -> None:
    name = "checks.cloud_access.role_trust_changed"
    records = examples("aws_role_trusts_outside")
    found = await swept(records, [CHECKS[name]], detections)
    outside = {digits for one in records for digits in _accounts(str(one["requestParameters"]))}
    assert standing(found) == {name: "fail"}
    known = Known(cloud_accounts=frozenset(outside))
    assert standing(await swept(records, [CHECKS[name]], detections, known)) == {name: "pass"}


def _accounts(text: str) -> set[str]:
    return {part[:12] for part in text.split("iam::") if part[:12].isdigit()}


async def test_a_new_origin_after_days_of_work(detections: dict[str, Detections]) -> None:
    name = "checks.cloud_activity.new_origin_then_sensitive"
    begun = NOW - timedelta(days=3)
    usual = [
        record("DescribeInstances", begun + timedelta(hours=n), source="ec2", ip="198.51.100.7") for n in range(30)
    ]
    theirs = [
        record(operation, begun + timedelta(hours=31), ip="203.0.113.66", agent="Boto3/1.34 Python/3.11")
        for operation in ("CreateUser", "CreateAccessKey")
    ]
    assert standing(await swept([*usual, *theirs], [CHECKS[name]], detections)) == {name: "fail"}
    at_home = [one | {"sourceIPAddress": "198.51.100.7"} for one in theirs]
    assert standing(await swept([*usual, *at_home], [CHECKS[name]], detections)) == {name: "pass"}


async def test_who_stands_behind_a_session_is_told(detections: dict[str, Detections]) -> None:
    """What an assumed role does counts for whoever assumed it, as in a sweep of files."""
    given = record(
        "AssumeRole",
        NOW - timedelta(hours=3),
        source="sts",
        user="mallory",
        response={"credentials": {"accessKeyId": "ASIAEXAMPLE000000000"}},
    )
    did = [one | session(ROLE) for one in examples("aws_trail_stopped")]
    found = await swept([given, *did], [CHECKS["checks.cloud_watch.trail_stopped_or_narrowed"]], detections)
    assert any(one["id"].endswith(":user/mallory") for one in found.entities)
