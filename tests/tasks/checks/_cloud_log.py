"""A cloud account's log for the tests of the checks that ask detections of it: the events that lie beside each detection."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.aws.cloudtrail import event
from tenantry.capabilities import CloudCaller
from tenantry.places import SHIPPED
from tenantry.sweep.check import Known, LogCheck, Look
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tenantry.sweep.model import Sweep
from tests.support.aws_planted import examples, stories
from tests.tasks.checks._cloud import trail

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/msp/TenantryResponse"
NOBODY = Known()


class Logs:
    """A tenant, and the capabilities that collectors of logs ask: some records, who we are, and trails."""

    name = "acme"

    def __init__(self, records: Sequence[dict[str, Any]], *, objects: bool) -> None:
        self.records = records
        self.objects = objects

    async def events(self, since: datetime, until: datetime) -> AsyncIterator[Any]:
        assert (since, until) == (NOW - timedelta(days=30), NOW)
        for one in self.records:
            yield event(one)

    async def archived(self, name: str, since: datetime, until: datetime) -> AsyncIterator[Any]:
        assert (name, since, until) == ("t", NOW - timedelta(days=7), NOW)
        for one in self.records:
            yield event(one)

    async def trails(self) -> AsyncIterator[Any]:
        yield trail(objects=self.objects)

    async def caller(self) -> CloudCaller:
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/TenantryResponse/tenantry"
        return CloudCaller(account=ACCOUNT, arn=arn, ref="role/TenantryResponse")

    async def capability(self, _name: str) -> Any:
        return self


@functools.cache
def detections() -> dict[str, Detections]:
    """Loaded once."""
    return {"cloudtrail": Detections.load("cloudtrail", (SHIPPED / "detections",))}


async def swept(
    records: Sequence[dict[str, Any]], check: LogCheck, known: Known = NOBODY, *, objects: bool = True
) -> Sweep:
    """A live sweep of these records by one check."""
    look = Look(NOW, NOW - timedelta(days=30), known)
    have: Any = Logs(records, objects=objects)
    return await sweep_tenant(have, [check], look, detections())


async def status(records: Sequence[dict[str, Any]], check: LogCheck, known: Known = NOBODY) -> str:
    """How the check ended."""
    [one] = (await swept(records, check, known)).checks
    return str(one["status"])


async def holds(check: LogCheck) -> None:
    """Each of its detections alone is enough, what only looks alike is not what that detection is about, and an empty log proves nothing."""
    shipped = [rule for rule in check.rules if (SHIPPED / "detections" / "aws" / f"{rule}.yml").is_file()]
    assert shipped
    for rule in shipped:
        assert await status(examples(rule), check) == "fail", rule
        for story in stories(rule, "true_negatives"):
            assert rule not in {one.rule for one in (await swept(story, check)).findings}, rule
    assert await status([], check) == "unknown"


def session(role: str) -> dict[str, Any]:
    """Who does it: a session of a role."""
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
