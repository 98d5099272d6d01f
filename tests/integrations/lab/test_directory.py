from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integrations.lab.dice import Dice
from integrations.lab.directory import Directory

START = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def big() -> Directory:
    return Directory(Dice(1), 100_000, "big.example", START)


@pytest.mark.parametrize("index", [0, 1, 7000, 41_234, 99_999])
def test_every_user_is_found_by_id_and_name(big: Directory, index: int) -> None:
    user = big.peek(index)
    assert big.resolve(user.id) == index
    assert big.resolve(user.props["userPrincipalName"]) == index
    assert big.resolve(user.props["userPrincipalName"].upper()) == index


def test_names_are_unique() -> None:
    directory = Directory(Dice(3), 20_000, "big.example", START)
    assert len({directory.upn_of(index) for index in range(20_000)}) == 20_000


@pytest.mark.parametrize(
    "key", ["", "x", "nobody@big.example", "a.b@big.example", "00000000-0000-4000-8000-000000000000"]
)
def test_strangers(big: Directory, key: str) -> None:
    assert big.resolve(key) is None


def test_users_beyond_the_count_do_not_exist() -> None:
    large, small = (Directory(Dice(1), count, "d.example", START) for count in (300, 20))
    assert small.resolve(large.id_of(25)) is None
    assert small.resolve(large.upn_of(25)) is None


def test_a_renamed_user_leaves_the_old_name(big: Directory) -> None:
    old = big.upn_of(5)
    big.alter(5, userPrincipalName="New.Name@big.example")
    assert big.resolve(old) is None
    assert big.resolve("new.name@big.example") == 5


def test_only_changed_users_are_kept(big: Directory) -> None:
    big.peek(9)
    assert big.kept() == []
    big.keep(9)
    assert big.kept() == [9]
