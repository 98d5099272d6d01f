from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, RecordError
from tenantry.evidence import EvidenceStore
from tenantry.journal import Ledger
from tenantry.journal.entry import leaf_hash
from tenantry.run import run_view
from tenantry.timeline import FORMATS, Timeline, export_evidence
from tenantry.timeline.bundle import Bundle, _harmless, _named
from tenantry.timeline.model import EvidenceRow
from tests.support.sample_run import START, TENANT, Sample, sample_run, timeline_of
from tests.tenantry.journal.support import MemorySigner


class Made:
    def __init__(self, folder: Path) -> None:
        self.store = EvidenceStore(folder / "evidence", lambda tenant: b"e" * 32)
        refs = [
            self.store.put(TENANT, "sign-ins.jsonl", lambda: [b'{"id":1}\n'], 1),
            self.store.put(TENANT, "access/b7d4/../../methods.jsonl", lambda: [b"{}\n"], 1),
        ]
        self.sample: Sample = sample_run(folder, evidence=tuple(ref.as_dict() for ref in refs))
        self.timeline: Timeline = timeline_of(self.sample)
        self.signer = MemorySigner()
        self.ledger = Ledger(self.sample.journal, self.signer)

    def export(self, folder: Path) -> Bundle:
        return export_evidence(
            folder,
            timeline=self.timeline,
            records=self.sample.records,
            run=run_view(self.sample.state, live=False, runbook=self.sample.runbook),
            store=self.store,
            ledger=self.ledger,
        )


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_in_a_bundle(made: Made, tmp_path: Path) -> None:
    bundle = made.export(tmp_path / "out")
    found = files(tmp_path / "out")

    assert set(found) == {
        *("README.txt", "run.json", "entries.jsonl", "payloads.jsonl", "evidence.json", "SHA256SUMS"),
        *(f"timeline/timeline{format.suffix}" for format in FORMATS.values()),
        *("evidence/sign-ins.jsonl", "evidence/access/b7d4/methods.jsonl"),
        *("proof/checkpoint.txt", "proof/estate.txt", "proof/witness.json", "proof/keys.json", "proof/key-1.pem"),
        *("proof/inclusion.jsonl", "proof/earlier.jsonl", "attestation.dsse.json"),
    }
    assert found["evidence/sign-ins.jsonl"] == b'{"id":1}\n'
    assert json.loads(found["run.json"])["run_id"] == made.sample.run_id
    assert (bundle.files, bundle.evidence) == (len(found) - 2, 2)
    assert b"timeline/timeline.html" in found["README.txt"]
    assert not list(tmp_path.glob(".out*"))


def test_entries_are_the_bytes_that_were_hashed(made: Made, tmp_path: Path) -> None:
    made.export(tmp_path / "out")
    lines = (tmp_path / "out" / "entries.jsonl").read_bytes().splitlines()
    payloads = [json.loads(line) for line in (tmp_path / "out" / "payloads.jsonl").read_bytes().splitlines()]

    leaves = [leaf_hash(line).hex() for line in lines]
    assert leaves[-1] == made.timeline.record.last_leaf
    assert [json.loads(line)["prev"] for line in lines[1:]] == leaves[:-1]  # this tenant has one run alone
    assert [p["id"] for p in payloads] == [json.loads(line)["id"] for line in lines]
    assert payloads[0]["payload"]["requester"]["person"] == "mira"


def test_checksums_are_complete_and_others_can_check_them(made: Made, tmp_path: Path) -> None:
    made.export(tmp_path / "out")
    found = files(tmp_path / "out")
    del found["attestation.dsse.json"]  # it is over the checksums
    sums = dict(reversed(line.split("  ")) for line in found.pop("SHA256SUMS").decode().splitlines())

    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    tool = shutil.which("sha256sum")
    if tool:
        subprocess.run([tool, "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", check=True)


@pytest.mark.parametrize("occupied", ["file", "folder"])
def test_a_folder_in_use_is_refused_and_left_alone(made: Made, tmp_path: Path, occupied: str) -> None:
    target = tmp_path / "out"
    if occupied == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")

    with pytest.raises(InvalidInput, match="not an empty folder"):
        made.export(target)
    assert (target if occupied == "file" else target / "mine.txt").read_text() == "mine"


def test_an_empty_folder_will_do(made: Made, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made.export(tmp_path / "out")
    assert (tmp_path / "out" / "SHA256SUMS").is_file()


def test_damaged_evidence_leaves_no_bundle(made: Made, tmp_path: Path) -> None:
    path = made.store.path(TENANT, made.timeline.evidence[0].sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")

    with pytest.raises(RecordError, match="tampered"):
        made.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_full_disk_leaves_no_bundle(made: Made, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(RecordError, match="cannot write the bundle"):
        made.export(tmp_path / "blocked" / "out")


@pytest.mark.skipif(os.name != "posix", reason="permissions of the file system")
def test_a_bundle_is_its_owners_alone(made: Made, tmp_path: Path) -> None:
    made.export(tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0


def row(name: str, data: bytes = b"x") -> EvidenceRow:
    return EvidenceRow(name, hashlib.sha256(data).hexdigest(), 1, None, "s", START)


def test_names_that_meet_are_told_apart() -> None:
    rows = [row("A.jsonl", b"1"), row("a.jsonl", b"2"), row("a.jsonl", b"2"), row("t/a.jsonl", b"3")]

    names = [name for _, name in _named(rows)]

    assert names == ["A.jsonl", f"a.{rows[1].sha256[:12]}.jsonl", "t/a.jsonl"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(st.characters(), max_size=60), min_size=1, max_size=6))
def test_no_name_leaves_the_folder(names: list[str]) -> None:
    taken = []
    for _, name in _named([row(name, name.encode("utf-8", "replace")) for name in names]):
        assert not name.startswith("/")
        assert all(part not in ("", ".", "..") and not part.startswith(".") for part in name.split("/"))
        assert not any(c in name for c in '\\:*?"<>|\r\n\x00')
        assert len(name.encode()) <= 900
        taken.append(name.casefold())
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize(
    ("part", "made"), [("CON", "_CON"), ("..", "file"), (".hidden", "hidden"), ("a b/c", "a_b_c"), ("", "file")]
)
def test_harmless_names(part: str, made: str) -> None:
    assert _harmless(part) == made


def test_a_long_name_keeps_its_end() -> None:
    name = _harmless("x" * 300 + ".jsonl")
    assert len(name) <= 80
    assert name.endswith(".jsonl")
    assert name != _harmless("x" * 301 + ".jsonl")


def test_the_same_run_again_is_the_same_bundle(made: Made, tmp_path: Path) -> None:
    made.export(tmp_path / "one")
    made.export(tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert replace(made.timeline) == made.timeline
