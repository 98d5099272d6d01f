from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.errors import JournalCorrupt, NotFound, RolledBack
from tenantry.journal import MSP, Journal, Ledger
from tenantry.proof import merkle, open_note, parse_note, sign_checkpoint
from tests.tenantry.journal.support import MemorySigner, as_of, created, event, key, sql, url_of


@pytest.fixture
def signer() -> MemorySigner:
    return MemorySigner()


@pytest.fixture
def ledger(journal: Journal, signer: MemorySigner) -> Ledger:
    return Ledger(journal, signer)


@pytest.fixture
def again(path: Path, signer: MemorySigner) -> Iterator[Ledger]:
    """The same database, opened by somebody else."""
    other = Journal(url_of(path), key)
    yield Ledger(other, signer)
    other.close()


def test_nothing_recorded_is_nothing_to_sign(ledger: Ledger) -> None:
    assert ledger.checkpoint("acme") is None
    assert ledger.verify().ok


def test_a_checkpoint_is_the_root_of_the_entries_so_far(journal: Journal, ledger: Ledger) -> None:
    entries = [entry for _ in range(3) for entry in journal.append("acme", [event()] * 200)]
    stored = ledger.checkpoint("acme")
    assert stored is not None
    origin, (first,) = ledger.keys()
    checkpoint = open_note(stored.note, first.public)
    leaves = merkle.Leaves(entry.leaf for entry in entries)
    assert (checkpoint.size, checkpoint.root) == (600, merkle.root(leaves, 600))
    assert checkpoint.origin == f"{origin}/{stored.tree}"
    assert ledger.checkpoint("acme") == stored, "signed once"
    assert ledger.verify().checkpoints == 2


def test_every_proof_of_an_unchanged_record_holds(journal: Journal, ledger: Ledger) -> None:
    for size in (1, 2, 254, 3, 40):
        journal.append("acme", [event()] * size)
        ledger.checkpoint("acme")
    found = ledger.prove("acme", range(300))
    root = found.stored.checkpoint.root
    for proof in found.proofs:
        assert merkle.included(proof.leaf, proof.index, 300, proof.path, root)
    assert [old.size for old, _ in found.earlier] == [1, 3, 257, 260]
    for old, path in found.earlier:
        assert merkle.consistent(old.size, old.checkpoint.root, 300, root, path)
    estate = found.estate.checkpoint
    witness = found.witness_proof
    assert merkle.included(witness.leaf, witness.index, estate.size, witness.path, estate.root)
    assert found.witness.entry.leaf == witness.leaf
    assert found.witness.data == {"tree": found.stored.tree, "size": 300, "root": root.hex(), "epoch": 1}


def test_what_is_not_signed_cannot_be_proven(journal: Journal, ledger: Ledger) -> None:
    journal.append("acme", [event()])
    with pytest.raises(NotFound):
        ledger.prove("acme", [0])
    ledger.checkpoint("acme")
    journal.append("acme", [event()])
    ledger.prove("acme", [0])
    with pytest.raises(NotFound):
        ledger.prove("acme", [1])


def test_tenants_have_trees_of_their_own(journal: Journal, ledger: Ledger) -> None:
    journal.append("acme", [event()])
    journal.append("globex", [event(), event()])
    signed = ledger.checkpoint_all()
    assert [stored.size for stored in signed[:2]] == [1, 2]
    before = ledger.verify().checkpoints
    ledger.checkpoint_all()
    assert ledger.verify().checkpoints == before, "nothing grew, so nothing is signed again"
    found = ledger.prove("acme", [0])
    assert "globex" not in repr(found)
    assert ledger.prove("globex", [0]).stored.tree not in repr(found)


def test_a_key_has_its_epoch(journal: Journal, ledger: Ledger, signer: MemorySigner) -> None:
    journal.append("acme", [event()])
    old = ledger.checkpoint("acme")
    assert old is not None
    begun = ledger.rotate(by="dora", reason="a year has passed")
    assert (begun.epoch, signer.retired) == (2, [1])
    journal.append("acme", [event()])
    new = ledger.checkpoint("acme")
    assert new is not None
    _, (first, second) = ledger.keys()
    assert signer.published[-1][1] == [first, second]
    assert first.from_index < (old.witness or 0) < second.from_index < (new.witness or 0)
    open_note(old.note, first.public)
    open_note(new.note, second.public)
    assert ledger.verify().ok


@pytest.mark.parametrize(("signing", "epoch"), [(2, 1), (2, 2), (1, 2), (3, 1)])
def test_an_old_checkpoint_signed_anew_with_another_key_is_found(
    journal: Journal, ledger: Ledger, signer: MemorySigner, path: Path, signing: int, epoch: int
) -> None:
    """The newer key is as good a key as the older one was; that is not the question."""
    journal.append("acme", [event()])
    stored = ledger.checkpoint("acme")
    ledger.rotate(by="dora", reason="a year has passed")
    assert stored is not None
    note = sign_checkpoint(stored.checkpoint, signer.private(signing))
    sql(path, "UPDATE checkpoints SET note = ?, epoch = ? WHERE tree = ?", [note, epoch, stored.tree])
    result = ledger.verify()
    assert result.first_bad is not None
    assert (result.first_bad["tree"], result.first_bad["seq"]) == (stored.tree, 0)


