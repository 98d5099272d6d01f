"""A live sweep over lab tenants: whatever is planted is found, what only looks alike is not held against anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from integrations.http import Limits
from integrations.lab.faults import FaultPlan
from integrations.lab.lab import Lab
from integrations.microsoft365.provider import PROVIDER, Microsoft365Handle
from tasks.checks._collect.logs import OPERATIONS
from tenantry.errors import NoProvider
from tenantry.places import SHIPPED
from tenantry.sweep.check import BaseCheck, Check, Known, Look
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tenantry.sweep.model import Sweep, rank
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand
from tests.support.unsure import unsure

LOGS = ("entra-signin", "entra-audit", "ual")


class Access:
    """The lab's tenant, as the sweep sees it."""

    name = "acme"

    def __init__(self, handle: Microsoft365Handle) -> None:
        self._handle = handle

    async def capability(self, name: str) -> Any:
        if name not in PROVIDER.capabilities:
            raise NoProvider(f"no provider for {name!r}")
        return self._handle.capability(name)


@pytest.fixture(scope="module")
def detections() -> dict[str, Detections]:
    return {name: Detections.load(name, (SHIPPED / "detections",)) for name in LOGS}


def ours() -> list[BaseCheck]:
    """The checks of this vendor: those whose capabilities it has."""
    return [check for check in checks() if set(check.collect.needs) <= set(PROVIDER.capabilities)]


@pytest.fixture
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    found = lab_stand(getattr(request, "param", "clean"))
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


def look(lab: Lab) -> Look:
    now = datetime.now(UTC)
    known = Known(domains=frozenset({lab.domain}), partners=frozenset({lab.dice.guid("msp")}))
    return Look(now, now - timedelta(days=30), known)


async def swept(stand: Stand, detections: dict[str, Detections], *asked: BaseCheck, **limits: Any) -> Sweep:
    handle = await stand.open(limits=Limits(**limits) if limits else None)
    return await sweep_tenant(Access(handle), asked or ours(), look(stand.lab), detections)  # type: ignore[arg-type]  # as much as is used


@pytest.mark.parametrize("stand", ["breached"], indirect=True)
async def test_everything_that_was_planted_is_found(stand: Stand, detections: dict[str, Detections]) -> None:
    found = await swept(stand, detections)
    hits = {(one.rule, one.entity["id"]) for one in found.findings}
    planted = stand.story["artefacts"]["planted"]
    assert set(planted.items()) <= hits
    severity = {(one.rule, one.entity["id"]): one.severity for one in found.findings}
    of_states = {check.name: check.severity for check in ours() if isinstance(check, Check)}
    assert {rule: severity[rule, entity] for rule, entity in planted.items() if rule in of_states} == of_states
    # What lies beside it and looks alike is held against nobody.
    high = {one.entity["id"] for one in found.findings if rank(one.severity) >= rank("high")}
    accounts = {name.lower() for name in (*stand.story["compromised"], *planted.values())}
    attackers = {"Mail Archive Sync Pro", "DocuVault Sign"}
    assert {one for one in high if one.lower() not in accounts and one.partition(" (")[0] not in attackers} == set()
    assert unsure(found) == []
    assert found.entities[0]["id"] == stand.story["accounts"]["finance"]


def test_every_check_of_a_state_has_something_planted() -> None:
    lab = Lab("breached", users=20)
    planted = lab.scenario_info()["artefacts"]["planted"]
    states = {check.name for check in ours() if isinstance(check, Check)}
    assert states <= planted.keys()


@pytest.mark.parametrize("stand", ["clean", "quiet"], indirect=True)
async def test_a_clean_tenant_has_nothing_high(stand: Stand, detections: dict[str, Detections]) -> None:
    found = await swept(stand, detections)
    assert [one.as_dict() for one in found.findings if rank(one.severity) >= rank("high")] == []
    assert unsure(found) == []
    assert {one["status"] for one in found.checks} <= {"pass", "fail"}
    assert stand.lab.audit == []


