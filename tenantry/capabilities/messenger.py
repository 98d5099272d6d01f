"""Messages to people outside the platform: the client's contacts, the response team."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, Protocol, get_args, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.errors import InvalidTenant

Channel = Literal["mail", "chat"]
CHANNELS: Final[tuple[str, ...]] = get_args(Channel)


class Message(BaseModel):
    """``key`` identifies the message for ever (run, step, item): providers send one key at most once. No secrets in it.

    ``to`` are addresses for ``mail``. A ``chat`` message is read by whoever is in the channel, and ``to`` is empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    channel: Channel = "mail"
    to: tuple[str, ...]
    subject: str
    text: str


@runtime_checkable
class Messenger(Protocol):
    async def sent(self, key: str, channel: Channel = "mail") -> bool | None:
        """Whether a message with this key was accepted; None when the channel cannot be asked."""
        ...

    async def send(self, message: Message) -> None: ...


class ByChannel:
    """A messenger made of several: each channel's messages go to the provider that carries it.

    Args:
        openers: channel → opens its messenger; called at the first use of the channel.
    """

    def __init__(self, openers: Mapping[str, Callable[[], Awaitable[Messenger]]]) -> None:
        self._openers = openers

    async def sent(self, key: str, channel: Channel = "mail") -> bool | None:
        """As the channel's own messenger."""
        return await (await self._of(channel)).sent(key, channel)

    async def send(self, message: Message) -> None:
        """Through the channel's own messenger."""
        await (await self._of(message.channel)).send(message)

    async def _of(self, channel: str) -> Messenger:
        opener = self._openers.get(channel)
        if opener is None:
            raise InvalidTenant(
                f"no provider of this tenant carries messages by {channel}",
                remedy="Add one to the tenant's file, or to the estate's and the tenant's estate_handles.",
            )
        return await opener()
