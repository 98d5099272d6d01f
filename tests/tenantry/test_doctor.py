"""The doctor finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import tenantry.doctor as doctor_module
from tenantry.doctor import Check, examine
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.vault import Vault
from tests.support.certificates import Authority


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    with Vault.open(home) as vault:
        vault.create_tenant_key("acme")
        journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: vault.subkey(tenant, "journal"))
        journal.append("acme", [Event("note", {"text": "x"})])
        journal.close()
    return home


def look(home: Home, now: datetime | None = None) -> dict[str, Check]:
    return {check.name: check for check in examine(home, now=now)}


def test_a_home_that_is_well(home: Home) -> None:
    found = look(home)
    for name in ("versions", "modes", "journal.db", "vault.db", "schema", "keys", "record", "runs"):
        assert found[name].status == "ok", found[name]
    assert "1 entries in 1 trees" in found["record"].says
    assert found["clock"].status in {"ok", "warning", "unknown"}


def test_an_empty_home_is_well(tmp_path: Path) -> None:
    found = look(Home(tmp_path / "home").ensure())
    assert {check.status for name, check in found.items() if name not in {"clock", "disk"}} == {"ok"}
    assert not (tmp_path / "home" / "vault.db").exists()


def test_it_changes_nothing(home: Home) -> None:
    def state() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in home.path.rglob("*")
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    before = state()
    look(home)
    assert state() == before


def test_files_that_others_can_read(home: Home) -> None:
    home.vault_db.chmod(0o644)
    check = look(home)["modes"]
    assert check.status == "failed"
    assert "vault.db" in check.says
    assert check.remedy


def test_a_damaged_database(home: Home) -> None:
    with closing(sqlite3.connect(home.journal_db)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(home.journal_db.read_bytes())
    data[4096 * 2 : 4096 * 3] = os.urandom(4096)
    home.journal_db.write_bytes(data)
    assert look(home)["journal.db"].status == "failed"


def test_no_database_at_all_where_one_should_be(home: Home) -> None:
    home.journal_db.write_bytes(b"not a database" * 100)
    found = look(home)
    assert found["journal.db"].status == "failed"
    assert found["keys"].status == "ok"  # the rest is looked at all the same


def test_a_missing_key(home: Home) -> None:
    home.master_key.unlink()
    found = look(home)
    assert found["keys"].status == "failed"
    assert found["disk"].status in {"ok", "warning", "failed"}


def test_a_clock_behind_the_record(home: Home) -> None:
    check = look(home, datetime.now(UTC) - timedelta(hours=1))["record"]
    assert check.status == "failed"
    assert "future" in check.says


@pytest.mark.parametrize(("free", "status"), [(10**6, "failed"), (10**9, "warning"), (10**11, "ok")])
def test_the_disk(home: Home, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=10**12))
    assert look(home)["disk"].status == status


def test_a_tenant_without_a_key(home: Home) -> None:
    (home.tenants / "beta.yaml").write_text("name: beta\ndisplay_name: Beta\n", encoding="utf-8")
    check = look(home)["tenants' keys"]
    assert check.status == "warning"
    assert "beta" in check.says


def test_another_version_of_what_it_stands_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor_module.version
    monkeypatch.setattr(doctor_module, "version", lambda name: "9.9" if name == "prefect" else real(name))
    check = look(home)["versions"]
    assert check.status == "failed"
    assert "prefect 9.9" in check.says


def test_a_schema_of_another_release(home: Home) -> None:
    with closing(sqlite3.connect(home.journal_db)) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()
    found = look(home)
    assert found["schema"].status == "warning"
    assert found["record"].status in {"failed", "ok"}


def test_left_over_from_a_backup(home: Home) -> None:
    (home.run / "backup-1234").mkdir()
    assert look(home)["left over"].status == "warning"


def test_no_secret_is_said(home: Home) -> None:
    with Vault.open(home) as vault:
        vault.put("acme", "m365/secret", "canary-of-acme")
    assert "canary" not in str(examine(home))


def test_the_certificate_of_the_configuration(home: Home, tmp_path: Path) -> None:
    assert "certificate" not in look(home)
    certificate, key = Authority(tmp_path / "authority").issue(ends=timedelta(days=20))
    said = f"service: {{host: 0.0.0.0, tls_certificate: {certificate}, tls_key: {key}}}\n"
    home.estate.write_text(said, encoding="utf-8")
    assert look(home)["certificate"].status == "ok"
    soon = look(home, datetime.now(UTC) + timedelta(days=10))["certificate"]
    assert (soon.status, "localhost" in soon.says) == ("warning", True)
    late = look(home, datetime.now(UTC) + timedelta(days=21))["certificate"]
    assert (late.status, "expired" in late.says) == ("failed", True)
    key.chmod(0o644)
    assert look(home)["certificate"].status == "failed"


def test_what_expires_is_told_of_every_client(home: Home) -> None:
    assert look(home)["secrets"].status == "ok"
    now = datetime.now(UTC)
    with Vault.open(home) as vault:
        vault.put("acme", "m365/secret", "canary-of-a-due-secret", expires_at=now + timedelta(days=9))
    assert look(home)["secrets"].status == "warning"
    assert "acme/m365/secret expires in" in look(home)["secrets"].says
    found = [check for check in examine(home, now=now + timedelta(days=10)) if check.name == "secrets"]
    assert [check.status for check in found] == ["failed"]
    assert "vault rotate" in found[0].remedy
    assert "canary" not in repr((look(home), found))
