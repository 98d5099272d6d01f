from __future__ import annotations

import hashlib
from typing import Any

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.proof import merkle

SIZE = 1300
LEAVES = [merkle.leaf_hash(str(at).encode()) for at in range(SIZE)]
TREE = merkle.Leaves(LEAVES)
ROOTS = [merkle.root(TREE, size) for size in range(SIZE + 1)]
sizes = st.integers(1, SIZE) | st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 1024, 1280])


@pytest.fixture(scope="module")
def theirs() -> Any:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for at in range(SIZE):
        tree.append_entry(str(at).encode())
    return tree


def test_the_examples_of_the_specification() -> None:
    """RFC 6962, 2.1: the hash of an empty tree, and of one leaf."""
    assert merkle.EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@settings(deadline=None)
@given(sizes)
def test_others_find_the_same_roots(theirs: Any, size: int) -> None:
    assert theirs.get_root(size) == ROOTS[size]


@settings(deadline=None)
@given(sizes, st.data())
def test_every_proof_of_inclusion_holds_and_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(TREE, index, size)
    assert merkle.included(LEAVES[index], index, size, path, ROOTS[size])
    other = data.draw(st.integers(0, SIZE - 1).filter(lambda at: at != index))
    assert not merkle.included(LEAVES[other], index, size, path, ROOTS[size])
    assert not merkle.included(LEAVES[index], other, size, path, ROOTS[size])
    assert not merkle.included(LEAVES[index], index, size, [*path, LEAVES[0]], ROOTS[size])
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.included(LEAVES[index], index, size, path[:at] + path[at + 1 :], ROOTS[size])
        assert not merkle.included(
            LEAVES[index], index, size, [*path[:at], hashlib.sha256(path[at]).digest(), *path[at + 1 :]], ROOTS[size]
        )


@settings(deadline=None)
@given(sizes, st.data())
def test_every_proof_of_consistency_holds_and_no_other(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, size))
    path = merkle.consistency_proof(TREE, old, size)
    assert merkle.consistent(old, ROOTS[old], size, ROOTS[size], path)
    assert not merkle.consistent(old, LEAVES[0] if old != 1 else LEAVES[1], size, ROOTS[size], path)
    if old:
        assert not merkle.consistent(old, ROOTS[old], size, b"x" * 32, path)
    assert not merkle.consistent(old, ROOTS[old], size, ROOTS[size], [*path, LEAVES[0]])
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.consistent(old, ROOTS[old], size, ROOTS[size], path[:at] + path[at + 1 :])


def test_a_newer_tree_is_no_beginning_of_an_older_one() -> None:
    assert not merkle.consistent(5, ROOTS[5], 4, ROOTS[4], [])
    assert not merkle.consistent(-1, ROOTS[0], 4, ROOTS[4], [])
    assert not merkle.included(LEAVES[0], 0, 0, [], ROOTS[0])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 400), max_size=6))
def test_a_frontier_is_the_tree_however_it_grew(parts: list[int]) -> None:
    told: list[tuple[int, int, bytes]] = []
    frontier = merkle.Frontier(lambda *one: told.append(one))
    for count in parts:
        frontier.extend(LEAVES[: 0 if frontier.size + count > SIZE else SIZE][frontier.size : frontier.size + count])
    size = frontier.size
    assert frontier.root() == ROOTS[size]
    assert {(level, index) for level, index, _ in told} == {
        (level, index) for level, count in merkle.stored_levels(size) for index in range(count)
    }
    for level, index, found in told:
        assert [found] == list(TREE.read(level, index, 1))


def test_high_levels_are_stored_once_they_are_complete() -> None:
    told: list[tuple[int, int]] = []
    frontier = merkle.Frontier(lambda level, index, _found: told.append((level, index)))
    frontier.extend([LEAVES[0]] * (256 * 256 + 10))
    assert told[-1] == (2, 0)
    assert list(merkle.stored_levels(frontier.size)) == [(1, 256), (2, 1)]
    one = merkle.Frontier()
    for _ in range(256 * 256 + 10):
        one.append(LEAVES[0])
    assert one.root() == frontier.root()
