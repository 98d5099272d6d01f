from __future__ import annotations

import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry.errors import InvalidInput, NotProven
from tenantry.proof import Checkpoint, merkle, sign_checkpoint
from tenantry.proof.tiles import tile_path, write_tiles

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def _log(size: int) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    entries = [(str(at).encode(), merkle.leaf_hash(str(at).encode())) for at in range(size)]
    root = merkle.root(merkle.Leaves(leaf for _, leaf in entries), size)
    return sign_checkpoint(Checkpoint("tenantry.x/y", size, root), KEY), entries


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, "tile/0/000"), (5, "tile/0/005"), (1234067, "tile/0/x001/x234/067"), (1000, "tile/0/x001/000")],
)
def test_paths_are_those_of_the_specification(index: int, path: str) -> None:
    assert tile_path(0, index) == path
    assert tile_path("entries", 5, 12) == "tile/entries/005.p/12"


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600, 256 * 256 + 300])
def test_tiles_hold_the_tree(tmp_path: Path, size: int) -> None:
    note, entries = _log(size)
    write_tiles(tmp_path / "log", note, size, entries)
    assert (tmp_path / "log" / "checkpoint").read_bytes() == note
    tree = merkle.Leaves(leaf for _, leaf in entries)
    level, count = 0, size
    while count:
        for tile in range((count + 255) // 256):
            width = min(256, count - tile * 256)
            content = (tmp_path / "log" / tile_path(level, tile, width)).read_bytes()
            assert content == b"".join(tree.read(level, tile * 256, width))
        level, count = level + 1, count >> 8
    content = (tmp_path / "log" / tile_path("entries", 0, min(256, size))).read_bytes()
    (length,) = struct.unpack(">H", content[:2])
    assert content[2 : 2 + length] == entries[0][0]
    assert len(list((tmp_path / "log").rglob("*.tmp"))) == 0


def test_entries_that_are_not_the_checkpoints_are_not_exported(tmp_path: Path) -> None:
    note, entries = _log(10)
    for changed in (entries[:9], [*entries, entries[0]], [(b"x", entries[0][1]), *entries[1:]], entries[::-1]):
        with pytest.raises(NotProven):
            write_tiles(tmp_path / "log", note, 10, changed)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    note, entries = _log(1)
    with pytest.raises(InvalidInput):
        write_tiles(tmp_path, note, 1, entries)
