from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, RecordError, TaskDefect
from tenantry.evidence import SEGMENT, EvidenceStore, json_line, json_row
from tenantry.task import EvidenceRef

KEYS = {"acme": b"a" * 32, "globex": b"g" * 32}


def store_in(folder: Path) -> EvidenceStore:
    return EvidenceStore(folder / "evidence", KEYS.__getitem__)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return store_in(tmp_path)


def put(store: EvidenceStore, data: bytes, tenant: str = "acme") -> EvidenceRef:
    return store.put(tenant, "a.bin", lambda: (data,))


def read(store: EvidenceStore, ref: EvidenceRef, tenant: str = "acme") -> bytes:
    return b"".join(store.open(tenant, ref.sha256))


async def test_rows_are_json_lines_with_their_keys_in_order(store: EvidenceStore) -> None:
    rows = [{"z": 1, "a": "Zoë"}, {"when": datetime(2026, 11, 21, 3, 4, 5, 6, UTC), "nested": {"b": [None, 1.5]}}]

    ref = await store.sink("acme", "r1").store_rows("sign-ins.jsonl", rows)

    plain = read(store, ref)
    assert plain.decode() == ('{"z":1,"a":"Zoë"}\n{"when":"2026-11-21T03:04:05.000006Z","nested":{"b":[null,1.5]}}\n')
    assert ref == EvidenceRef("sign-ins.jsonl", hashlib.sha256(plain).hexdigest(), len(plain), 2)


async def test_bytes_come_back_as_they_were(store: EvidenceStore) -> None:
    ref = await store.sink("acme", "r1").store_bytes("mail.eml", b"\x00\xff\r\n")

    assert read(store, ref) == b"\x00\xff\r\n"
    assert ref.rows is None
    assert store.verify("acme", ref.sha256) == 4


async def test_the_same_bytes_are_one_file(store: EvidenceStore, tmp_path: Path) -> None:
    first = await store.sink("acme", "r1").store_bytes("a", b"same")
    written = store.path("acme", first.sha256).read_bytes()
    second = await store.sink("acme", "r2").store_bytes("b", b"same")

    assert (first.sha256, first.name, second.name) == (second.sha256, "a", "b")
    assert [p.read_bytes() for p in (tmp_path / "evidence").rglob("*") if p.is_file()] == [written]


def test_nothing_readable_lies_on_disk(store: EvidenceStore, tmp_path: Path) -> None:
    put(store, b"the attacker's address " * 10_000)

    (path,) = (p for p in (tmp_path / "evidence").rglob("*") if p.is_file())
    assert b"attacker" not in path.read_bytes()
    assert "acme" not in str(path.relative_to(tmp_path))
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def test_another_tenant_does_not_open_it(store: EvidenceStore) -> None:
    ref = put(store, b"x" * 100)
    moved = store.path("globex", ref.sha256)
    moved.parent.mkdir(parents=True)
    moved.write_bytes(store.path("acme", ref.sha256).read_bytes())

    with pytest.raises(RecordError, match=ref.sha256):
        read(store, ref, "globex")


def test_a_renamed_file_gives_nothing(store: EvidenceStore) -> None:
    one, other = put(store, b"one" * SEGMENT), put(store, b"other")
    store.path("acme", one.sha256).replace(store.path("acme", other.sha256))

    pieces = store.open("acme", other.sha256)
    with pytest.raises(RecordError, match=other.sha256):
        next(pieces)


def test_a_missing_file_is_named(store: EvidenceStore) -> None:
    with pytest.raises(RecordError, match="missing") as caught:
        list(store.open("acme", "0" * 64))
    assert caught.value.detail["file"].endswith(f"{'0' * 64}.bin")


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "0" * 64 + "\n", "A" * 64])
def test_only_digests_name_files(store: EvidenceStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        store.path("acme", name)


@pytest.mark.parametrize("tenant", ["", "..", "a/b", "ACME"])
def test_only_tenants_have_evidence(store: EvidenceStore, tenant: str) -> None:
    with pytest.raises(InvalidInput):
        store.sink(tenant, "r1")


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT])
def test_any_size_round_trips(store: EvidenceStore, size: int) -> None:
    data = os.urandom(size)
    ref = put(store, data)
    assert read(store, ref) == data
    assert max(len(piece) for piece in store.open("acme", ref.sha256)) <= SEGMENT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(max_size=200_000), max_size=6))
