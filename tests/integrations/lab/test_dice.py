from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from integrations.lab.dice import Dice, GuidCodec

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@given(st.integers(0, 2**28 - 1), st.integers(0, 1000))
def test_a_guid_gives_its_index_back(index: int, seed: int) -> None:
    codec = GuidCodec(Dice(seed), "user")
    guid = codec.encode(index)
    assert GUID.fullmatch(guid)
    assert codec.decode(guid) == index


@given(st.integers(0, 10_000))
def test_guids_of_another_seed_or_kind_are_strangers(index: int) -> None:
    guid = GuidCodec(Dice(1), "user").encode(index)
    assert GuidCodec(Dice(2), "user").decode(guid) is None
    assert GuidCodec(Dice(1), "device").decode(guid) is None


@given(st.text())
def test_texts_that_are_no_guid(text: str) -> None:
    assert GuidCodec(Dice(1), "user").decode(text) is None


def test_the_same_purpose_gives_the_same_value() -> None:
    one, two, other = Dice(1), Dice(1), Dice(2)
    assert one.guid("a", 1) == two.guid("a", 1)
    assert one.guid("a", 1) != other.guid("a", 1)
    assert one.guid("a", 1) != one.guid("a", 2)
    assert GUID.fullmatch(one.guid("x"))
    assert {one.below(7, number) for number in range(200)} == set(range(7))
    assert all(0 <= one.fraction(number) < 1 for number in range(100))
    assert one.pick("abc", 5) in "abc"
