"""Backup and restore: taken in the middle of a run, restored on an empty machine, and the run goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows import launch
from flows.assembly import Installation
from tenantry.backup import PassphraseKey, take
from tenantry.home import Home
from tenantry.journal import Event, Record
from tenantry.masterkey import Argon2Parameters
from tenantry.run import RunState
from tenantry.vault import Vault
from tests.console.desk import TENANT, Desk, carry
from tests.support.taken_on import MovedOn

WORDS = "correct horse battery staple"


def taken(desk: Desk, tmp_path: Path) -> Path:
    file = tmp_path / "backup.tnb"
    desk.json("backup", "-o", str(file), given=f"{WORDS}\n")
    return file


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "new") -> Desk:
    """Another machine, as far as this home goes."""
    home = tmp_path / name
    monkeypatch.setenv("TENANTRY_HOME", str(home))
    return Desk(home)


def test_a_run_that_waits_goes_on_after_a_restore(stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stand.lab is not None
    account = stand.lab.scenario_info()["compromised"][0]
    begun = stand.json("run", "small", "--tenant", TENANT, "-p", f"account={account}", code=3)
    run = begun["run_id"]
    assert stand.lab.audit == []
    file = taken(stand, tmp_path)
    for path in stand.home.iterdir():  # the machine is gone
        path.rename(tmp_path / f"gone-{path.name}")

    new = elsewhere(tmp_path, monkeypatch)
    new.lab = stand.lab
    done = new.json("restore", str(file), given=f"{WORDS}\n")
    assert done["unfinished"] == [run]
    assert done["epoch"] == 2
    assert new.json("runs", "show", run)["steps"] == begun["steps"]
    new.json("approve", run, "block", "confirmed", "--as", "lab.lead", given=f"{new.code('lab.lead')}\n")
    new.json("approve", run, "block", "--as", "lab.approver", given=f"{new.code('lab.approver')}\n")
    ended = new.json("resume", run)
    assert ended["status"] == "completed"
    assert [write["target"] for write in stand.lab.audit] != []
    assert new.json("journal", "verify")["ok"] is True
    with new.opened() as installation:
        [restored] = [r for r in installation.journal.tail(TENANT) if r.event == "record.restored"]
        assert restored.data["backup"] == done["backup"]
    assert "record.restored" in new.estate_events()
    assert "backup.taken" in new.estate_events()


def test_the_vault_gets_a_new_master_key(stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = taken(stand, tmp_path)
    old = (stand.home / "master.key").read_bytes()
    secret = stand.json("vault", "show", "--tenant", TENANT, "m365/client-secret", "--reveal")["value"]
    new = elsewhere(tmp_path, monkeypatch)
    new.json("restore", str(file), given=f"{WORDS}\n")
    assert (new.home / "master.key").read_bytes() != old
    assert new.json("vault", "show", "--tenant", TENANT, "m365/client-secret", "--reveal")["value"] == secret
    assert (new.home / "runbooks" / "small.yaml").is_file()
    for path in new.home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_symlink(), path


def test_nothing_is_in_clear_and_the_canary_is_nowhere(stand: Desk, tmp_path: Path) -> None:
    secret = stand.json("vault", "show", "--tenant", TENANT, "m365/client-secret", "--reveal")["value"]
    data = taken(stand, tmp_path).read_bytes()
    for text in (secret, WORDS, "lab.approver", "small.yaml", "SQLite format"):
        assert text.encode() not in data
    assert not list((stand.home / "run").glob("backup-*"))


def test_wrong_passphrase_and_a_home_in_use(stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = taken(stand, tmp_path)
    assert "not empty" in stand.refused("restore", str(file), code=5, given=f"{WORDS}\n")
    new = elsewhere(tmp_path, monkeypatch)
    assert "does not open" in new.refused("restore", str(file), code=4, given="another passphrase\n")
    cut = tmp_path / "cut.tnb"
    cut.write_bytes(file.read_bytes()[:-5])
    assert "damaged" in new.refused("restore", str(cut), code=4, given=f"{WORDS}\n")
    new.json("restore", str(file), given=f"{WORDS}\n")  # what was refused left nothing behind


def test_a_recipient(stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, public, file = tmp_path / "backup.key", tmp_path / "backup.pub", tmp_path / "b.tnb"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "X25519", "-out", str(private)], check=True, capture_output=True
    )
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    stand.json("backup", "-o", str(file), "--recipient", str(public))
    new = elsewhere(tmp_path, monkeypatch)
    assert "another" in new.refused("restore", str(file), "--key", str(other(tmp_path)), code=4)
    assert new.json("restore", str(file), "--key", str(private))["epoch"] == 2


def other(folder: Path) -> Path:
    path = folder / "other.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", str(path)], check=True, capture_output=True)
    return path


def test_a_backup_of_a_restored_home_counts_on(stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = taken(stand, tmp_path)
    second = elsewhere(tmp_path, monkeypatch, "second")
    assert second.json("restore", str(file), given=f"{WORDS}\n")["epoch"] == 2
    again = tmp_path / "again.tnb"
    second.json("backup", "-o", str(again), given=f"{WORDS}\n")
    third = elsewhere(tmp_path, monkeypatch, "third")
    assert third.json("restore", str(again), given=f"{WORDS}\n")["epoch"] == 3


def test_until_when_it_is_kept_is_said_and_held_to(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.json("tenants", "list")
    shown = desk.json("backup", "-o", str(tmp_path / "b.tnb"), "--keep", "2", given=f"{WORDS}\n")
    assert date.fromisoformat(shown["keep_until"]) - datetime.fromisoformat(shown["at"]).date() == timedelta(days=2)
    old = tmp_path / "old.tnb"
    with desk.opened() as installation, old.open("wb") as out:
        installation.journal.clock = clock = MovedOn()
        clock.past = -timedelta(days=91)
        key = PassphraseKey(SecretStr(WORDS), Argon2Parameters(iterations=1, lanes=1, memory_kib=64))
        take(installation.home, installation.journal, out, key, by="test")
    new = elsewhere(tmp_path, monkeypatch)
    assert "was to be kept until" in new.refused("restore", str(old), code=5, given=f"{WORDS}\n")
    assert new.json("restore", str(old), "--expired", given=f"{WORDS}\n")["clients"] == []


def test_it_does_not_lie_in_what_it_is_a_backup_of(desk: Desk) -> None:
    desk.json("tenants", "list")
    assert "TENANTRY_HOME" in desk.refused("backup", "-o", str(desk.home / "b.tnb"), code=2, given=f"{WORDS}\n")


def test_links_are_named_and_left_out(stand: Desk, tmp_path: Path) -> None:
    (stand.home / "tenants" / "linked.yaml").symlink_to(tmp_path / "somewhere.yaml")
    shown = stand.json("backup", "-o", str(tmp_path / "b.tnb"), given=f"{WORDS}\n")
    assert shown["skipped"] == ["tenants/linked.yaml"]


def test_while_others_write_it_is_one_state(stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def write() -> None:
        with Vault.open(Home(stand.home)) as vault, stand.opened() as installation:
            number = 0
            while not stop.is_set():
                number += 1
                installation.journal.append(TENANT, [Event("note", {"n": number})] * 3)
                if number % 5 == 0:
                    vault.put(TENANT, "busy", f"value-{number}")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        files = []
        for number in range(3):
            file = tmp_path / f"{number}.tnb"
            stand.json("backup", "-o", str(file), given=f"{WORDS}\n")
            files.append(file)
    finally:
        stop.set()
        writing.join()
    for number, file in enumerate(files):
        new = elsewhere(tmp_path, monkeypatch, f"new-{number}")
        assert new.json("restore", str(file), given=f"{WORDS}\n")["entries"] > 0
        assert new.json("journal", "verify")["ok"] is True


def test_a_damaged_database_makes_no_backup(stand: Desk, tmp_path: Path) -> None:
    path = stand.home / "people.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = db.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(path.read_bytes())
    data[size : size + 300] = os.urandom(300)
    path.write_bytes(data)
    file = tmp_path / "b.tnb"
    assert "people.db" in stand.refused("backup", "-o", str(file), code=4, given=f"{WORDS}\n")
    assert not file.exists()


def test_a_vault_with_a_passphrase(tmp_path: Path) -> None:
    def run(home: str, *args: str, given: str) -> subprocess.CompletedProcess[str]:
        code = (
            "import os\nr, w = os.pipe()\nos.write(w, b'the passphrase of the vault\\n')\n"
            "os.environ['TENANTRY_PASSPHRASE_FD'] = str(r)\nfrom console.main import main\nmain()"
        )
        return subprocess.run(
            [sys.executable, "-c", code, *args],
            env={**os.environ, "TENANTRY_HOME": str(tmp_path / home)},
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    file = str(tmp_path / "b.tnb")
    assert run("old", "vault", "put", "--tenant", "_msp", "psa/token", given="kept\n").returncode == 0
    assert run("old", "backup", "-o", file, given=f"{WORDS}\n").returncode == 0
    assert run("new", "restore", file, given=f"{WORDS}\n").returncode == 0
    assert not (tmp_path / "new" / "master.key").exists()
    shown = run("new", "vault", "show", "--tenant", "_msp", "psa/token", "--reveal", given="")
    assert shown.stdout == "kept\n"


STEPS = """\
id: three
version: 1
title: Three effects, one after the other
kind: incident
params:
  a: {type: account, title: A}
  b: {type: account, title: B}
  c: {type: account, title: C}
