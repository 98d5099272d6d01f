"""What a handle remembers of its own messages, and the identity of a message for ever."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["Accepted", "message_id"]

_REMEMBERED: Final = 10_000


class Accepted:
    """Keys that the channel took from this handle. None of the channels here can be asked later, so this is all that is known
    of them within one process; beyond it the record decides."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Remember; the oldest of very many are forgotten."""
        self._keys[key] = None
        while len(self._keys) > _REMEMBERED:
            del self._keys[next(iter(self._keys))]


def message_id(key: str, domain: str) -> str:
    """The ``Message-ID`` of a key (RFC 5322 section 3.6.4): the same whenever it is sent, so that two copies of a message are
    seen to be one by every mail system that looks for it."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"
