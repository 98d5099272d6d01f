from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tenantry.errors import JournalUnavailable, RecordError
from tenantry.journal import MSP, Journal, Ledger, Record, Verification
from tenantry.journal.entry import canonical, leaf_hash, load
from tenantry.journal.verify import Verifier
from tests.support.stand import SteppingClock
from tests.tenantry.journal.support import KEYS, MemorySigner, created, event, key, sql, url_of

TABLES = (
    "trees",
    "entries",
    "runs",
    "freezes",
    "signing_keys",
    "checkpoints",
    "nodes",
    "timestamps",
)
"""All but `leases`, which say who acts now and not what was done."""


def _fill(journal: Journal, clock: SteppingClock) -> None:
    """Something of everything."""
    journal.append("acme", [created("run-1"), event(user="anna"), event("step.outcome", user="bert")])
    journal.append("globex", [created("run-2"), event(run_id="run-2")])
    erased = journal.append("acme", [event("note", run_id=None, text="erase me")])[0]
    clock.at -= timedelta(seconds=1)
    journal.append("acme", [created("run-3")])
    journal.erase("acme", [erased.id], by="dora", reason="GDPR 17")
    journal.append(MSP, [event("people.enrolled", run_id=None, person="anna")])
    journal.freeze("*", "anna", "one")
    journal.freeze("globex", "anna", "one")
    journal.unfreeze("globex", "bert")
    journal.freeze("acme", "anna", "two")
    ledger = Ledger(journal, MemorySigner())
    stored = ledger.checkpoint("acme")
    assert stored is not None
    ledger.add_timestamp(stored, "https://tsa.example", b"a response")
    journal.append("acme", [event("note")] * 260)
    ledger.checkpoint_all()
    ledger.rotate(by="dora", reason="a year has passed")
    journal.append("acme", [event("note")])
    ledger.checkpoint("acme")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    clock = SteppingClock()
    journal = Journal(url_of(path), key, clock)
    _fill(journal, clock)
    assert journal.verify().ok
    journal.close()
    assert not path.with_name("journal.db-wal").exists(), "everything is in the one file"
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    shutil.copy(original, path)
    return path


def _verify(path: Path) -> Verification:
    journal = Journal(url_of(path), key)
    try:
        return journal.verify()
    finally:
        journal.close()


def test_an_empty_record_is_good(journal: Journal) -> None:
    assert journal.verify() == Verification(0, ok=True, first_bad=None)


def test_an_untouched_record_is_good(copy: Path) -> None:
    result = _verify(copy)
    assert (result.ok, result.first_bad) == (True, None)
    assert result.entries == len(sql(copy, "SELECT 1 FROM entries"))
    assert result.checkpoints == len(sql(copy, "SELECT 1 FROM checkpoints")) > 5
    [step] = [step for step in result.clock_steps if step["tree"] == _tree(copy, "acme")]
    assert step["is"] < step["was"]


def test_the_order_of_rows_is_nobodys_business(copy: Path) -> None:
    """As after a restore that copied rows in another order."""
    before = [_tail(copy, tenant) for tenant in KEYS]
    sql(copy, "UPDATE entries SET rowid = -rowid")
    assert _verify(copy).ok
    assert [_tail(copy, tenant) for tenant in KEYS] == before


def _tail(path: Path, tenant: str) -> list[Record]:
    journal = Journal(url_of(path), key)
    try:
        return journal.tail(tenant)
    finally:
        journal.close()


# --- any single change is found ---------------------------------------------------------------------------------------


