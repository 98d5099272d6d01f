"""The checks of cloud accounts on the lab's: what its story leaves in the log is found, and a quiet account has nothing high."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations.lab import Lab
from integrations.lab.cloud.service import implementations
from tenantry.errors import NoProvider
from tenantry.places import SHIPPED
from tenantry.sweep.check import Look
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tenantry.sweep.model import Sweep, rank
from tests.support.unsure import unsure

CHECKS = [check for check in checks() if check.name.startswith("checks.cloud_")]


class Access:
    name = "lab"

    def __init__(self, lab: Lab) -> None:
        self.have = implementations(lab.cloud)

    async def capability(self, name: str) -> Any:
        if name not in self.have:
            raise NoProvider(f"no provider offers {name}")
        return self.have[name]


@pytest.fixture(scope="module")
def detections() -> dict[str, Detections]:
    return {"cloudtrail": Detections.load("cloudtrail", (SHIPPED / "detections",))}


async def swept(scenario: str, detections: dict[str, Detections]) -> Sweep:
    lab = Lab(scenario, users=20)
    now = lab.now()
    look = Look(now, now - timedelta(days=30))
    return await sweep_tenant(Access(lab), CHECKS, look, detections)  # type: ignore[arg-type]  # as much as is used


async def test_a_leaked_key(detections: dict[str, Detections]) -> None:
    found = await swept("leaked_key", detections)
    failed = {one["check"] for one in found.checks if one["status"] == "fail"}
    assert {
        "checks.cloud_access.admin_rights_given",
        "checks.cloud_access.access_key_made",
        "checks.cloud_access.role_trust_changed",
        "checks.cloud_watch.trail_stopped_or_narrowed",
        "checks.cloud_activity.instances_started_oddly",
    } <= failed
    assert found.entities[0]["id"].endswith(":user/ci-deploy")
    assert found.events_unreadable == 0


async def test_a_quiet_account(detections: dict[str, Detections]) -> None:
    found = await swept("quiet", detections)
    assert [one.rule for one in found.findings if rank(one.severity) >= rank("high")] == []
    standing = {one["check"]: one["status"] for one in found.checks}
    assert standing["checks.cloud_access.root_has_key"] == "not_applicable", "the lab says nothing of that"
    assert {one["why"].partition(":")[0] for one in unsure(found)} == {
        "the log cloudtrail holds nothing at all of this time"
    }, "the lab's account has no past"
