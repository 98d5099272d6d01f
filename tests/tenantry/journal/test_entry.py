from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, JournalCorrupt
from tenantry.journal import Event
from tenantry.journal.entry import GENESIS, Entry, build, canonical, draft, jsonable, leaf_hash, load, seal, unseal

KEY = b"k" * 32
ID = "0" * 32

exact = st.integers(-(2**53) + 1, 2**53 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]))
kept = st.none() | st.booleans() | exact | text
numbers = st.floats(allow_nan=False, allow_infinity=False)


def _trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=12)


@given(_trees(kept | numbers))
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        {"\U0001f600": 1, "\ufb33": 2},  # UTF-16 sorts these two the other way round than code points do
        {"b": '\u007f\u2028"\\/\b\x1f€', "a": []},
        {"n": 1.0, "m": 1e21, "k": -0.0},
        (1, 2),
        True,
        2**53 - 1,
    ],
)
def test_canonical_bytes_where_plain_json_would_differ(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def _entry(payload: dict[str, Any], entry_id: str = ID, key: bytes = KEY) -> tuple[Entry, bytes]:
    one = draft(Event("x", payload))
    sealed, digest = seal(one.payload, key=key, entry_id=entry_id)
    entry = build(
        one.event,
        tree="t",
        seq=0,
        entry_id=entry_id,
        ts="2026-11-21T00:00:00.000000Z",
        mono_us=1,
        payload_digest=digest,
        prev=GENESIS,
    )
    return entry, sealed


def test_the_leaf_is_that_of_rfc_6962_over_the_canonical_entry() -> None:
    entry, _ = _entry({})
    assert entry.body == rfc8785.dumps(dict(entry.fields))
    assert entry.leaf == hashlib.sha256(b"\x00" + entry.body).digest() == leaf_hash(entry.body)
    assert load(entry.body) == entry


@given(text, st.none() | text, st.none() | st.tuples(text, text), st.integers(0, 2**54), st.integers(0, 2**53 - 1))
def test_an_entrys_bytes_are_canonical_whatever_it_says(
    name: str, words: str | None, flow: tuple[str, str] | None, mono_us: int, seq: int
) -> None:
    event = Event(name, {}, words, words, 3, words, flow)
    more = {
        "tree": "t",
        "entry_id": ID,
        "ts": "2026-11-21T00:00:00.000000Z",
        "payload_digest": GENESIS,
        "prev": GENESIS,
    }
    if mono_us >= 2**53:
        with pytest.raises(ValueError, match="integer"):
            build(event, seq=seq, mono_us=mono_us, **more)
    else:
        entry = build(event, seq=seq, mono_us=mono_us, **more)
        assert entry.body == rfc8785.dumps(dict(entry.fields))


@given(st.dictionaries(text, _trees(kept)))
def test_what_was_sealed_is_what_is_opened(payload: dict[str, Any]) -> None:
    entry, sealed = _entry(payload)
    assert unseal(sealed, key=KEY, entry=entry) == json.loads(json.dumps(payload))


def test_the_same_payload_never_looks_the_same() -> None:
    (one, first), (other, second) = _entry({"user": "anna"}), _entry({"user": "anna"})
    assert first != second
    assert one.fields["payload_digest"] != other.fields["payload_digest"], "a digest without salt can be guessed"
    assert b"anna" not in first + one.body


def test_a_wrong_key_opens_nothing() -> None:
    entry, sealed = _entry({"user": "anna"})
    with pytest.raises(JournalCorrupt):
        unseal(sealed, key=b"x" * 32, entry=entry)


def test_another_entrys_payload_does_not_open() -> None:
    entry, _ = _entry({"user": "anna"})
    _, sealed = _entry({"user": "anna"}, entry_id="1" * 32)
    with pytest.raises(JournalCorrupt, match="does not open"):
        unseal(sealed, key=KEY, entry=entry)


def test_a_payload_sealed_anew_for_the_same_entry_is_not_the_one_recorded() -> None:
    """Whoever has the key can seal; the digest in the chain still gives it away."""
    entry, _ = _entry({"user": "anna"})
    _, sealed = _entry({"user": "bert"})
    with pytest.raises(JournalCorrupt, match="not the one recorded"):
        unseal(sealed, key=KEY, entry=entry)


@given(st.data())
def test_any_flipped_bit_or_cut_of_a_payload_is_noticed(data: st.DataObject) -> None:
    entry, sealed = _entry({"user": "anna"})
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(JournalCorrupt):
        unseal(bytes(flipped), key=KEY, entry=entry)
    with pytest.raises(JournalCorrupt):
        unseal(sealed[: data.draw(st.integers(0, len(sealed) - 1))], key=KEY, entry=entry)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"{}", b'{"v":1}', b"\xff"])
def test_what_is_not_an_entry_is_not_loaded(body: bytes) -> None:
    with pytest.raises(JournalCorrupt):
        load(body)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, object(), {1: 2}, b"bytes"])
def test_what_json_cannot_keep_exactly_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"step block: .* cannot be recorded exactly"):
        draft(Event("step.intent", {"value": value}, step="block"))


def test_what_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidInput):
        draft(Event("x", {"value": value}))


def test_half_a_surrogate_pair_does_not_stop_the_record() -> None:
    """JSON can carry one ("\\ud83d"), UTF-8 cannot: a rule named so must still be removed, and that recorded."""
    name = json.loads('"rule \\ud83d."')
    one = draft(Event("step.intent", {name: [name, {"n": (name, 1)}], "ok": "é"}))
    assert json.loads(one.payload) == {"rule \ufffd.": ["rule \ufffd.", {"n": ["rule \ufffd.", 1]}], "ok": "é"}


def test_jsonable_writes_times_as_rfc_3339() -> None:
    entry, _ = _entry({})
    assert jsonable({"at": entry.at, "in": (entry.at,)}) == {
        "at": "2026-11-21T00:00:00.000000Z",
        "in": ["2026-11-21T00:00:00.000000Z"],
    }