class Memory:
    """The record in memory, to be changed and verified hundreds of times."""

    def __init__(self, content: bytes, reader: Journal) -> None:
        self._content = content
        self._engine = sa.create_engine("sqlite://", creator=lambda: self.db, poolclass=sa.NullPool)
        self._reader = reader
        self.restore()

    def restore(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.deserialize(self._content)

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return self.db.execute(statement, values).fetchall()

    def verify(self) -> Verification:
        return Verifier(self._reader._payload_key, self._reader._tree_id).verify(self._engine)


@pytest.fixture(scope="module")
def memory(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    path = tmp_path_factory.mktemp("memory") / "journal.db"
    shutil.copy(original, path)
    sql(path, "PRAGMA journal_mode=DELETE")  # a database in memory has no write-ahead log
    reader = Journal(url_of(path.with_name("reader.db")), key)
    yield Memory(path.read_bytes(), reader)
    reader.close()


def _other(data: st.DataObject, value: Any) -> Any:
    """Another value in the place of this one: a flipped bit, a cut, an addition, another number."""
    if value is None:
        return data.draw(st.sampled_from(["run-1", "", b"", 0]))
    if isinstance(value, int):
        return value + data.draw(st.integers(-3, 3).filter(bool))
    raw = value.encode() if isinstance(value, str) else value
    way = data.draw(st.sampled_from(["add", *(["flip", "cut"] if raw else [])]))
    if way == "flip":
        changed = bytearray(raw)
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)
    if way == "cut":
        return raw[: data.draw(st.integers(0, len(raw) - 1))]
    return raw + data.draw(st.binary(min_size=1, max_size=3))


def _change(data: st.DataObject, memory: Memory) -> tuple[str, int] | None:
    """Change one thing. Returns ``(tree, seq)`` of the entry that verification must name, where it can tell."""
    table = data.draw(st.sampled_from(TABLES))
    rows = memory.sql(f"SELECT rowid, * FROM {table}")
    row = data.draw(st.sampled_from(rows))
    columns = [column[1] for column in memory.sql(f"PRAGMA table_info({table})")]
    if table == "runs":
        columns.remove("due_us")  # the last one: when to look at a run again, which is no part of the record
    number = data.draw(st.integers(0, len(columns) - 1))
    column, value = columns[number], row[number + 1]
    where = f"WHERE rowid = {row[0]}"
    place = None
    if table == "entries" and column not in {"tree", "seq"}:
        (place,) = memory.sql(f"SELECT tree, seq FROM entries {where}")

    way = data.draw(st.sampled_from(["change", "change", "change", "swap", "drop", "retype", "null"]))
    if way == "drop":
        memory.sql(f"DELETE FROM {table} {where}")
    elif way == "change":
        other = _other(data, value)
        memory.sql(
            f"UPDATE {table} SET {column} = {'CAST(? AS TEXT)' if isinstance(value, str) else '?'} {where}", [other]
        )
        if isinstance(value, str) and isinstance(other, bytes) and not _is_utf8(other):
            place = None  # the driver gives up somewhere around it
    elif way == "retype":
        assume(isinstance(value, (str, bytes)))
        memory.sql(
            f"UPDATE {table} SET {column} = CAST({column} AS {'BLOB' if isinstance(value, str) else 'TEXT'}) {where}"
        )
        place = None
    elif way == "null":
        assume(value is not None)
        memory.sql(f"UPDATE {table} SET {column} = NULL {where}")
    else:
        other = data.draw(st.sampled_from(rows))
        assume(other[number + 1] != value)
        for rowid, new in ((row[0], f"swapped {value!r}"), (other[0], value), (row[0], other[number + 1])):
            memory.sql(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [new, rowid])
        place = None  # two entries are wrong
    return place


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_single_change_is_found(memory: Memory, data: st.DataObject) -> None:
    memory.restore()
    try:
        place = _change(data, memory)
    except sqlite3.IntegrityError:
        return  # the schema does not allow it
    result = memory.verify()
    assert not result.ok
    assert result.first_bad is not None
    assert result.first_bad["why"]
    if place is not None:
        assert (result.first_bad["tree"], result.first_bad["seq"]) == place


def test_what_is_changed_in_memory_was_good_before(memory: Memory) -> None:
    memory.restore()
    assert memory.verify().ok


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bit_of_the_file_changes_the_record_in_silence(
    original: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Most of a file's bits are in nobody's row; those that are must be missed."""
    content = bytearray(original.read_bytes())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "flipped.db"
    path.write_bytes(content)
    for name in ("flipped.db-wal", "flipped.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    try:
        journal = Journal(url_of(path), key)
    except RecordError:
        return
    try:
        if journal.verify().ok:
            assert _everything(journal) == _everything_of(original)
    except RecordError:
        pass
    finally:
        journal.close()


def _everything(journal: Journal) -> Any:
    return [journal.tail(tenant) for tenant in KEYS], journal.runs(), [journal.frozen(tenant) for tenant in KEYS]


def _everything_of(path: Path) -> Any:
    journal = Journal(url_of(path), key)
    try:
        return _everything(journal)
    finally:
        journal.close()


# --- particular changes -----------------------------------------------------------------------------------------------


def _tree(path: Path, tenant: str) -> str:
    return str(sql(path, "SELECT tree FROM trees WHERE tenant = ?", [tenant])[0][0])


def test_entries_cut_off_at_the_end_are_missed(copy: Path) -> None:
    tree = _tree(copy, "acme")
    last = sql(copy, "SELECT max(seq) FROM entries WHERE tree = ?", [tree])[0][0]
    sql(copy, "DELETE FROM entries WHERE tree = ? AND seq = ?", [tree, last])
    result = _verify(copy)
    assert result.first_bad == {"tree": tree, "seq": last, "why": "entries are missing at the end, or were added"}


def test_an_entry_with_a_leaf_to_match_still_breaks_the_chain(copy: Path) -> None:
    """Whoever rewrites an entry and its leaf would have to rewrite every later one too."""
    tree = _tree(copy, "acme")
    body = sql(copy, "SELECT body FROM entries WHERE tree = ? AND seq = 1", [tree])[0][0]
    forged = canonical({**load(body).fields, "outcome": "changed"})
    sql(copy, "UPDATE entries SET body = ?, leaf = ? WHERE tree = ? AND seq = 1", [forged, leaf_hash(forged), tree])
    result = _verify(copy)
    assert result.first_bad is not None
    assert result.first_bad["seq"] == 2
    assert result.first_bad["why"] == "the entry does not follow the one before it"


def test_payloads_exchanged_between_entries_are_found(copy: Path) -> None:
    tree = _tree(copy, "acme")
    (first,), (second,) = sql(copy, "SELECT sealed FROM entries WHERE tree = ? AND seq IN (1, 2) ORDER BY seq", [tree])
    sql(copy, "UPDATE entries SET sealed = ? WHERE tree = ? AND seq = 1", [second, tree])
    sql(copy, "UPDATE entries SET sealed = ? WHERE tree = ? AND seq = 2", [first, tree])
    result = _verify(copy)
    assert result.first_bad is not None
    assert (result.first_bad["tree"], result.first_bad["seq"]) == (tree, 1)


def test_a_payload_erased_behind_our_back_is_found(copy: Path) -> None:
    tree = _tree(copy, "acme")
    sql(copy, "UPDATE entries SET sealed = x'' WHERE tree = ? AND seq = 2", [tree])
    result = _verify(copy)
    assert result.first_bad is not None
    assert (result.first_bad["tree"], result.first_bad["seq"]) == (tree, 2)
    assert "no entry says by whom" in result.first_bad["why"]


def test_an_erasure_does_not_hide_itself(copy: Path) -> None:
    tree = _tree(copy, "acme")
    (seq,) = [record.entry.seq for record in _tail(copy, "acme") if record.event == "payload.erased"]
    sql(copy, "UPDATE entries SET sealed = x'' WHERE tree = ? AND seq = ?", [tree, seq])
    result = _verify(copy)
    assert result.first_bad is not None
    assert (result.first_bad["tree"], result.first_bad["seq"]) == (tree, seq)


def test_a_run_hidden_from_the_index_is_found(copy: Path) -> None:
    sql(copy, "DELETE FROM runs WHERE run_id = 'run-3'")
    result = _verify(copy)
    assert result.first_bad is not None
    assert "run-3" in result.first_bad["why"]


def test_a_freeze_lifted_behind_our_back_is_found(copy: Path) -> None:
    sql(copy, "DELETE FROM freezes WHERE scope = '*'")
    result = _verify(copy)
    assert result.first_bad is not None
    assert result.first_bad["tree"] == _tree(copy, MSP)


def test_a_freeze_that_nobody_ordered_is_found(copy: Path) -> None:
    sql(copy, "INSERT INTO freezes VALUES ('globex', '2026-11-21T00:00:00.000000Z', 'anna', 'because')")
    result = _verify(copy)
    assert result.first_bad is not None
    assert "never recorded" in result.first_bad["why"]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "INSERT INTO entries SELECT 'stray', 0, 'x', NULL, body, leaf, sealed FROM entries LIMIT 1",
            "entries of a tree that does not",
        ),
        (
            "INSERT INTO runs VALUES ('run-9', :tree, 'bec', '2026-11-21T00:00:00.000000Z', 'created', NULL)",
            "run-9 that was never recorded",
        ),
        ("INSERT INTO runs VALUES ('run-9', 'stray', 'bec', '', 'created', NULL)", "runs of a tree that does not"),
        ("INSERT INTO nodes VALUES (:tree, 1, 7, zeroblob(32))", "inner nodes"),
        ("INSERT INTO nodes VALUES ('stray', 1, 0, zeroblob(32))", "nodes of a tree that does not"),
        ("INSERT INTO checkpoints SELECT tree, 0, epoch, witness, at, note FROM checkpoints LIMIT 1", "no size"),
        (
            "INSERT INTO checkpoints SELECT :tree, 2, 1, 1, at, note FROM checkpoints LIMIT 1",
            "not the one that was witnessed",
        ),
        ("INSERT INTO checkpoints SELECT :tree, 9999, 1, 1, at, note FROM checkpoints LIMIT 1", "rolled back"),
        ("INSERT INTO signing_keys VALUES (9, 1, '', zeroblob(32))", "signing keys are not the ones"),
        ("INSERT INTO timestamps SELECT tree, size, 'https://other', response FROM timestamps", "not the one recorded"),
    ],
)
def test_rows_that_were_put_in_are_found(copy: Path, statement: str, why: str) -> None:
    tree = _tree(copy, "acme")
    sql(copy, statement.replace(":tree", f"'{tree}'"))
    result = _verify(copy)
    assert result.first_bad is not None
    assert why in result.first_bad["why"]


def test_an_entry_older_than_the_one_before_it_is_found(copy: Path) -> None:
    """Somebody who has the key and our code appends as of yesterday, and hides that from the clock's own entry."""
    tree = _tree(copy, "acme")
    clock = SteppingClock()
    clock.at -= timedelta(days=1)
    sql(copy, "UPDATE trees SET last_ts = '' WHERE tree = ?", [tree])
    journal = Journal(url_of(copy), key, clock)
    (entry,) = journal.append("acme", [event("note", text="yesterday")])
    result = journal.verify()
    journal.close()
    assert result.first_bad is not None
    assert (result.first_bad["tree"], result.first_bad["seq"]) == (tree, entry.seq)
    assert "older" in result.first_bad["why"]


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("signing_key.begun", {"epoch": 9, "public_key": "00" * 32, "fingerprint": "0"}, "out of turn"),
        ("signing_key.begun", {"epoch": 3, "public_key": "00" * 32, "fingerprint": "0"}, "out of turn"),
        ("checkpoint.witnessed", {"tree": "", "size": 7, "root": "0", "epoch": 2}, "is missing, or was added"),
        ("checkpoint.witnessed", None, "signed twice"),
    ],
)
def test_signatures_that_somebody_recorded_are_found(copy: Path, name: str, said: Any, why: str) -> None:
    if said is None:
        said = next(dict(record.data) for record in _tail(copy, MSP) if record.event == name)
    journal = Journal(url_of(copy), key)
    (entry,) = journal.append(MSP, [event(name, run_id=None, **said)])
    result = journal.verify()
    journal.close()
    assert result.first_bad is not None
    assert (result.first_bad["seq"], why in result.first_bad["why"]) == (entry.seq, True), result.first_bad


