"""What every provider of ``messenger`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.capabilities import Message, Messenger


@dataclass
class MessengerWorld:
    """A channel, and what arrived at its other end."""

    provider: Messenger
    arrived: Callable[[], list[dict[str, object]]]


class MessengerConformance:
    """Inherit and give the fixture ``world``."""

    message = Message(
        key="run-1/notify/-", to=("owner@client.example",), subject="Incident: ü", text="Line 1\nLine 2 – ‘x’"
    )

    def test_has_every_method(self, world: MessengerWorld) -> None:
        assert isinstance(world.provider, Messenger)

    async def test_sent_once_and_known(self, world: MessengerWorld) -> None:
        assert await world.provider.sent(self.message.key) in (False, None)
        await world.provider.send(self.message)
        assert await world.provider.sent(self.message.key) in (True, None)
        (arrived,) = world.arrived()
        assert (arrived["subject"], arrived["text"]) == (self.message.subject, self.message.text)

    async def test_a_key_is_sent_at_most_once(self, world: MessengerWorld) -> None:
        await world.provider.send(self.message)
        await world.provider.send(self.message)
        assert len(world.arrived()) == 1

    async def test_keys_are_not_confused(self, world: MessengerWorld) -> None:
        await world.provider.send(self.message.model_copy(update={"key": "a&key=b"}))
        assert await world.provider.sent("b") in (False, None)
        assert await world.provider.sent("a&key=b") in (True, None)
