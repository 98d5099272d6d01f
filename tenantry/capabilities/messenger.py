"""Messages to people outside the platform: the client's contacts, the response team."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """``key`` identifies the message for ever (run, step, item): providers send one key at most once. No secrets in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    channel: Literal["mail", "chat"] = "mail"
    to: tuple[str, ...]
    subject: str
    text: str


@runtime_checkable
class Messenger(Protocol):
    async def sent(self, key: str) -> bool | None:
        """Whether a message with this key was accepted; None when the channel cannot be asked."""
        ...

    async def send(self, message: Message) -> None: ...
