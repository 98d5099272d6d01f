"""What every provider of ``mail`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from tenantry.capabilities import AutomaticReply, Delegate, Forwarding, Mail
from tenantry.errors import TargetNotFound


@dataclass
class MailWorld:
    """A mailbox as the suite needs it: with a plain rule, a hidden one that forwards, forwarding, and delegates."""

    provider: Mail
    mailbox: str
    missing: str
    rules: frozenset[str]
    """All rules but the service's own."""
    hidden_rule: str
    forwards_to: str
    """Where the hidden rule sends mail."""
    rule: str
    forwarding: Forwarding
    delegates: frozenset[str]
    """Keys."""
    phones: frozenset[str]
    sent_subject: str
    since: datetime
    until: datetime
    coming: frozenset[str]
    """Subjects of the meetings that are still to come at ``until``; one of them the mailbox's own, one somebody else's."""
    writes: Callable[[], int]


class MailConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: MailWorld) -> None:
        assert isinstance(world.provider, Mail)

    async def test_rules_with_the_hidden_and_without_the_services_own(self, world: MailWorld) -> None:
        rules = {rule.id: rule for rule in await world.provider.rules(world.mailbox)}
        assert rules.keys() == world.rules
        assert {rule.id for rule in rules.values() if rule.hidden} == {world.hidden_rule}
        assert rules[world.hidden_rule].forward_to == (world.forwards_to,)

    @pytest.mark.parametrize("which", ["rule", "hidden_rule"])
    async def test_a_rule_is_disabled_and_enabled(self, world: MailWorld, which: str) -> None:
        wanted = getattr(world, which)

        async def enabled() -> dict[str, bool]:
            return {rule.id: rule.enabled for rule in await world.provider.rules(world.mailbox)}

        before = await enabled()
        await world.provider.set_rule_enabled(world.mailbox, wanted, False)
        assert await enabled() == {**before, wanted: False}
        await world.provider.set_rule_enabled(world.mailbox, wanted, False)
        await world.provider.set_rule_enabled(world.mailbox, wanted, True)
        assert await enabled() == before

    @pytest.mark.parametrize("which", ["rule", "hidden_rule"])
    async def test_a_rule_is_removed_and_no_other(self, world: MailWorld, which: str) -> None:
        wanted = getattr(world, which)
        await world.provider.remove_rule(world.mailbox, wanted)
        assert {rule.id for rule in await world.provider.rules(world.mailbox)} == world.rules - {wanted}
        await world.provider.remove_rule(world.mailbox, wanted)  # absent counts as removed
        assert {rule.id for rule in await world.provider.rules(world.mailbox)} == world.rules - {wanted}

    async def test_disabling_a_rule_that_is_not_there(self, world: MailWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.set_rule_enabled(world.mailbox, "1234567890123456789", False)

    async def test_a_mailbox_that_is_not_there(self, world: MailWorld) -> None:
        for call in (
            world.provider.rules,
            world.provider.forwarding,
            world.provider.delegates,
            world.provider.mobile_devices,
        ):
            with pytest.raises(TargetNotFound):
                await call(world.missing)

    async def test_forwarding_is_read_cleared_and_put_back(self, world: MailWorld) -> None:
        before = await world.provider.forwarding(world.mailbox)
        assert before == world.forwarding
        assert before.active
        await world.provider.set_forwarding(world.mailbox, Forwarding())
        assert await world.provider.forwarding(world.mailbox) == Forwarding()
        await world.provider.set_forwarding(world.mailbox, before)
        assert await world.provider.forwarding(world.mailbox) == before

    async def test_it_is_hidden_and_shown(self, world: MailWorld) -> None:
        before = await world.provider.appearance(world.mailbox)
        assert not before.hidden
        assert before.size
        await world.provider.set_hidden(world.mailbox, True)
        assert (await world.provider.appearance(world.mailbox)).hidden
        await world.provider.set_hidden(world.mailbox, False)
        after = await world.provider.appearance(world.mailbox)
        assert (after.address, after.kind, after.hidden) == (before.address, before.kind, before.hidden)

    async def test_it_is_made_a_shared_one_and_a_persons_again(self, world: MailWorld) -> None:
        for shared in (True, True, False):
            await world.provider.set_shared(world.mailbox, shared)
            assert (await world.provider.appearance(world.mailbox)).kind == ("shared" if shared else "regular")

    async def test_an_automatic_reply_is_set_and_taken_back(self, world: MailWorld) -> None:
        before = await world.provider.automatic_reply(world.mailbox)
        assert before.state == "off"
        on = AutomaticReply(state="on", inside="I left.", outside="Write to Kim.", audience="known")
        times = {"since": world.since.replace(microsecond=0), "until": world.until.replace(microsecond=0)}
        timed = on.model_copy(update={"state": "scheduled", **times})
        for wanted in (on, timed, before):
            await world.provider.set_automatic_reply(world.mailbox, wanted)
            found = await world.provider.automatic_reply(world.mailbox)
            assert (found.state, found.audience, found.since, found.until) == (
                wanted.state,
                wanted.audience,
                wanted.since,
                wanted.until,
            )
            assert wanted.inside in found.inside
            assert wanted.outside in found.outside

    async def test_meetings_that_are_to_come_and_have_others_in_them(self, world: MailWorld) -> None:
        found = await world.provider.meetings(world.mailbox, world.until)
        assert {one.subject for one in found} == world.coming
        assert all(one.attendees for one in found)
        assert {one.organized for one in found} == {True, False}
        assert {one.series for one in found} == {True, False}

    async def test_each_meeting_is_left_once_and_no_other(self, world: MailWorld) -> None:
        left = {one.id: one for one in await world.provider.meetings(world.mailbox, world.until)}
        while left:
            _, meeting = left.popitem()
            await world.provider.leave_meeting(world.mailbox, meeting, "They left.")
            assert {one.id for one in await world.provider.meetings(world.mailbox, world.until)} == set(left)
            writes = world.writes()
            await world.provider.leave_meeting(world.mailbox, meeting, "They left.")  # absent counts as left
            assert world.writes() == writes

    async def test_delegates_without_the_owner(self, world: MailWorld) -> None:
        found = await world.provider.delegates(world.mailbox)
        assert {delegate.key for delegate in found} == world.delegates
        assert {delegate.kind for delegate in found} == {"full_access", "send_as", "folder"}
        assert all(delegate.rights and delegate.trustee == delegate.trustee.lower() for delegate in found)

    async def test_each_kind_of_delegate_is_removed_and_added(self, world: MailWorld) -> None:
        for delegate in await world.provider.delegates(world.mailbox):
            recorded = Delegate.model_validate(delegate.model_dump(mode="json"))  # as the journal gives it back
            await world.provider.remove_delegate(world.mailbox, recorded)
            left = {held.key for held in await world.provider.delegates(world.mailbox)}
            assert left == world.delegates - {delegate.key}
            await world.provider.remove_delegate(world.mailbox, recorded)  # absent counts as removed
            await world.provider.add_delegate(world.mailbox, recorded)
            again = {held.key: held.rights for held in await world.provider.delegates(world.mailbox)}
            assert again.keys() == world.delegates
            assert again[delegate.key] == delegate.rights

    async def test_phones(self, world: MailWorld) -> None:
        assert {phone.id for phone in await world.provider.mobile_devices(world.mailbox)} == world.phones

    async def test_sent_messages_newest_first(self, world: MailWorld) -> None:
        found = [message async for message in world.provider.sent(world.mailbox, world.since, world.until)]
        assert world.sent_subject in {message.subject for message in found}
        times = [message.at for message in found]
        assert times == sorted(times, reverse=True)
        assert all(world.since <= at <= world.until for at in times)
        assert all(message.recipients for message in found)
        assert len({message.internet_message_id for message in found}) == len(found)

    async def test_reads_change_nothing(self, world: MailWorld) -> None:
        before = world.writes()
        await world.provider.rules(world.mailbox)
        await world.provider.forwarding(world.mailbox)
        await world.provider.delegates(world.mailbox)
        await world.provider.mobile_devices(world.mailbox)
        async for _ in world.provider.sent(world.mailbox, world.since, world.until):
            pass
        assert world.writes() == before
