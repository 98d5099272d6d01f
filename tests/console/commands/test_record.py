"""The record on the command line: notes, freezes, exports, verification."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from tests.console.desk import TENANT, Desk, totp


@pytest.fixture
def run(stand: Desk) -> str:
    """A completed run."""
    assert stand.lab is not None
    account = stand.lab.scenario_info()["compromised"][0]
    view = stand.json("run", "plain", "--tenant", TENANT, "-p", f"account={account}")
    return str(view["run_id"])


def test_a_note_stands_in_the_run_and_in_the_exports(stand: Desk, run: str, tmp_path: Path) -> None:
    args = (
        "note",
        run[:8],
        "She called back: <b>not hers</b>.",
        "--at",
        "2026-11-20T09:30:00+01:00",
        "--as",
        "lab.engineer",
    )
    said = stand.json(*args, given=f"{stand.code('lab.engineer')}\n")
    assert said["at"] == "2026-11-20T08:30:00.000000Z"
    assert said["by"]["person"] == "lab.engineer"
    assert said["by"]["proven"] is True
    [noted] = stand.json("runs", "show", run)["notes"]
    assert noted["text"] == "She called back: <b>not hers</b>."
    assert noted["recorded_at"] == said["recorded_at"]
    out = tmp_path / "t.jsonl"
    stand.json("timeline", run, "--format", "jsonl", "-o", str(out))
    assert "She called back" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("",), "TEXT"),
        (("   ",), "TEXT"),
        (("x" * 10_001,), "TEXT"),
        (("x", "--at", "yesterday"), "--at"),
        (("x", "--at", "2026-11-20T09:30:00"), "--at"),
        (("x", "--at", "2999-01-01T00:00:00Z"), "--at"),
        (("x", "--as", "nobody"), "--as"),
    ],
)
def test_notes_that_are_none(stand: Desk, run: str, args: tuple[str, ...], said: str) -> None:
    assert said in stand.refused("note", run, *args, code=2)
    assert stand.json("runs", "show", run)["notes"] == []


@pytest.mark.parametrize("kind", ["html", "pdf", "md", "csv", "jsonl", "timesketch", "stix", "ocsf", "iris"])
def test_timelines(stand: Desk, run: str, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "timeline"
    shown = stand.json("timeline", run, "--format", kind, "-o", str(out))
    assert shown["events"] > 3
    assert out.stat().st_mode & 0o777 == 0o600
    assert run.encode() in out.read_bytes() or kind in ("pdf", "csv", "jsonl", "timesketch", "iris")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_timeline_on_stdout(stand: Desk, run: str) -> None:
    result = stand("timeline", run, "--format", "jsonl", "-o", "-")
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()]
    both = stand("timeline", run, "--format", "jsonl", "-o", "-", "--json")
    assert both.exit_code == 2
    assert both.stderr.startswith("tenantry: -o")
    assert "error" in json.loads(both.stdout)


def test_timelines_that_cannot_be(stand: Desk, run: str, tmp_path: Path) -> None:
    out = str(tmp_path / "t")
    assert "docx" in stand.refused("timeline", run, "--format", "docx", "-o", out, code=2)
    assert "RUN" in stand.refused("timeline", "ffffffff", "--format", "md", "-o", out, code=2)
    assert "-o" in stand.refused("timeline", run, "--format", "md", "-o", str(tmp_path / "no" / "t"), code=2)
    assert "--format" in stand.refused("timeline", run, "-o", out, code=2)
    assert list(tmp_path.glob("t*")) == []


def test_an_evidence_bundle_checks(stand: Desk, run: str, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    shown = stand.json("evidence", "export", run[:8], "-o", str(out))
    assert shown["folder"] == str(out)
    for line in (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["run_id"] == run
    assert "not an empty folder" in stand.refused("evidence", "export", run, "-o", str(out), code=2)


def test_a_sound_record_verifies(stand: Desk, run: str) -> None:
    report = stand.json("journal", "verify")
    assert report["ok"] is True
    assert report["first_bad"] is None
    assert report["entries"] > 5
    assert "all as recorded" in stand("journal", "verify").stdout


def test_an_altered_record_is_found(stand: Desk, run: str) -> None:
    with sqlite3.connect(stand.home / "journal.db") as db:
        row = db.execute("SELECT tree, seq, body FROM entries WHERE run_id = ? ORDER BY seq LIMIT 1", (run,)).fetchone()
        db.execute("UPDATE entries SET body = ? WHERE tree = ? AND seq = ?", (row[2].replace(b"run", b"ran"), *row[:2]))
    report = stand.json("journal", "verify", code=4)
    assert report["ok"] is False
    assert report["first_bad"]["seq"] == row[1]
    result = stand("journal", "verify")
    assert result.exit_code == 4
    assert "tenantry: " in result.stderr


class TestFreeze:
    def test_everywhere_and_one(self, stand: Desk) -> None:
        assert stand.json("freeze", "--reason", "all stop")["scope"] == "*"
        assert stand.json("tenants", "list")[0]["frozen"]["scope"] == "*"
        result = stand("unfreeze", TENANT)
        assert result.exit_code == 0
        assert "stays frozen" in result.stderr
        assert stand.json("unfreeze")["changed"] is True
        assert stand.json("unfreeze")["changed"] is False
        assert stand.json("tenants", "list")[0]["frozen"] is None

    def test_who_is_named(self, stand: Desk) -> None:
        shown = stand.json("freeze", TENANT, "--as", "lab.lead", given=f"{stand.code('lab.lead')}\n")
        assert shown["by"] == "lab.lead"
        assert stand.json("freeze", TENANT, "--as", "lab.lead")["by"] == "lab.lead (not proven)"
        assert "account of this machine" in stand.json("freeze", TENANT)["by"]

    def test_lifting_takes_the_estates_role_once_there_is_an_estate(self, stand: Desk) -> None:
        (stand.home / "estate.yaml").write_text("name: MSP\nroles: {unfreeze_needs: lead}\n", encoding="utf-8")
        stand.json("freeze", TENANT)
        assert "lead" in stand.refused("unfreeze", TENANT, code=5)
        assert "no code" in stand.refused("unfreeze", TENANT, "--as", "lab.lead", code=2)
        code = f"{stand.code('lab.engineer')}\n"
        assert "is not lead" in stand.refused("unfreeze", TENANT, "--as", "lab.engineer", code=5, given=code)
        assert stand.json("tenants", "list")[0]["frozen"]
        stand.json("unfreeze", TENANT, "--as", "lab.lead", given=f"{stand.code('lab.lead')}\n")
        assert stand.json("tenants", "list")[0]["frozen"] is None

    def test_lifting_everything_takes_somebody_of_every_tenant(self, stand: Desk) -> None:
        (stand.home / "estate.yaml").write_text("name: MSP\n", encoding="utf-8")
        stand.json("people", "add", "lee", "--role", "lead", "--tenant", TENANT)
        lee = totp(stand.json("people", "enroll", "lee")["otpauth_uri"])
        stand.json("freeze")
        assert "may not touch" in stand.refused("unfreeze", "--as", "lee", code=5, given=f"{lee.now()}\n")

    def test_no_such_tenant(self, stand: Desk) -> None:
        assert "no tenant globex" in stand.refused("freeze", "globex", code=2)
        assert "no tenant globex" in stand.refused("unfreeze", "globex", code=2)

    def test_a_tenant_whose_file_is_broken_can_be_frozen(self, stand: Desk) -> None:
        (stand.home / "tenants" / f"{TENANT}.yaml").write_text("name: [", encoding="utf-8")
        assert stand.json("freeze", TENANT)["frozen"] is True
