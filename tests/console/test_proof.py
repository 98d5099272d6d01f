"""Evidence, keys, attestations and erasure on the command line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.console.desk import TENANT, Desk


@pytest.fixture
def run(stand: Desk) -> str:
    """A completed run."""
    assert stand.lab is not None
    account = stand.lab.scenario_info()["compromised"][0]
    view = stand.json("run", "plain", "--tenant", TENANT, "-p", f"account={account}")
    return str(view["run_id"])


@pytest.fixture
def bundle(stand: Desk, run: str, tmp_path: Path) -> Path:
    stand.json("evidence", "export", run, "-o", str(tmp_path / "bundle"))
    return tmp_path / "bundle"


@pytest.fixture
def keys(stand: Desk, bundle: Path, tmp_path: Path) -> Path:
    stand.json("keys", "export", "-o", str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def test_a_run_is_signed_when_it_ends(stand: Desk, run: str) -> None:
    report = stand.json("journal", "verify")
    assert report["ok"] is True
    assert report["checkpoints"] == 2, "the client's, and the estate's that witnesses it"


def test_a_bundle_verifies_here_by_the_trust_store(stand: Desk, bundle: Path, run: str) -> None:
    report = stand.json("evidence", "verify", str(bundle))
    assert (report["ok"], report["signer"], report["run_id"]) == (True, "established", run)


def test_a_bundle_verifies_elsewhere_with_the_keys_alone(
    stand: Desk, bundle: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "elsewhere"))
    report = stand.json("evidence", "verify", str(bundle), "--key", str(keys))
    assert report["signer"] == "established"
    report = stand.json("evidence", "verify", str(bundle), code=1)
    assert (report["ok"], report["signer"]) == (False, "not_established")
    result = stand("evidence", "verify", str(bundle))
    assert result.exit_code == 1
    assert "signer not established" in result.stderr
    assert not (tmp_path / "elsewhere").exists(), "verifying leaves nothing behind"


def test_the_key_inside_the_bundle_is_not_brought_by_anybody(
    stand: Desk, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine has keys of its own, which say nothing of this signer."""
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "other"))
    other = tmp_path / "other.json"
    stand.json("keys", "export", "-o", str(other))
    assert stand.json("evidence", "verify", str(bundle), code=1)["signer"] == "not_established"
    report = stand.json("evidence", "verify", str(bundle), "--key", str(other), code=4)
    assert report["first_bad"]["file"] == "attestation.dsse.json"


def test_a_changed_bundle_is_located(stand: Desk, bundle: Path, keys: Path) -> None:
    path = bundle / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"attempt":0', b'"attempt":1', 1))
    report = stand.json("evidence", "verify", str(bundle), "--key", str(keys), code=4)
    assert report["first_bad"]["file"] == "entries.jsonl"
    assert "entries.jsonl" in stand("evidence", "verify", str(bundle)).stderr


def test_a_checkpoint_for_the_client_to_keep(stand: Desk, run: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    stand.json("journal", "checkpoint", TENANT, "-o", str(kept))
    stand.json("note", run, "more")
    stand.json("evidence", "export", run, "-o", str(tmp_path / "out"))
    assert stand.json("evidence", "verify", str(tmp_path / "out"), "--earlier", str(kept))["ok"] is True
    assert stand("journal", "checkpoint", "-o", str(kept)).exit_code == 2
    assert stand("journal", "checkpoint", "nobody").exit_code == 2


def test_a_later_checkpoint_follows_the_one_kept(
    stand: Desk, run: str, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, grown = tmp_path / "kept.txt", tmp_path / "grown.json"
    stand.json("journal", "checkpoint", TENANT, "-o", str(kept))
    stand.json("note", run, "more")
    stand.json("journal", "checkpoint", TENANT, "--since", str(kept), "-o", str(grown))
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "elsewhere"))
    args = ("journal", "follows", str(grown), "--earlier", str(kept))
    before = kept.read_bytes()
    assert stand.json(*args, code=1)["signer"] == "not_established"
    forged = json.loads(grown.read_bytes())
    forged["path"][0] = "00" * 32
    grown.with_name("forged.json").write_text(json.dumps(forged))
    args_forged = ("journal", "follows", str(grown.with_name("forged.json")), "--earlier", str(kept))
    report = stand.json(*args_forged, "--key", str(keys), "-o", str(kept), code=4)
    assert "does not begin" in report["why"]
    assert stand.json(*args_forged, code=4)["ok"] is False
    assert kept.read_bytes() == before, "only what is proven takes the place of what was kept"
    report = stand.json(*args, "--key", str(keys), "-o", str(kept))
    assert (report["ok"], report["later"] > report["earlier"]) == (True, True)
    assert kept.read_text() == report["note"]
    report = stand.json(*args, "--key", str(keys))
    assert report["earlier"] == report["later"], "once more is fine"