def test_what_is_counted_is_what_was_good(copy: Path) -> None:
    trees = [row[0] for row in sql(copy, "SELECT tree FROM trees ORDER BY tenant <> '_msp', tree")]
    sql(copy, "UPDATE entries SET leaf = zeroblob(32) WHERE tree = ? AND seq = 1", [trees[1]])
    before = sql(copy, "SELECT count(*) FROM entries WHERE tree = ?", [trees[0]])[0][0]
    assert _verify(copy).entries == before + 1


# --- keys that are gone -----------------------------------------------------------------------------------------------


def test_a_record_whose_key_was_destroyed_still_verifies(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = sql(
        copy,
        "SELECT count(*) FROM entries JOIN trees USING (tree) WHERE tenant = 'acme' AND length(sealed) > 0",
    )[0][0]
    monkeypatch.delitem(KEYS, "acme")
    result = _verify(copy)
    assert result.ok, result.first_bad
    assert result.unopened == sealed > 0, "what nobody could open is counted, not called good"
    sql(copy, "UPDATE entries SET leaf = zeroblob(32) WHERE tree = ? AND seq = 1", [_tree(copy, "acme")])
    assert not _verify(copy).ok


def test_a_tree_given_to_a_tenant_without_a_key_is_found(copy: Path) -> None:
    """Else its payloads would count as those of a tenant whose key was destroyed."""
    sql(copy, "UPDATE trees SET tenant = 'nobody' WHERE tenant = 'acme'")
    result = _verify(copy)
    assert not result.ok


def test_a_wrong_key_is_found(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KEYS, "acme", b"x" * 32)
    assert not _verify(copy).ok


# --- while others write -----------------------------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_is_not_called_good_or_bad(journal: Journal, path: Path) -> None:
    journal.append("acme", [event()])
    journal.close()
    journal._engine.dispose()
    moved = path.with_name("elsewhere.db")
    path.rename(moved)
    path.mkdir()
    with pytest.raises(JournalUnavailable):
        journal.verify()


def test_entries_appended_meanwhile_do_not_disturb(journal: Journal, path: Path) -> None:
    """One walk sees one state: here another writer appends between the trees and their entries."""
    journal.append("acme", [event(), event()])
    other = Journal(url_of(path), key)
    appended = False

    def keys(tenant: str) -> bytes:
        nonlocal appended
        if tenant == "acme" and not appended:
            appended = True
            other.append("acme", [event()])
        return KEYS[tenant]

    reader = Journal(url_of(path), keys)
    assert reader.verify() == Verification(2, ok=True, first_bad=None)
    assert appended
    assert reader.verify().entries == 3
    reader.close()
    other.close()
