"""What is sealed opens under its own drop and name, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes

from tenantry.drop.seal import MAX_SEALED, MAX_VALUE, Opening, Sealing, new_key, open_sealed, public_of, seal
from tenantry.errors import InvalidInput, SecretUnreadable

PRIVATE, PUBLIC = new_key()
NAME = "m365/secret"


@given(st.binary(min_size=1, max_size=2_000))
@settings(max_examples=30)
def test_what_is_sealed_opens(value: bytes) -> None:
    sealed = seal(value, PUBLIC, "d1", NAME)
    assert value not in sealed or len(value) < 3
    assert open_sealed(sealed, PRIVATE, "d1", NAME).get_secret_value() == value


def test_the_longest_one_fits_and_a_longer_one_is_refused() -> None:
    value = b"x" * MAX_VALUE
    sealed = seal(value, PUBLIC, "d1", NAME)
    assert len(sealed) == MAX_SEALED
    assert open_sealed(sealed, PRIVATE, "d1", NAME).get_secret_value() == value
    for wrong in (b"", value + b"x"):
        with pytest.raises(InvalidInput):
            seal(wrong, PUBLIC, "d1", NAME)
    with pytest.raises(InvalidInput):
        open_sealed(sealed + bytes(256), PRIVATE, "d1", NAME)


def test_passwords_of_any_length_look_the_same() -> None:
    assert len({len(seal(b"x" * size, PUBLIC, "d1", NAME)) for size in range(1, 250, 20)}) == 1


def test_another_drop_name_or_key_does_not_open_it() -> None:
    sealed = seal(b"value", PUBLIC, "d1", NAME)
    another, _ = new_key()
    for private, drop, name in ((PRIVATE, "d2", NAME), (PRIVATE, "d1", "m365/secre"), (another, "d1", NAME)):
        with pytest.raises(InvalidInput):
            open_sealed(sealed, private, drop, name)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=60)
def test_any_altered_byte_is_found(place: int, flip: int) -> None:
    sealed = bytearray(seal(b"value", PUBLIC, "d1", NAME))
    sealed[place % len(sealed)] ^= flip
    with pytest.raises(InvalidInput) as refused:
        open_sealed(bytes(sealed), PRIVATE, "d1", NAME)
    assert "value" not in str(refused.value)


@given(st.binary(max_size=700))
@settings(max_examples=60)
def test_garbage_is_refused_by_name(garbage: bytes) -> None:
    for given_ in (garbage, b"\x01\x04" + garbage, b"\x01" + PUBLIC + garbage):
        with pytest.raises(InvalidInput):
            open_sealed(given_, PRIVATE, "d1", NAME)


def test_a_key_that_is_none() -> None:
    with pytest.raises(SecretUnreadable):
        public_of(SecretBytes(b"no key"))
    with pytest.raises(InvalidInput):
        seal(b"value", b"\x04" + bytes(64), "d1", NAME)
    assert public_of(PRIVATE) == PUBLIC


def test_what_is_sealed_together_opens_each_for_itself_alone() -> None:
    together, opening = Sealing(PUBLIC), Opening(PRIVATE)
    sealed = {f"n{number}": together.seal(b"%d" % number, "d1", f"n{number}") for number in range(40)}
    assert len({one[1:66] for one in sealed.values()}) == 1, "one exchange"
    for name, one in sealed.items():
        assert opening.open(one, "d1", name) == open_sealed(one, PRIVATE, "d1", name)
        with pytest.raises(InvalidInput):
            opening.open(one, "d1", "n0" if name != "n0" else "n1")
    others = [seal(b"x", PUBLIC, "d1", NAME) for _ in range(40)]
    assert {opening.open(one, "d1", NAME).get_secret_value() for one in others} == {b"x"}
