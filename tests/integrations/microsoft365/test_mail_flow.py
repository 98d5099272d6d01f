from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from integrations.lab.faults import FaultPlan
from integrations.lab.mailbox import graph_rule_id
from integrations.lab.scenarios.breached import FORWARDS, GUEST_ADMIN, OUTSIDE, UNRECORDED
from integrations.lab.scenarios.stage import SYNCED
from tenantry.errors import PermissionMissing, ProviderError
from tests.conformance.mail_flow import MailFlowConformance, MailFlowWorld
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = lab_stand("breached", users=30)
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def world(stand: Stand) -> MailFlowWorld:
    tenant, story = stand.lab.tenant, stand.story
    box = tenant.mailbox(tenant.directory.resolve(story["artefacts"]["hidden_rule"]["mailbox"]) or 0)
    box.settings.props.update(ForwardingSmtpAddress=None)
    return MailFlowWorld(
        provider=(await stand.open()).capability("mail_flow"),
        domain=tenant.domain,
        mailboxes=30,
        with_rules=tenant.directory.upn_of(box.owner),
        rules=frozenset(row.id for row in box.rules if not row.props["system"]),
        hidden_rule=story["artefacts"]["hidden_rule"]["identity"],
        forwards=tenant.directory.upn_of(FORWARDS),
        forwards_to=OUTSIDE,
        trustee=tenant.directory.upn_of(GUEST_ADMIN).lower(),
        bypassed=tenant.directory.upn_of(UNRECORDED),
        writes=lambda: len(stand.lab.audit),
    )


class TestMailFlow(MailFlowConformance):
    pass


async def test_a_list_that_breaks_off_is_begun_anew_and_shows_nobody_twice(stand: Stand, world: MailFlowWorld) -> None:
    stand.lab.faults.set(FaultPlan(seed=3, partial_page_rate=1.0))
    lost: list[str] = []

    def instead(request: httpx.Request) -> httpx.Response | None:
        if b"Get-Mailbox" in request.content and "skiptoken" in str(request.url) and len(lost) < 1:
            lost.append(str(request.url))
            return httpx.Response(400, json={"error": {"code": "BadRequest", "message": "the session has ended"}})
        return None

    stand.wire.instead = instead
    found = [box.upn async for box in world.provider.mailboxes()]
    assert len(lost) == 1
    assert len(found) == len(set(found)) == world.mailboxes


async def test_an_item_that_is_throttled_or_lost_is_asked_for_alone(stand: Stand, world: MailFlowWorld) -> None:
    boxes = [box async for box in world.provider.mailboxes()]
    calm = await world.provider.rules_of(boxes)
    before = len(stand.wire.sent("POST", "/InvokeCommand"))

    match = {"cmdlet": "Get-InboxRule"}
    script = [
        {"match": match, "nth": [1, 12], "fault": "throttle"},
        {"match": match, "nth": 5, "fault": "error", "status": 503},
    ]
    stand.lab.faults.set(FaultPlan.model_validate({"script": script}))
    assert await world.provider.rules_of(boxes) == calm
    assert len(stand.wire.sent("POST", "/InvokeCommand")) == before + 3


async def test_where_graphs_ids_do_not_fit_exchange_is_asked_which_rules_are_hidden(
    stand: Stand, world: MailFlowWorld
) -> None:
    boxes = [box async for box in world.provider.mailboxes() if box.upn == world.with_rules]
    for id in ("AAAA", graph_rule_id("4242")):

        def instead(request: httpx.Request, id: str = id) -> httpx.Response | None:
            if request.url.path.endswith("/messageRules"):
                return httpx.Response(200, json={"value": [{"id": id, "displayName": "x"}]})
            return None

        stand.wire.instead = instead
        [rules] = await world.provider.rules_of(boxes)
        assert not isinstance(rules, ProviderError)
        assert {rule.id for rule in rules if rule.hidden} == {world.hidden_rule}


async def test_without_the_role_nothing_is_read(stand: Stand, world: MailFlowWorld) -> None:
    boxes = [box async for box in world.provider.mailboxes()][:3]
    stand.lab.change_permissions(exchange_roles=["Global Reader"])
    assert all(isinstance(one, PermissionMissing) for one in await world.provider.rules_of(boxes))
    stand.lab.change_permissions(exchange_roles=[])
    with pytest.raises(PermissionMissing):
        await world.provider.organization()


async def test_delegates_hidden_rules_are_listed_as_such(stand: Stand, world: MailFlowWorld) -> None:
    assert stand.lab.tenant.directory.upn_of(SYNCED) in {box.upn async for box in world.provider.mailboxes()}
