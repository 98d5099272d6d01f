"""Merkle trees as in RFC 6962 section 2.1 (the same in RFC 9162): roots, inclusion and consistency proofs.

Leaves are ``SHA-256(0x00 ‖ entry)``, inner nodes ``SHA-256(0x01 ‖ left ‖ right)``. A tree is read through :class:`Hashes`, which
hands out the hashes of complete subtrees of 256ᵏ leaves, as the tiles of C2SP tlog-tiles do (https://c2sp.org/tlog-tiles), so a
proof in a tree of a million entries reads a few hundred hashes and not a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

EMPTY: Final = hashlib.sha256(b"").digest()
"""Root of a tree without entries."""
HEIGHT: Final = 8
"""Levels between two stored ones."""
WIDTH: Final = 1 << HEIGHT


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Hashes(Protocol):
    def read(self, level: int, start: int, count: int) -> Sequence[bytes]:
        """Hashes ``start`` … ``start + count - 1`` of the complete subtrees of ``256 ** level`` leaves; level 0 is the leaves."""
        ...


class Leaves:
    """:class:`Hashes` over leaves in memory."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) >= WIDTH:
            below = self._levels[-1]
            self._levels.append([fold(below[at : at + WIDTH]) for at in range(0, len(below) - WIDTH + 1, WIDTH)])

    def __len__(self) -> int:
        return len(self._levels[0])

    def read(self, level: int, start: int, count: int) -> Sequence[bytes]:
        return self._levels[level][start : start + count]


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of a complete subtree over these hashes; their number is a power of two."""
    sha256, level = hashlib.sha256, list(hashes)
    while len(level) > 1:
        level = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


def _split(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


def subtree(hashes: Hashes, start: int, count: int) -> bytes:
    """Hash over ``count`` leaves from ``start``, which lies as RFC 6962 splits a tree."""
    if count == 0:
        return EMPTY
    if count & count - 1:
        left = _split(count)
        return node_hash(subtree(hashes, start, left), subtree(hashes, start + left, count - left))
    height = count.bit_length() - 1
    level, above = divmod(height, HEIGHT)
    return fold(hashes.read(level, start >> level * HEIGHT, 1 << above))


def root(hashes: Hashes, size: int) -> bytes:
    """Root of the first ``size`` leaves."""
    return subtree(hashes, 0, size)


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """Audit path of leaf ``index`` in the tree of ``size`` leaves (RFC 6962, 2.1.1), from the leaf up."""
    path: list[bytes] = []
    start, count = 0, size
    while count > 1:
        left = _split(count)
        if index - start < left:
            path.append(subtree(hashes, start + left, count - left))
            count = left
        else:
            path.append(subtree(hashes, start, left))
            start, count = start + left, count - left
    return path[::-1]


def consistency_proof(hashes: Hashes, old: int, new: int) -> list[bytes]:
    """Proof that the tree of ``old`` leaves is the beginning of that of ``new`` ones (RFC 6962, 2.1.2). Empty for ``old`` 0 or
    ``old == new``."""
    path: list[bytes] = []
    if old in (0, new):
        return path
    start, count, known = 0, new, True
    while old - start != count:
        left = _split(count)
        if old - start <= left:
            path.append(subtree(hashes, start + left, count - left))
            count = left
        else:
            path.append(subtree(hashes, start, left))
            start, count, known = start + left, count - left, False
    if not known:
        path.append(subtree(hashes, start, count))
    return path[::-1]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof shows the leaf at that place of the tree with that root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == expected


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the newer tree begins with the older one (RFC 9162, 2.1.4.2)."""
    if old < 0 or old > new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    path = list(proof)
    if old & old - 1 == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class Frontier:
    """A tree that leaves are appended to, in the memory of its right edge.

    Args:
        complete: told of each complete subtree of ``256 ** level`` leaves, level 1 and up: ``(level, index, hash)``.
    """

    def __init__(self, complete: Callable[[int, int, bytes], None] | None = None) -> None:
        self.size = 0
        self._edge: list[bytes] = []
        self._complete = complete

    def append(self, leaf: bytes) -> None:
        size, sha256, found = self.size, hashlib.sha256, leaf
        height = 0
        while size & 1:
            found = sha256(b"\x01" + self._edge.pop() + found).digest()
            size >>= 1
            height += 1
            if height % HEIGHT == 0 and self._complete is not None:
                self._complete(height // HEIGHT, size, found)
        self._edge.append(found)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append several; whole blocks of 256 that begin where a stored subtree does cost less."""
        at = 0
        while at < len(leaves):
            if self.size % WIDTH == 0 and len(leaves) - at >= WIDTH:
                self._block(fold(leaves[at : at + WIDTH]))
                at += WIDTH
            else:
                self.append(leaves[at])
                at += 1

    def _block(self, found: bytes) -> None:
        """A complete subtree of 256 leaves."""
        index, height = self.size >> HEIGHT, HEIGHT
        self.size += WIDTH
        if self._complete is not None:
            self._complete(1, index, found)
        while index & 1:
            found = node_hash(self._edge.pop(), found)
            index >>= 1
            height += 1
            if height % HEIGHT == 0 and self._complete is not None:
                self._complete(height // HEIGHT, index, found)
        self._edge.append(found)

    def root(self) -> bytes:
        if not self._edge:
            return EMPTY
        found = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            found = node_hash(left, found)
        return found


def stored_levels(size: int) -> Iterator[tuple[int, int]]:
    """``(level, how many)`` complete subtrees of ``256 ** level`` leaves in a tree of that size, level 1 and up."""
    level = 1
    while count := size >> level * HEIGHT:
        yield level, count
        level += 1
