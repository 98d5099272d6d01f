"""A restored record: another key signs it, and a run that was under way goes on."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tenantry.backup import KEEP_DAYS, PassphraseKey, restore, take
from tenantry.errors import InvalidInput, NotFound, Refused
from tenantry.home import Home
from tenantry.journal import MSP, Event, Journal, Ledger
from tenantry.signing import RecordSigner
from tenantry.vault import Vault
from tests.support.databases import counted_elsewhere

KEY = PassphraseKey(SecretStr("correct horse battery staple"))


class Opened:
    def __init__(self, home: Home) -> None:
        self.vault = Vault.open(home)
        self.journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: self.vault.subkey(tenant, "journal"))
        self.ledger = Ledger(self.journal, RecordSigner(home, self.vault))

    def close(self) -> None:
        self.journal.close()
        self.vault.close()


@pytest.fixture
def taken(tmp_path: Path) -> tuple[Home, bytes]:
    """A home whose record was signed, and a backup of it."""
    home = Home(tmp_path / "first").ensure()
    first = Opened(home)
    first.vault.create_tenant_key("acme")
    first.journal.append("acme", [Event("note", {"text": "before"})])
    first.ledger.checkpoint("acme")
    out = io.BytesIO()
    take(home, first.journal, out, KEY, by="dora")
    first.close()
    return home, out.getvalue()


def test_the_key_of_the_backup_signs_nothing_more(taken: tuple[Home, bytes], tmp_path: Path) -> None:
    home, backup = taken
    before = Opened(home)
    _, old = before.ledger.keys()
    signed = len(old)
    before.close()

    second = Home(tmp_path / "second")
    restore(second, io.BytesIO(backup), KEY, by="dora")
    after = Opened(second)
    _, keys = after.ledger.keys()
    assert [key.public for key in keys[:signed]] == [key.public for key in old]
    assert len(keys) == signed + 1
    with pytest.raises(NotFound):
        after.vault.get(MSP, "record/signing/1")
    # What came since, the restoration itself included, is signed with the new key.
    stored = after.ledger.checkpoint("acme")
    assert stored is not None
    assert stored.epoch == signed + 1
    newest = after.ledger.checkpoint(MSP)
    assert newest is not None
    assert newest.epoch == signed + 1
    assert after.journal.verify().ok
    after.close()


def test_a_record_that_was_never_signed_has_no_key_to_replace(tmp_path: Path) -> None:
    home = Home(tmp_path / "first").ensure()
    first = Opened(home)
    first.vault.create_tenant_key("acme")
    first.journal.append("acme", [Event("note", {"text": "before"})])
    out = io.BytesIO()
    take(home, first.journal, out, KEY, by="dora")
    first.close()
    second = Home(tmp_path / "second")
    restore(second, io.BytesIO(out.getvalue()), KEY, by="dora")
    after = Opened(second)
    assert len(after.ledger.keys()[1]) <= 1
    assert after.journal.verify().ok
    after.close()


def test_who_left_since_is_not_brought_back_unnoticed(taken: tuple[Home, bytes], tmp_path: Path) -> None:
    """Until the day that their certificate names, whoever restores is told whom the backup has; after it there should be no backup."""
    home, backup = taken
    last = datetime.now(UTC).date() + timedelta(days=KEEP_DAYS)
    with pytest.raises(Refused, match=f"until {last}"):
        restore(Home(tmp_path / "late"), io.BytesIO(backup), KEY, by="dora", today=last + timedelta(days=1))
    assert not (tmp_path / "late" / "vault.db").exists()
    done = restore(Home(tmp_path / "late"), io.BytesIO(backup), KEY, by="dora", today=last)
    assert done.clients == ("acme",)
    assert restore(Home(tmp_path / "all the same"), io.BytesIO(backup), KEY, by="dora").clients == ("acme",)
    opened = Opened(home)
    opened.vault.destroy_tenant_key("acme")
    out = io.BytesIO()
    take(home, opened.journal, out, KEY, by="dora")
    opened.close()
    assert restore(Home(tmp_path / "gone"), io.BytesIO(out.getvalue()), KEY, by="dora").clients == ()


def test_whoever_makes_a_backup_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    """Who makes it has the record and the vault open: to read their files must not end his locks on them."""
    home = Home(tmp_path / "first").ensure()
    opened = Opened(home)
    take(home, opened.journal, io.BytesIO(), KEY, by="dora")
    entries, tenants = counted_elsewhere(home.journal_db, "entries"), counted_elsewhere(home.vault_db, "tenant_keys")
    opened.journal.append(MSP, [Event("note", {"text": "after"})])
    opened.vault.create_tenant_key("acme")
    assert counted_elsewhere(home.journal_db, "entries") == entries + 1
    assert counted_elsewhere(home.vault_db, "tenant_keys") == tenants + 1
    opened.close()


def test_a_file_of_somebodys_that_is_called_like_a_database_is_taken_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "first").ensure()
    opened = Opened(home)
    (home.path / "notes.db").write_bytes(b"no database")
    out = io.BytesIO()
    take(home, opened.journal, out, KEY, by="dora")
    opened.close()
    second = Home(tmp_path / "second")
    restore(second, io.BytesIO(out.getvalue()), KEY, by="dora")
    assert (second.path / "notes.db").read_bytes() == b"no database"


@pytest.mark.parametrize("days", [0, -1, 100_000])
def test_nobody_keeps_a_backup_for_so_long(tmp_path: Path, days: int) -> None:
    home = Home(tmp_path / "first").ensure()
    opened = Opened(home)
    with pytest.raises(InvalidInput, match="--keep"):
        take(home, opened.journal, io.BytesIO(), KEY, by="dora", keep_days=days)
    assert opened.journal.of(MSP, "backup.taken") == []
    opened.close()
