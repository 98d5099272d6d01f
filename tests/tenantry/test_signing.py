from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.errors import JournalCorrupt, NotFound, RolledBack
from tenantry.home import Home
from tenantry.journal import Event, Journal, Ledger
from tenantry.names import MSP
from tenantry.proof.trust import TrustStore
from tenantry.signing import RecordSigner
from tenantry.vault import Vault


class Office:
    """A home with its vault, its journal and its signer."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.vault = Vault.open(self.home, on_read=self._read)
        self.vault.create_tenant_key("acme")
        self.journal = Journal(f"sqlite:///{self.home.journal_db}", lambda tenant: self.vault.subkey(tenant, "journal"))
        self.ledger = Ledger(self.journal, RecordSigner(self.home, self.vault))

    def _read(self, tenant: str, name: str, version: int, purpose: str) -> None:
        self.journal.append(tenant, [Event("vault.read", {"name": name, "version": version, "purpose": purpose})])

    def close(self) -> None:
        self.journal.close()
        self.vault.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "home")
    yield opened
    opened.close()


def test_the_key_lies_in_the_vault_and_its_reading_is_recorded(office: Office) -> None:
    office.journal.append("acme", [Event("note")])
    office.ledger.checkpoint("acme")
    assert [one.name for one in office.vault.list(MSP)] == ["record/signing/1"]
    reads = [one.data for one in office.journal.tail(MSP) if one.event == "vault.read"]
    assert [(one["name"], one["purpose"]) for one in reads] == [("record/signing/1", "sign the record")]
    secret = office.vault.get_text(MSP, "record/signing/1").get_secret_value()
    for path in office.home.path.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
            assert bytes.fromhex(secret) not in path.read_bytes()


def test_public_keys_are_where_verification_looks(office: Office) -> None:
    office.journal.append("acme", [Event("note")])
    office.ledger.checkpoint("acme")
    office.ledger.rotate(by="dora", reason="a year has passed")
    origin, keys = office.ledger.keys()
    assert TrustStore.folder(office.home.trust).keys == {origin: keys}
    assert (office.home.trust / "own.json").stat().st_mode & 0o077 == 0


def test_the_old_key_is_destroyed_when_its_epoch_ends(office: Office) -> None:
    office.ledger.checkpoint(MSP)
    office.ledger.rotate(by="dora", reason="a year has passed")
    assert [one.name for one in office.vault.list(MSP)] == ["record/signing/2"]
    with pytest.raises(NotFound):
        office.vault.get(MSP, "record/signing/1")
    assert office.ledger.verify().ok


def test_a_restored_database_is_found_by_the_copy_beside_it(office: Office, tmp_path: Path) -> None:
    office.journal.append("acme", [Event("note")])
    office.ledger.checkpoint("acme")
    office.close()
    backup = tmp_path / "backup.db"
    shutil.copy(office.home.journal_db, backup)
    again = Office(office.home.path)
    again.journal.append("acme", [Event("note")] * 3)
    again.ledger.checkpoint("acme")
    again.close()
    for path in office.home.path.glob("journal.db*"):
        path.unlink()
    shutil.copy(backup, office.home.journal_db)
    restored = Office(office.home.path)
    restored.journal.append("acme", [Event("note")] * 9)
    with pytest.raises(RolledBack):
        restored.ledger.checkpoint("acme")
    result = restored.ledger.verify()
    assert result.first_bad is not None
    assert "forked" in result.first_bad["why"] or "rolled back" in result.first_bad["why"]
    restored.close()


def test_an_older_copy_never_replaces_a_newer_one(office: Office) -> None:
    office.journal.append("acme", [Event("note")])
    old = office.ledger.checkpoint("acme")
    office.journal.append("acme", [Event("note")])
    new = office.ledger.checkpoint("acme")
    assert old is not None
    assert new is not None
    signer = RecordSigner(office.home, office.vault)
    signer.keep(old.tree, old.note)
    assert signer.kept(old.tree) == new.note


def test_a_damaged_copy_is_kept_as_evidence(office: Office) -> None:
    office.journal.append("acme", [Event("note")])
    stored = office.ledger.checkpoint("acme")
    assert stored is not None
    path = office.home.checkpoints / f"{stored.tree}.txt"
    path.write_bytes(b"nonsense")
    office.journal.append("acme", [Event("note")])
    with pytest.raises(JournalCorrupt):
        office.ledger.checkpoint("acme")
    assert path.read_bytes() == b"nonsense"


def test_key_files_are_json_that_others_read(office: Office) -> None:
    office.ledger.checkpoint(MSP)
    document = json.loads((office.home.trust / "own.json").read_bytes())
    assert document["format"] == "tenantry-keys/1"
    assert document["keys"][0]["pem"].startswith("-----BEGIN PUBLIC KEY-----")
