"""What every provider of ``mail_flow`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.capabilities import Mailbox, MailFlow
from tenantry.errors import ProviderError


@dataclass
class MailFlowWorld:
    """An organisation of many mailboxes: in one lies a plain rule and a hidden one; one forwards to somebody of the address book."""

    provider: MailFlow
    domain: str
    mailboxes: int
    with_rules: str
    """Its principal name."""
    rules: frozenset[str]
    """All rules in it but the service's own."""
    hidden_rule: str
    forwards: str
    forwards_to: str
    """An address."""
    trustee: str
    """Who may send as somebody."""
    bypassed: str
    writes: Callable[[], int]


class MailFlowConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: MailFlowWorld) -> None:
        assert isinstance(world.provider, MailFlow)

    async def test_every_mailbox_once_and_where_it_forwards(self, world: MailFlowWorld) -> None:
        boxes = {box.upn: box async for box in world.provider.mailboxes()}
        assert len(boxes) == world.mailboxes
        forwarding = boxes[world.forwards].forwarding
        assert world.forwards_to in (forwarding.address, forwarding.smtp_address)
        assert not boxes[world.with_rules].forwarding.active
        assert all(box.raw for box in boxes.values())

    async def test_rules_in_the_order_of_the_mailboxes(self, world: MailFlowWorld) -> None:
        boxes = [box async for box in world.provider.mailboxes()]
        at = next(place for place, box in enumerate(boxes) if box.upn == world.with_rules)
        found = await world.provider.rules_of(boxes)
        assert len(found) == len(boxes)
        rules = found[at]
        assert not isinstance(rules, ProviderError)
        assert {rule.id for rule in rules} == world.rules
        assert {rule.id for rule in rules if rule.hidden} == {world.hidden_rule}

    async def test_a_mailbox_that_is_not_there_hides_no_other(self, world: MailFlowWorld) -> None:
        box = await self.some(world)
        gone = replace_upn(box, f"nobody@{world.domain}")
        missing, there = await world.provider.rules_of([gone, box])
        assert isinstance(missing, ProviderError)
        assert not isinstance(there, ProviderError)
        assert {rule.id for rule in there} == world.rules

    async def some(self, world: MailFlowWorld) -> Mailbox:
        found = [box async for box in world.provider.mailboxes() if box.upn == world.with_rules]
        assert len(found) == 1
        return found.pop()

    async def test_nobody_to_ask_about(self, world: MailFlowWorld) -> None:
        assert list(await world.provider.rules_of([])) == []

    async def test_what_everybodys_mail_passes_through(self, world: MailFlowWorld) -> None:
        assert world.domain in await world.provider.domains()
        assert world.trustee in {right.trustee async for right in world.provider.send_as()}
        assert [one.account async for one in world.provider.audit_bypasses()] == [world.bypassed]
        assert [rule async for rule in world.provider.transport_rules()]
        assert "*" in {one.domain async for one in world.provider.remote_domains()}
        organization = await world.provider.organization()
        assert organization.audit_log is not None
        assert organization.mailbox_audit is not None
        assert await world.provider.forwards_out() is not None
        protections = await world.provider.protections()
        assert None not in (
            protections.basic_sending,
            protections.outsiders_marked,
            protections.let_in,
            protections.safe_list,
        )
        assert world.domain in protections.signed

    async def test_reading_changes_nothing(self, world: MailFlowWorld) -> None:
        before = world.writes()
        async for box in world.provider.mailboxes():
            await world.provider.rules_of([box])
            break
        assert world.writes() == before


def replace_upn(box: Mailbox, upn: str) -> Mailbox:
    return box.model_copy(update={"upn": upn, "id": "", "address": upn})