class TestRollback:
    @pytest.fixture
    def backup(self, journal: Journal, ledger: Ledger, path: Path, tmp_path: Path) -> Path:
        """A copy of the database from before the last checkpoints."""
        journal.append("acme", [created("run-1"), event()])
        ledger.checkpoint("acme")
        backup = tmp_path / "backup.db"
        sql(path, "VACUUM INTO ?", [str(backup)])
        journal.append("acme", [event(), event()])
        ledger.checkpoint("acme")
        return backup

    def _restored(self, backup: Path, signer: MemorySigner) -> tuple[Journal, Ledger]:
        journal = Journal(url_of(backup), key)
        return journal, Ledger(journal, signer)

    def test_nothing_is_signed_on_a_restored_database(self, backup: Path, signer: MemorySigner) -> None:
        journal, ledger = self._restored(backup, signer)
        before = dict(signer.notes)
        with pytest.raises(RolledBack):
            ledger.checkpoint_all()
        for size in range(3):  # smaller, as large, larger than what was signed: never
            journal.append("acme", [event()])
            with pytest.raises(RolledBack):
                ledger.checkpoint("acme")
            assert size < 3
        assert signer.notes == before
        journal.close()

    def test_it_is_found_and_located(self, backup: Path, signer: MemorySigner) -> None:
        journal, ledger = self._restored(backup, signer)
        assert journal.verify().ok, "in itself it is whole"
        result = ledger.verify()
        assert result.first_bad is not None
        assert "rolled back" in result.first_bad["why"]
        journal.close()

    def test_a_fork_is_found(self, backup: Path, signer: MemorySigner) -> None:
        journal, ledger = self._restored(backup, signer)
        journal.append(MSP, [event()] * 20)
        journal.append("acme", [event()] * 20)
        result = ledger.verify()
        assert result.first_bad is not None
        assert "forked" in result.first_bad["why"]
        journal.close()

    def test_a_database_begun_anew_is_found(self, backup: Path, signer: MemorySigner, tmp_path: Path) -> None:
        journal = Journal(url_of(tmp_path / "new.db"), key)
        result = Ledger(journal, signer).verify()
        assert result.first_bad is not None
        assert "rolled back" in result.first_bad["why"]
        journal.close()


def test_an_altered_copy_outside_stops_signing(journal: Journal, ledger: Ledger, signer: MemorySigner) -> None:
    journal.append("acme", [event()])
    stored = ledger.checkpoint("acme")
    assert stored is not None
    signer.notes[stored.tree] = stored.note.replace(b"\n1\n", b"\n9\n")
    journal.append("acme", [event()])
    with pytest.raises(JournalCorrupt):
        ledger.checkpoint("acme")
    assert not ledger.verify().ok


def test_a_copy_outside_that_another_key_signed_is_found(
    journal: Journal, ledger: Ledger, signer: MemorySigner
) -> None:
    journal.append("acme", [event()])
    stored = ledger.checkpoint("acme")
    assert stored is not None
    signer.notes[stored.tree] = sign_checkpoint(stored.checkpoint, signer.private(7))
    result = ledger.verify()
    assert result.first_bad is not None
    assert "not signed with our keys" in result.first_bad["why"]


def test_altered_inner_nodes_are_not_signed(journal: Journal, ledger: Ledger, path: Path) -> None:
    journal.append("acme", [event()] * 300)
    ledger.checkpoint("acme")
    sql(path, "UPDATE nodes SET hash = zeroblob(32)")
    journal.append("acme", [event()])
    with pytest.raises(RolledBack):
        ledger.checkpoint("acme")


def test_several_processes_sign_one_record(journal: Journal, ledger: Ledger, again: Ledger) -> None:
    for round in range(4):
        journal.append("acme", [event()])
        (ledger, again)[round % 2].checkpoint("acme")
    assert again.verify().checkpoints == 8
    again.rotate(by="dora", reason="a year has passed")
    journal.append("acme", [event()])
    stored = ledger.checkpoint("acme")
    assert stored is not None
    assert stored.epoch == 2
    assert ledger.verify().ok


def test_a_journal_of_the_first_schema_gets_trees(tmp_path: Path, signer: MemorySigner) -> None:
    """Entries that were appended before there were checkpoints are in them."""
    path = tmp_path / "old.db"
    made = Journal(url_of(tmp_path / "made.db"), key)
    made.append("acme", [created("run-1"), *[event()] * 600])
    made.append(MSP, [event(run_id=None)])
    made.close()
    as_of(tmp_path / "made.db", "0001", path)
    kept = "SELECT tree, seq, id, run_id, body, leaf FROM entries ORDER BY tree, seq"
    before = sql(path, kept)
    journal = Journal(url_of(path), key)
    ledger = Ledger(journal, signer)
    assert journal.verify().ok
    ledger.checkpoint_all()
    result = ledger.verify()
    assert (result.ok, result.checkpoints) == (True, 2)
    after = sql(path, kept)
    assert [row for row in after if row in before] == before
    assert parse_note(signer.notes[ledger.newest("acme").tree]).checkpoint.size == 601  # type: ignore[union-attr]
    journal.close()


def test_a_backup_can_be_copied_and_verified_elsewhere(
    journal: Journal, ledger: Ledger, path: Path, tmp_path: Path
) -> None:
    journal.append("acme", [event()] * 5)
    ledger.checkpoint("acme")
    journal.close()
    shutil.copy(path, tmp_path / "copy.db")
    other = Journal(url_of(tmp_path / "copy.db"), key)
    assert other.verify().checkpoints == 2
    other.close()