def test_an_unsigned_rollback_is_found(stand: Desk, run: str) -> None:
    with sqlite3.connect(stand.home / "journal.db") as db:
        (tree,) = db.execute("SELECT tree FROM trees WHERE tenant = ?", (TENANT,)).fetchone()
        (last,) = db.execute("SELECT max(seq) FROM entries WHERE tree = ?", (tree,)).fetchone()
        db.execute("DELETE FROM entries WHERE tree = ? AND seq = ?", (tree, last))
        (leaf,) = db.execute("SELECT leaf FROM entries WHERE tree = ? AND seq = ?", (tree, last - 1)).fetchone()
        (body,) = db.execute("SELECT body FROM entries WHERE tree = ? AND seq = ?", (tree, last - 1)).fetchone()
        # As somebody does who knows the schema: the head fits again.
        values = (last, leaf.hex(), json.loads(body)["ts"], tree)
        db.execute("UPDATE trees SET size = ?, head = ?, last_ts = ? WHERE tree = ?", values)
    report = stand.json("journal", "verify", code=4)
    assert report["first_bad"]["tree"] == tree
    assert "rolled back" in report["first_bad"]["why"]


def test_keys_rotate(stand: Desk, run: str, bundle: Path, tmp_path: Path) -> None:
    assert stand.json("keys", "rotate", "--reason", "a year has passed")["epoch"] == 2
    document = stand.json("keys", "export", "-o", str(tmp_path / "two.json"))
    assert [key["epoch"] for key in document["keys"]] == [1, 2]
    assert stand.json("evidence", "verify", str(bundle), "--key", str(tmp_path / "two.json"))["epoch"] == 1
    stand.json("evidence", "export", run, "-o", str(tmp_path / "again"))
    assert stand.json("evidence", "verify", str(tmp_path / "again"))["ok"] is True
    assert stand.json("journal", "verify")["ok"] is True


def test_rotating_takes_an_approver_once_there_is_an_estate(stand: Desk, run: str) -> None:
    (stand.home / "estate.yaml").write_text("name: MSP\n", encoding="utf-8")
    assert "approver" in stand.refused("keys", "rotate", "--reason", "x", code=5)


def test_attestations(stand: Desk, run: str, tmp_path: Path) -> None:
    out = tmp_path / "run.dsse.json"
    assert stand.json("attestation", "create", run, "-o", str(out))["result"] == "pass"
    report = stand.json("attestation", "verify", str(out))
    assert report["predicate"]["run"]["id"] == run
    assert report["subject"][0]["name"] == f"run {run}"
    out.write_bytes(out.read_bytes().replace(b'"sig": "', b'"sig": "A', 1))
    assert stand.json("attestation", "verify", str(out), code=4)["ok"] is False


def test_nobody_here_knows_the_signer(stand: Desk, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run.dsse.json"
    stand.json("attestation", "create", run, "-o", str(out))
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "elsewhere"))
    assert stand.json("attestation", "verify", str(out), code=1)["signer"] == "not_established"


def test_a_waiting_run_is_not_attested(stand: Desk, tmp_path: Path) -> None:
    assert stand.lab is not None
    account = stand.lab.scenario_info()["compromised"][0]
    view = stand.json("run", "small", "--tenant", TENANT, "-p", f"account={account}", code=3)
    assert "nothing final" in stand.refused(
        "attestation", "create", view["run_id"], "-o", str(tmp_path / "x.json"), code=5
    )
    assert not (tmp_path / "x.json").exists()


def test_erasure(stand: Desk, run: str, tmp_path: Path) -> None:
    assert stand.lab is not None
    account = stand.lab.scenario_info()["compromised"][0]
    args = ("journal", "erase", TENANT, "--mentions", account, "--reason", "ticket 4711")
    would = stand.json(*args, "--dry-run")
    assert would["entries"] > 1
    assert stand.json("journal", "verify")["ok"] is True
    done = stand.json(*args)
    assert done["entries"] == would["entries"]
    assert stand.json("journal", "verify")["ok"] is True
    assert account not in json.dumps(stand.json("runs", "show", run))
    assert stand.json("runs", "list")[0]["status"] == "completed"
    stand.json("evidence", "export", run, "-o", str(tmp_path / "out"))
    report = stand.json("evidence", "verify", str(tmp_path / "out"))
    assert report["payloads_erased"] == done["entries"]
    assert stand("journal", "erase", TENANT, "--reason", "x").exit_code == 2


def test_tiles(stand: Desk, run: str, tmp_path: Path) -> None:
    shown = stand.json("journal", "tiles", TENANT, "-o", str(tmp_path / "log"))
    assert (
        (tmp_path / "log" / "checkpoint")
        .read_text(encoding="utf-8")
        .startswith(f"{shown['origin']}\n{shown['size']}\n")
    )
    assert stand("journal", "tiles", TENANT, "-o", str(tmp_path / "log")).exit_code == 2


def test_an_authority_that_does_not_answer_keeps_nobody_from_exporting(stand: Desk, run: str, tmp_path: Path) -> None:
    estate = "name: MSP\ntime_stamp_authority: {url: 'http://127.0.0.1:9/', certificates: none}\n"
    (stand.home / "estate.yaml").write_text(estate, encoding="utf-8")
    result = stand("evidence", "export", run, "-o", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "no time stamp" in result.stderr
    assert "No outside time stamp" in (tmp_path / "out" / "README.txt").read_text(encoding="utf-8")