phases: [contain]
steps:
  - {id: first, title: First, phase: contain, uses: identity.disable_sign_in, with: {account: "${params.a}"}}
  - {id: second, title: Second, phase: contain, uses: identity.disable_sign_in, needs: [first], with: {account: "${params.b}"}}
  - {id: third, title: Third, phase: contain, uses: identity.disable_sign_in, needs: [second], with: {account: "${params.c}"}}
"""


class Killed(BaseException):
    """The machine is gone."""


def begun(desk: Desk, installation: Installation) -> str:
    assert desk.lab is not None
    accounts = [desk.lab.tenant.directory.upn_of(index) for index in (20, 21, 22)]  # nobody with a role
    given = dict(zip("abc", accounts, strict=True))
    return launch.prepare(installation, "three", TENANT, given, "run", {"person": None, "proven": False, "via": "test"})


def end(desk: Desk, run: str) -> tuple[dict[str, str], Counter[tuple[str, str, str, str]], dict[str, bool]]:
    """What must be equal however the run came to its end: outcomes, accepted writes, and who can sign in."""
    assert desk.lab is not None
    view = desk.json("runs", "show", run)
    assert view["status"] == "completed"
    directory = desk.lab.tenant.directory
    return (
        {step["id"]: step["outcome"] for step in view["steps"]},
        Counter((write["service"], write["method"], write["target"], repr(write["after"])) for write in desk.lab.audit),
        {directory.upn_of(index): directory.peek(index).props["accountEnabled"] for index in range(desk.lab.users)},
    )


@pytest.mark.parametrize("dies_after", ["first", "second"])
def test_taken_while_a_run_acts_it_resumes_and_ends_as_one_that_nothing_happened_to(
    stand: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: str
) -> None:
    """After ``first`` the backup is taken, in the run's own process. The machine dies then, or goes on for one effect more that the
    record that comes back does not know of."""
    assert stand.lab is not None
    stand.runbook(STEPS)
    with stand.opened() as installation:
        run = begun(stand, installation)
        carry(installation, run)
    expected = end(stand, run)
    assert set(expected[1].values()) == {1}
    assert sorted(expected[2].values()).count(False) >= 3
    stand.lab.reset()

    file = tmp_path / "b.tnb"
    with stand.opened() as installation:
        run = begun(stand, installation)

        def watch(_: RunState, record: Record | None) -> None:
            if record is None or record.event != "step.outcome":
                return
            if record.step == "first":
                assert installation.journal.live(run)  # in the middle of it
                with file.open("wb") as out:
                    key = PassphraseKey(SecretStr(WORDS), Argon2Parameters(iterations=1, lanes=1, memory_kib=64))
                    take(installation.home, installation.journal, out, key, by="test")
            if record.step == dies_after:
                raise Killed

        with pytest.raises(Killed):
            carry(installation, run, follow=watch)
    assert len(stand.lab.audit) == ("first", "second").index(dies_after) + 1
    for path in stand.home.iterdir():  # the machine is gone
        path.rename(tmp_path / f"gone-{path.name}")

    new = elsewhere(tmp_path, monkeypatch)
    new.lab = stand.lab
    assert new.json("restore", str(file), given=f"{WORDS}\n")["unfinished"] == [run]
    assert new.json("resume", run)["status"] == "completed"
    outcomes, writes, accounts = end(new, run)
    if dies_after == "second":  # done by the machine that died: found, not done again, and not claimed
        assert outcomes.pop("second") == "already"
        expected[0].pop("second")
    assert (outcomes, writes, accounts) == expected
    assert new.json("journal", "verify")["ok"] is True