@pytest.mark.parametrize("stand", ["breached"], indirect=True)
async def test_without_the_licence_what_it_gives_is_not_checked(
    stand: Stand, detections: dict[str, Detections]
) -> None:
    stand.lab.tenant.posture.premium = False
    found = await swept(stand, detections)
    unknown = {one["check"] for one in found.checks if one["status"] == "unknown"}
    assert unknown == {
        "checks.identity.privileged_role_given",
        "checks.identity.risk_detected",
        "checks.identity.method_added_at_risk",
    }
    assert {one["check"] for one in unsure(found)} == unknown


@pytest.mark.parametrize("stand", ["breached"], indirect=True)
async def test_without_a_permission_its_checks_are_not_checked(stand: Stand, detections: dict[str, Detections]) -> None:
    stand.lab.change_permissions(
        revoke=[
            "Policy.Read.All",
            "Policy.ReadWrite.ConditionalAccess",
            "MailboxSettings.Read",
            "MailboxSettings.ReadWrite",
        ]
    )
    found = await swept(stand, detections)
    standing = {one["check"]: one["status"] for one in found.checks}
    assert standing["checks.access.policy_weakened"] == standing["checks.access.location_trusted"] == "unknown"
    assert "Policy.Read.All" in str(found.could_not_check)
    # Exchange knows which rules are hidden too, at the price of a second question.
    hits = {(one.rule, one.entity["id"]) for one in found.findings}
    assert ("checks.mail.rule_hidden", stand.story["accounts"]["finance"]) in hits


@pytest.mark.parametrize("stand", ["breached"], indirect=True)
async def test_throttled_and_failing_it_finds_the_same(stand: Stand, detections: dict[str, Detections]) -> None:
    asked = [check for check in ours() if isinstance(check, Check)]
    calm = await swept(stand, detections, *asked)
    stand.lab.faults.set(FaultPlan(seed=7, throttle_rate=0.15, error_rate=0.05, partial_page_rate=0.1))
    rough = await swept(stand, detections, *asked, attempts=12, budget=3000.0)
    assert unsure(rough) == []
    told = [{(one.rule, one.entity["id"], one.severity, one.count) for one in of.findings} for of in (calm, rough)]
    assert told[0] == told[1]


def test_the_audit_log_is_asked_for_whatever_detections_look_at() -> None:
    named: set[str] = set()
    for path in (SHIPPED / "detections" / "microsoft365").glob("*.yml"):
        for rule in yaml.safe_load_all(path.read_text("utf-8")):
            if (rule.get("logsource") or {}).get("service") == "audit":
                for part in rule["detection"].values():
                    names = part.get("view.name", []) if isinstance(part, dict) else []
                    named |= {names} if isinstance(names, str) else set(names)
    assert len(named) > 40
    assert named <= set(OPERATIONS)


async def test_requests_are_as_few_as_the_apis_allow(detections: dict[str, Detections]) -> None:
    """Rules of all mailboxes, ten to a request of Exchange; of those that have any, twenty to one of Graph."""
    stand = lab_stand("clean", users=300)
    found = await swept(stand, detections, *(check for check in ours() if isinstance(check, Check)))
    assert {one["status"] for one in found.checks} <= {"pass", "fail"}
    asked = len([one for one in stand.wire.requests if "/oauth2/" not in one.url.path])
    some = sum(any(not row.props["system"] for row in stand.lab.tenant.mailbox(index).rules) for index in range(300))
    least = 30 + -(-some // 20)
    assert len(stand.wire.sent("POST", "/$batch")) <= least + 6
    assert asked <= least + 40
    for handle in stand.handles:
        await handle.aclose()


async def test_it_can_be_cancelled(stand: Stand, detections: dict[str, Detections]) -> None:
    handle = await stand.open()
    waiting = asyncio.Event()

    def stuck(request: Any) -> None:
        if request.url.path.endswith("/$batch"):
            waiting.set()

    stand.wire.instead = stuck
    stand.lab.faults.set(
        FaultPlan.model_validate({"script": [{"match": {"path": "batch"}, "fault": "latency", "delay_ms": 60_000}]})
    )
    asked = [check for check in ours() if check.name.startswith("checks.mail.rule")]
    running = asyncio.create_task(
        sweep_tenant(Access(handle), asked, replace(look(stand.lab)), detections)  # type: ignore[arg-type]  # as above
    )
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
