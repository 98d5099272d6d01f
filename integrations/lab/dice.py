"""Determinism: everything the lab makes up is a pure function of its seed and of what it is for.

Hashes instead of a running random generator, so that the 73,412th user can be made without the 73,411 before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def _shape(digest: bytes) -> str:
    """Sixteen bytes written as a GUID; no bit is changed, so that ``GuidCodec`` can read them back."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Dice:
    """Addressable pseudo-randomness. ``parts`` say what a value is for; the same parts give the same value."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._key = blake2b(b"tenantry-lab:%d" % seed, digest_size=32).digest()

    def bytes(self, size: int, *parts: object) -> bytes:
        """``size`` bytes, 1 to 64."""
        return blake2b("\x1f".join(map(str, parts)).encode(), key=self._key, digest_size=size).digest()

    def guid(self, *parts: object) -> str:
        """A GUID of version 4's form."""
        raw = bytearray(self.bytes(16, "guid", *parts))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        return _shape(bytes(raw))

    def below(self, limit: int, *parts: object) -> int:
        """An integer from 0 to ``limit`` - 1."""
        return int.from_bytes(self.bytes(8, *parts), "big") % limit

    def fraction(self, *parts: object) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.bytes(7, *parts), "big") / (1 << 56)

    def pick(self, options: Sequence[T], *parts: object) -> T:
        """One of ``options``."""
        return options[self.below(len(options), *parts)]


class GuidCodec:
    """GUIDs that hide a small index: a directory of any size needs no table from id to object."""

    def __init__(self, dice: Dice, kind: str) -> None:
        self._dice = dice
        self._kind = kind

    def encode(self, index: int) -> str:
        """The GUID of the index-th object of this kind."""
        tail = self._tail(index)
        head = index ^ int.from_bytes(self._dice.bytes(4, self._kind, "mask", tail.hex()), "big")
        return _shape(head.to_bytes(4, "big") + tail)

    def decode(self, guid: str) -> int | None:
        """The index, or None for a GUID that this codec did not make."""
        try:
            raw = bytes.fromhex(guid.replace("-", ""))
        except ValueError:
            return None
        if len(raw) != 16 or len(guid) != 36:
            return None
        tail = raw[4:]
        index = int.from_bytes(raw[:4], "big") ^ int.from_bytes(
            self._dice.bytes(4, self._kind, "mask", tail.hex()), "big"
        )
        return index if index < 1 << 28 and self._tail(index) == tail else None

    def _tail(self, index: int) -> bytes:
        raw = bytearray(self._dice.bytes(12, self._kind, "tail", index))
        raw[2] = raw[2] & 0x0F | 0x40
        raw[4] = raw[4] & 0x3F | 0x80
        return bytes(raw)