def test_how_it_came_in_pieces_does_not_matter(store: EvidenceStore, pieces: list[bytes]) -> None:
    ref = store.put("acme", "a", lambda: pieces)
    assert ref.sha256 == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert read(store, ref) == b"".join(pieces)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(size=st.sampled_from([0, 10, SEGMENT, SEGMENT * 2 + 7]), where=st.floats(0, 1), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(store: EvidenceStore, size: int, where: float, bit: int) -> None:
    ref = put(store, bytes(size))
    path = store.path("acme", ref.sha256)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[min(int(where * len(whole)), len(whole) - 1)] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises(RecordError, match=ref.sha256):
            read(store, ref)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("what", ["cut", "cut_segment", "swap", "repeat", "append", "empty"])
def test_segments_cannot_be_moved(store: EvidenceStore, what: str) -> None:
    ref = put(store, os.urandom(SEGMENT) + os.urandom(SEGMENT) + b"end")
    path = store.path("acme", ref.sha256)
    whole, sealed = path.read_bytes(), SEGMENT + 16
    start = len(whole) - (2 * sealed + 3 + 16)
    head, one, two, end = (
        whole[:start],
        whole[start : start + sealed],
        whole[start + sealed : start + 2 * sealed],
        whole[start + 2 * sealed :],
    )
    changed = {
        "cut": whole[:-1],
        "cut_segment": head + one + two,
        "swap": head + two + one + end,
        "repeat": head + one + one + two + end,
        "append": whole + b"\x00",
        "empty": b"",
    }[what]
    path.write_bytes(changed)

    with pytest.raises(RecordError, match=ref.sha256):
        read(store, ref)


def test_a_failed_write_leaves_nothing(store: EvidenceStore, tmp_path: Path) -> None:
    calls = iter([[b"one"], [b"two"]])

    with pytest.raises(RecordError, match="changed while it was stored"):
        store.put("acme", "a", lambda: next(calls))
    assert [p for p in (tmp_path / "evidence").rglob("*") if p.is_file()] == []


def test_what_a_dead_process_left_is_removed(store: EvidenceStore) -> None:
    folder = store.path("acme", put(store, b"one").sha256).parent
    old, new = folder / "old.tmp", folder / "new.tmp"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))

    put(store, b"two")

    assert not old.exists()
    assert new.exists()


def test_a_full_disk_is_an_error_of_the_record(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("not a folder")
    with pytest.raises(RecordError, match="cannot store"):
        put(store_in(tmp_path), b"x")


async def test_what_is_not_json_is_the_tasks_defect(store: EvidenceStore) -> None:
    for row in ({"a": object()}, {"a": float("nan")}):
        with pytest.raises(TaskDefect):
            await store.sink("acme", "r1").store_rows("a.jsonl", [row])


async def test_rows_stream(store: EvidenceStore) -> None:
    class Rows(list[dict[str, int]]):
        """Rows that exist one at a time."""

        def __len__(self) -> int:
            return 50_000

        def __iter__(self) -> Iterator[dict[str, int]]:
            return ({"row": n} for n in range(50_000))

    ref = await store.sink("acme", "r1").store_rows("many.jsonl", Rows())
    assert sum(piece.count(b"\n") for piece in store.open("acme", ref.sha256)) == ref.rows == 50_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_a_line_is_one_line_and_reads_the_same(value: object) -> None:
    line = json_line(value)
    assert json.loads(line) == value
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1


any_text = st.text(st.characters() | st.sampled_from("\u2028\x7f\x85\u202e\ud83d→"))


@given(st.dictionaries(any_text, any_text | st.integers() | st.booleans() | st.lists(any_text)))
def test_a_row_is_the_same_line(row: dict[str, str | int | bool | list[str]]) -> None:
    assert json_row(row) == json_line(row)


def test_half_a_surrogate_pair_is_kept() -> None:
    assert json.loads(json_line({"name": "\ud83d"})) == {"name": "\ud83d"}
