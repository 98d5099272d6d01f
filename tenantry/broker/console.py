"""What the process that faces the network may ask of the broker: nothing that gives it a secret or a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from tenantry.broker.client import Connection
from tenantry.broker.wire import pack, unpack

__all__ = ["ConsoleHand"]

PATIENCE: Final = 2.0
"""Seconds to wait for a broker that is away: the browser waits, and tries again."""


class ConsoleHand:
    """Its questions, as `tenantry.drop.Drops` and `tenantry.alerts.door` answer them. Synchronous; one at a time.

    Each may raise `BrokerUnavailable` and `RateLimited` (retryable), and `NotAuthenticated` when the token is of no use any more.
    """

    def __init__(self, path: Path, token: SecretStr, *, patience: float = PATIENCE) -> None:
        self._connection = Connection(path, token, patience)

    def close(self) -> None:
        self._connection.close()

    def look(self, drop: str, token: SecretStr) -> dict[str, Any]:
        """As `Drops.look`."""
        return self._connection.ask("drop.look", drop=drop, token=token.get_secret_value())

    def verify(self, drop: str, token: SecretStr, code: SecretStr) -> dict[str, Any]:
        """As `Drops.verify`."""
        given = pack(code.get_secret_value().encode("utf-8", "replace"))
        return self._connection.ask("drop.verify", drop=drop, token=token.get_secret_value(), code=given)

    def state(self, drop: str, session: SecretStr) -> dict[str, Any]:
        """As `Drops.state`."""
        found = self._connection.ask("drop.state", drop=drop, session=session.get_secret_value())
        return found | {"public": unpack(found["public"])}

    def alert_sources(self) -> dict[str, Any]:
        """As `tenantry.alerts.door.Door.sources`."""
        return self._connection.ask("alert.sources")

    def alert_prove(self, messages: Sequence[tuple[str, Mapping[str, str], bytes]]) -> list[str | None]:
        """As `Door.prove`: (source, headers, body) of each; about a megabyte at most, together."""
        sent = [{"source": name, "headers": dict(headers), "body": pack(body)} for name, headers, body in messages]
        refused: list[str | None] = self._connection.ask("alert.prove", messages=sent)["refused"]
        return refused

    def take(self, drop: str, session: SecretStr, place: int, sealed: bytes) -> dict[str, Any]:
        """As `Drops.take`."""
        return self._connection.ask(
            "drop.take", drop=drop, session=session.get_secret_value(), place=place, sealed=pack(sealed)
        )
