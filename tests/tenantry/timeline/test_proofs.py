"""A bundle in the hands of others: their tools verify it, and any change to it is found and located."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymerkle
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, NotProven
from tenantry.journal import Event
from tenantry.proof import TrustedKey, TrustStore, parse_note, sign_checkpoint
from tenantry.proof.check import ATTESTATION, check_bundle
from tenantry.proof.dsse import sign_statement
from tenantry.proof.note import Checkpoint, raw_public
from tenantry.proof.trust import key_document, parse_keys
from tenantry.timeline.proofs import prove_run, run_statement
from tests.support.sample_run import TENANT
from tests.support.tools import needs
from tests.tenantry.journal.support import MemorySigner
from tests.tenantry.timeline.test_bundle import Made


class Handed:
    """A bundle, and the keys that came on another way."""

    def __init__(self, folder: Path) -> None:
        self.made = Made(folder)
        journal, ledger = self.made.sample.journal, self.made.ledger
        ledger.checkpoint(TENANT)
        self.first = ledger.newest(TENANT)
        journal.append(TENANT, [Event("note", {"text": "not of this run"})] * 300)
        journal.append("globex", [Event("note", {"text": "not of this client"})])
        ledger.checkpoint_all()
        self.folder = folder / "bundle"
        self.made.export(self.folder)
        self.trust = self.keys()

    def keys(self) -> TrustStore:
        return parse_keys(key_document(*self.made.ledger.keys()))


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    return Handed(tmp_path_factory.mktemp("handed"))


@pytest.fixture
def copy(handed: Handed, tmp_path: Path) -> Path:
    return Path(shutil.copytree(handed.folder, tmp_path / "copy"))


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


# --- as it was made ---------------------------------------------------------------------------------------------------


def test_it_verifies_with_the_keys_alone(handed: Handed, copy: Path) -> None:
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is None
    assert (report.signer, report.epoch) == ("established", 1)
    assert report.entries == len(handed.made.sample.records)
    assert report.evidence == 2
    assert report.earlier == 1


def test_a_key_inside_the_bundle_proves_nothing(copy: Path) -> None:
    report = check_bundle(copy, None)
    assert (report.ok, report.signer) == (True, "not_established")


def test_a_bare_key_is_enough_but_for_its_epoch(handed: Handed, copy: Path, tmp_path: Path) -> None:
    shutil.copy(copy / "proof" / "key-1.pem", tmp_path / "key.pem")
    report = check_bundle(copy, TrustStore.read(tmp_path / "key.pem"))
    assert (report.first_bad, report.signer) == (None, "established")
    assert "epoch" in report.unproven[0]


def test_nothing_of_another_client_is_in_it(handed: Handed) -> None:
    other = handed.made.ledger.newest("globex")
    assert other is not None
    for path in handed.folder.rglob("*"):
        if path.is_file():
            assert b"globex" not in path.read_bytes()
            assert other.tree.encode() not in path.read_bytes()


def test_a_checkpoint_received_before(handed: Handed, copy: Path) -> None:
    assert handed.first is not None
    assert check_bundle(copy, handed.trust, earlier=handed.first.note).ok
    old = handed.first.checkpoint
    forked = sign_checkpoint(type(old)(old.origin, old.size, b"x" * 32), handed.made.signer.private(1))
    newer = sign_checkpoint(type(old)(old.origin, 10_000, b"x" * 32), handed.made.signer.private(1))
    between = sign_checkpoint(type(old)(old.origin, old.size + 1, b"x" * 32), handed.made.signer.private(1))
    other = sign_checkpoint(type(old)("tenantry.x/y", old.size, old.root), handed.made.signer.private(1))
    for kept, why in (
        (forked, "forked"),
        (newer, "rolled back, or older"),
        (between, "nothing here shows"),
        (other, "another"),
    ):
        report = check_bundle(copy, handed.trust, earlier=kept)
        assert report.first_bad is not None
        assert why in report.first_bad["why"]
        assert report.first_bad["file"] == "proof/checkpoint.txt"


def test_earlier_checkpoints_are_signed_too(handed: Handed, copy: Path, tmp_path: Path) -> None:
    """Also where only the key was brought, and not its epoch."""
    name = "proof/earlier.jsonl"
    row = rows(copy, name)[0]
    row["note"] = sign_checkpoint(parse_note(row["note"].encode()).checkpoint, handed.made.signer.private(7)).decode()
    (copy / name).write_text(json.dumps(row, separators=(",", ":")) + "\n", encoding="utf-8")
    _resum(copy)
    _sign_again(copy, handed, 1)
    shutil.copy(copy / "proof" / "key-1.pem", tmp_path / "key.pem")
    for trust in (handed.trust, TrustStore.read(tmp_path / "key.pem")):
        report = check_bundle(copy, trust)
        assert report.first_bad is not None
        assert (report.first_bad["file"], report.first_bad["line"]) == (name, 1)


def test_what_leads_out_of_the_bundle_is_named(handed: Handed, copy: Path, tmp_path: Path) -> None:
    (copy / "more").symlink_to(tmp_path, target_is_directory=True)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad == {"file": "more", "line": None, "why": "it was added"}


# --- with other people's tools ----------------------------------------------------------------------------------------


def test_the_readme_tells_a_stranger_how(handed: Handed, copy: Path) -> None:
    """Every command of README.txt, as it stands there."""
    text = (copy / "README.txt").read_text(encoding="utf-8")
    commands, program = [], False
    for line in text.splitlines():
        program = program or line.endswith("<<'END'")
        if program or (line.startswith("       ") and not line.startswith(" " * 8)):
            commands.append(line if program else line.strip())
        program = program and line != "END"
    assert sum("openssl pkeyutl -verify" in line for line in commands) == 3
    script = "set -euo pipefail\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("Signature Verified Successfully") == 3
    assert handed.made.ledger.keys()[1][0].fingerprint in done.stdout
    assert f"{len(handed.made.sample.records)} entries and the witness are in the signed trees" in done.stdout

    alone = script[script.index("python3 - <<'END'") : script.index("\nEND") + 5]
    for name, old, new in (
        ("entries.jsonl", b'"outcome":"changed"', b'"outcome":"already"'),
        ("payloads.jsonl", b"mira", b"dora"),
        ("proof/inclusion.jsonl", b'"index":3,', b'"index":4,'),
        ("proof/witness.json", b'"epoch": 1', b'"epoch": 2'),
        ("evidence/sign-ins.jsonl", b"1", b"2"),
    ):
        path = copy / name
        content = path.read_bytes()
        assert old in content, name
        path.write_bytes(content.replace(old, new, 1))
        done = subprocess.run(["bash", "-c", alone], cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode != 0, name
        assert "WRONG" in done.stderr, name
        path.write_bytes(content)

    note = copy / "proof" / "checkpoint.txt"
    note.write_bytes(note.read_bytes().replace(b"\n", b"\n1", 1))
    assert subprocess.run(["bash", "-c", script], cwd=copy, capture_output=True, check=False).returncode != 0


def test_pymerkle_agrees_with_root_and_proofs(handed: Handed, copy: Path) -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for body, _ in handed.made.ledger.hashes(TENANT, 10_000):
        tree.append_entry(body)
    checkpoint = parse_note((copy / "proof" / "checkpoint.txt").read_bytes()).checkpoint
    assert (tree.get_size(), tree.get_root()) == (checkpoint.size, checkpoint.root)
    lines = (copy / "entries.jsonl").read_bytes().splitlines()
    for line, proof in zip(lines, rows(copy, "proof/inclusion.jsonl"), strict=True):
        theirs = tree.prove_inclusion(proof["index"] + 1, checkpoint.size)
        base = tree.hash_buff(line)
        assert base.hex() == proof["leaf"]
        pymerkle.verify_inclusion(base, checkpoint.root, theirs)
        assert [one.hex() for one in theirs.path[1:]] == proof["path"]
    for row in rows(copy, "proof/earlier.jsonl"):
        old = parse_note(row["note"].encode()).checkpoint
        assert tree.get_root(row["size"]) == old.root
        pymerkle.verify_consistency(old.root, checkpoint.root, tree.prove_consistency(row["size"], checkpoint.size))


def test_securesystemslib_and_openssl_verify_the_statement(handed: Handed, copy: Path, tmp_path: Path) -> None:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    envelope = Envelope.from_dict(json.loads((copy / ATTESTATION).read_bytes()))
    (keyid,) = envelope.signatures
    (key,) = handed.trust.keys[next(iter(handed.trust.keys))]
    envelope.verify([SSlibKey(keyid, "ed25519", "ed25519", {"public": key.public.hex()})], 1)
    said = json.loads(envelope.payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [
        {"name": "SHA256SUMS", "digest": {"sha256": hashlib.sha256((copy / "SHA256SUMS").read_bytes()).hexdigest()}}
    ]
    (tmp_path / "pae").write_bytes(envelope.pae())
    (tmp_path / "sig").write_bytes(bytes.fromhex(envelope.signatures[keyid].signature))
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(copy / "proof" / "key-1.pem"), "-rawin"]
    subprocess.run([*verify, "-in", str(tmp_path / "pae"), "-sigfile", str(tmp_path / "sig")], check=True)


_GO = """
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type entry struct {
	Index int64
	Leaf  string
	Path  []string
}

type earlier struct {
	Size int64
	Note string
	Path []string
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func hash(text string) (h tlog.Hash) {
	raw, err := hex.DecodeString(text)
	must(err)
	copy(h[:], raw)
	return h
}

func hashes(all []string) (made []tlog.Hash) {
	for _, one := range all {
		made = append(made, hash(one))
	}
	return made
}

func open(text []byte, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	must(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\\n")
	if lines[0] != verifier.Name() {
		must(fmt.Errorf("origin"))
	}
	var tree tlog.Tree
	_, err = fmt.Sscan(lines[1], &tree.N)
	must(err)
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	copy(tree.Hash[:], raw)
	return tree
}

func rows(name string) *json.Decoder {
	file, err := os.Open(name)
	must(err)
	return json.NewDecoder(file)
}

func main() {
	folder, key := os.Args[1], os.Args[2]
	text, err := os.ReadFile(folder + "/proof/checkpoint.txt")
	must(err)
	tree := open(text, key)
	content, err := os.ReadFile(folder + "/entries.jsonl")
	must(err)
	decoder := rows(folder + "/proof/inclusion.jsonl")
	count := 0
	for _, line := range strings.Split(strings.TrimSuffix(string(content), "\\n"), "\\n") {
		var one entry
		must(decoder.Decode(&one))
		must(tlog.CheckRecord(hashes(one.Path), tree.N, tree.Hash, one.Index, tlog.RecordHash([]byte(line))))
		count++
	}
	decoder = rows(folder + "/proof/earlier.jsonl")
	for decoder.More() {
		var one earlier
		must(decoder.Decode(&one))
		old := open([]byte(one.Note), key)
		must(tlog.CheckTree(hashes(one.Path), tree.N, tree.Hash, old.N, old.Hash))
		count++
	}
	fmt.Println(count, tree.N)
}
"""


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verifier made of Go's own packages, as Debian has them."""
    source = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
    needs(shutil.which("go") is not None and source.is_dir(), "Go, or golang-golang-x-mod-dev,")
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(_GO, encoding="utf-8")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run(["go", "build", "-o", "verify", "main.go"], cwd=folder, env=environment, check=True)
    return folder / "verify"


def test_go_verifies_checkpoint_inclusion_and_consistency(handed: Handed, copy: Path, go: Path) -> None:
    found = prove_run(handed.made.ledger, TENANT, handed.made.sample.records)
    done = subprocess.run([go, copy, found.vkey], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(found.proofs) + 1), str(found.stored.size)]
    entries = copy / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b'"attempt":0', b'"attempt":7', 1))
    assert subprocess.run([go, copy, found.vkey], capture_output=True, check=False).returncode == 1


# --- any single change ------------------------------------------------------------------------------------------------


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_single_change_is_found_and_located(handed: Handed, data: st.DataObject) -> None:
    folder = handed.folder
    path = data.draw(st.sampled_from(_files(folder)), label="file")
    name = path.relative_to(folder).as_posix()
    content = path.read_bytes()
    way = data.draw(st.sampled_from(["flip", "drop", "cut", "append", "swap", "insert"]), label="way")
    other: Path | None = None
    try:
        if way == "flip":
            assume(content)
            bit = data.draw(st.integers(0, len(content) * 8 - 1))
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
        elif way == "drop":
            path.unlink()
        elif way == "cut":
            assume(content)
            path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        elif way == "append":
            path.write_bytes(content + data.draw(st.binary(min_size=1, max_size=4)))
        elif way == "swap":
            lines = content.split(b"\n")
            at, to = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
            assume(lines[at] != lines[to])
            lines[at], lines[to] = lines[to], lines[at]
            path.write_bytes(b"\n".join(lines))
        else:
            other = path.with_name("added.txt")
            other.write_bytes(b"x")
        report = check_bundle(folder, handed.trust)
    finally:
        path.write_bytes(content)
        if other is not None:
            other.unlink()
    assert report.first_bad is not None
    assert report.signer == "not_established"
    expected = name if other is None else other.relative_to(folder).as_posix()
    # A checksum that was altered makes its own file look altered: one of the two is named.
    assert report.first_bad["file"] == expected or name == "SHA256SUMS"


def _resum(folder: Path) -> None:
    """As somebody does who changes the checksums too."""
    lines = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in ("SHA256SUMS", ATTESTATION):
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _sign_again(folder: Path, handed: Handed, epoch: int) -> None:
    """As somebody does who has a key."""
    envelope = json.loads((folder / ATTESTATION).read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["subject"][0]["digest"]["sha256"] = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    (folder / ATTESTATION).write_bytes(sign_statement(said, handed.made.signer.private(epoch)))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("entries.jsonl", b'"outcome":"changed"', b'"outcome":"already"'),
        ("payloads.jsonl", b"mira", b"dora"),
        ("evidence/sign-ins.jsonl", b"1", b"2"),
        ("proof/witness.json", b'"size": ', b'"size": 9'),
        ("proof/inclusion.jsonl", b'"index":1,', b'"index":2,'),
    ],
)
def test_a_change_with_checksums_and_statement_to_match(
    handed: Handed, copy: Path, name: str, old: bytes, new: bytes
) -> None:
    """Even the key's holder cannot change what the tree holds and keep the tree."""
    path = copy / name
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    _resum(copy)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    assert report.first_bad["file"] == "SHA256SUMS"
    _sign_again(copy, handed, 1)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    assert report.first_bad["file"] == {"proof/inclusion.jsonl": "entries.jsonl"}.get(name, name)


@pytest.mark.parametrize("name", ["entries.jsonl", "proof/inclusion.jsonl", "payloads.jsonl"])
def test_a_line_taken_out_or_doubled_is_named(handed: Handed, copy: Path, name: str) -> None:
    path = copy / name
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in ([*lines[:3], *lines[4:]], [*lines[:3], lines[3], *lines[3:]], [lines[1], lines[0], *lines[2:]]):
        path.write_bytes(b"".join(changed))
        _resum(copy)
        _sign_again(copy, handed, 1)
        report = check_bundle(copy, handed.trust)
        assert report.first_bad is not None
        assert report.first_bad["line"] is not None


def test_another_key_is_found(handed: Handed, copy: Path) -> None:
    _sign_again(copy, handed, 7)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    assert report.first_bad["file"] == ATTESTATION


def test_an_old_record_signed_with_a_newer_key_is_found(tmp_path: Path) -> None:
    handed = Handed(tmp_path)
    handed.made.ledger.rotate(by="dora", reason="a year has passed")
    trust = handed.keys()
    assert check_bundle(handed.folder, trust).ok, "what the old key signed in its time stays valid"
    for name in ("checkpoint.txt", "estate.txt"):
        path = handed.folder / "proof" / name
        checkpoint = parse_note(path.read_bytes()).checkpoint
        path.write_bytes(sign_checkpoint(checkpoint, handed.made.signer.private(2)))
        _resum(handed.folder)
        _sign_again(handed.folder, handed, 2)
        report = check_bundle(handed.folder, trust)
        assert report.first_bad is not None
        assert report.first_bad["file"].startswith("proof/")


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_bundle_attested_with_a_key_of_another_epoch_is_found(tmp_path: Path, epoch: int) -> None:
    """What no tree holds (a rendering, the README) rests on the statement alone: a key that was replaced, or one that began
    later, must not be able to sign another one."""
    handed = Handed(tmp_path)
    handed.made.ledger.rotate(by="dora", reason="a year has passed")
    handed.made.sample.journal.append(TENANT, [Event("note", {"text": "later"})])
    folder = tmp_path / "second"
    handed.made.export(folder)
    handed.made.ledger.rotate(by="dora", reason="another year")
    trust = handed.keys()
    assert check_bundle(folder, trust).ok
    page = folder / "timeline" / "timeline.md"
    page.write_bytes(page.read_bytes().replace(b"Acme", b"Acne") + b"\n")
    _resum(folder)
    _sign_again(folder, handed, epoch)
    report = check_bundle(folder, trust)
    assert report.first_bad is not None
    assert (report.first_bad["file"], report.signer) == (ATTESTATION, "not_established")


def test_another_installation_that_is_trusted_does_not_sign_for_this_one(tmp_path: Path) -> None:
    handed = Handed(tmp_path)
    private = handed.made.signer.private(9)
    others = key_document(
        "tenantry.other", [TrustedKey(raw_public(private.public_key()), 1, 0, "2026-01-01T00:00:00.000000Z")]
    )
    trust = handed.trust.merged(parse_keys(others))
    assert check_bundle(handed.folder, trust).ok
    _sign_again(handed.folder, handed, 9)
    report = check_bundle(handed.folder, trust)
    assert report.first_bad is not None
    assert report.first_bad["file"] == ATTESTATION


def test_keys_count_for_their_own_installation_alone(handed: Handed, copy: Path) -> None:
    (known,) = handed.trust.keys.values()
    report = check_bundle(copy, parse_keys(key_document("tenantry.other", known)))
    assert report.first_bad is not None
    assert "no key that was brought was in force" in report.first_bad["why"]


def test_a_statement_of_something_else_does_not_attest_a_bundle(handed: Handed, copy: Path) -> None:
    envelope = json.loads((copy / ATTESTATION).read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicateType"] = "urn:tenantry:run:v1"
    (copy / ATTESTATION).write_bytes(sign_statement(said, handed.made.signer.private(1)))
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    assert (report.first_bad["file"], report.first_bad["why"]) == (ATTESTATION, "it attests something else")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("proof/keys.json", b"{}"),
        ("proof/witness.json", b"[]"),
        ("proof/estate.txt", b"nonsense"),
        ("proof/checkpoint.txt", b"nonsense"),
        ("proof/earlier.jsonl", b"[]\n"),
        ("proof/earlier.jsonl", b'{"size":1}\n'),
        ("proof/inclusion.jsonl", b"nonsense\n"),
        ("payloads.jsonl", b"\xff\n"),
        ("entries.jsonl", b"nonsense"),
        ("entries.jsonl", b""),
        ("evidence.json", b"nonsense"),
        ("evidence.json", b"[]"),
    ],
)
def test_a_file_that_is_none_of_its_kind_is_named_whoever_signed_it(
    handed: Handed, copy: Path, name: str, content: bytes
) -> None:
    (copy / name).write_bytes(content)
    _resum(copy)
    _sign_again(copy, handed, 1)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    located = {"entries.jsonl": ("proof/inclusion.jsonl", name), "evidence.json": ("evidence/", name)}.get(
        name, (name,)
    )
    assert report.first_bad["file"].startswith(located)


_THREE = ("entries.jsonl", "proof/inclusion.jsonl", "payloads.jsonl")


def _lines_of(folder: Path, names: tuple[str, ...], change: Callable[[list[bytes]], list[bytes]]) -> None:
    for name in names:
        path = folder / name
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def _json_of(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    (folder / name).write_text(json.dumps(change(json.loads((folder / name).read_bytes()))), encoding="utf-8")


def _row_of(folder: Path, name: str, number: int, **more: Any) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        row = json.loads(lines[number - 1])
        row = {key: value for key, value in {**row, **more}.items() if value is not None}
        return [*lines[: number - 1], json.dumps(row).encode() + b"\n", *lines[number:]]

    _lines_of(folder, (name,), change)


def _unlisted(folder: Path) -> None:
    (folder / "evidence" / "more.txt").write_bytes(b"more")


def _listed_but_unknown(folder: Path) -> None:
    _unlisted(folder)
    piece = {"file": "evidence/more.txt", "sha256": hashlib.sha256(b"more").hexdigest()}
    _json_of(folder, "evidence.json", lambda found: [*found, piece])


def _taken_out(folder: Path) -> None:
    (folder / "evidence" / "sign-ins.jsonl").unlink()
    _json_of(folder, "evidence.json", lambda found: [one for one in found if one["file"] != "evidence/sign-ins.jsonl"])


def _no_entry(folder: Path) -> None:
    _lines_of(folder, _THREE, lambda lines: lines[:1])
    (folder / "entries.jsonl").write_bytes(b"nonsense\n")


def _elsewhere() -> bytes:
    return sign_checkpoint(Checkpoint("tenantry.x/y", 1, b"x" * 32), MemorySigner().private(1))


def _stamped(folder: Path) -> None:
    (folder / "proof" / "timestamps").mkdir()
    (folder / "proof" / "timestamps" / "x.tsr").write_bytes(b"nonsense")


FORGERIES: dict[str, tuple[Callable[[Path], Any], str, int | None, str]] = {
    "two entries exchanged": (
        lambda folder: _lines_of(folder, _THREE, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]]),
        *("entries.jsonl", 5, "out of order"),
    ),
    "an entry doubled": (
        lambda folder: _lines_of(folder, _THREE, lambda lines: [*lines[:4], *lines[3:]]),
        *("entries.jsonl", 5, "out of order"),
    ),
    "the beginning cut": (
        lambda folder: _lines_of(folder, _THREE, lambda lines: lines[1:]),
        *("entries.jsonl", 1, "first entry is missing"),
    ),
    "everything cut": (
        lambda folder: _lines_of(folder, _THREE, lambda _lines: []),
        *("entries.jsonl", 1, "first entry is missing"),
    ),
    "no entry": (_no_entry, "entries.jsonl", 1, "no entry"),
    "the last proof cut": (
        lambda folder: _lines_of(folder, ("proof/inclusion.jsonl",), lambda lines: lines[:-1]),
        *("proof/inclusion.jsonl", 48, "47 lines for 48 entries"),
    ),
    "a payload of another entry": (
        lambda folder: _row_of(folder, "payloads.jsonl", 4, event="note"),
        *("payloads.jsonl", 4, "belongs to another entry"),
    ),
    "a payload without salt": (
        lambda folder: _row_of(folder, "payloads.jsonl", 4, salt=None),
        *("payloads.jsonl", 4, "no salt"),
    ),
    "a witness of another tree": (
        lambda folder: _json_of(folder, "proof/witness.json", lambda found: {**found, "path": ["00" * 32]}),
        *("proof/witness.json", None, "not in the estate's tree"),
    ),
    "an earlier checkpoint of another tree": (
        lambda folder: _row_of(folder, "proof/earlier.jsonl", 1, note=_elsewhere().decode()),
        *("proof/earlier.jsonl", 1, "not an earlier checkpoint of this tree"),
    ),
    "an earlier checkpoint with another proof": (
        lambda folder: _row_of(folder, "proof/earlier.jsonl", 1, path=["00" * 32]),
        *("proof/earlier.jsonl", 1, "does not begin with it"),
    ),
    "a time stamp that is none": (_stamped, "proof/timestamps/x.tsr", None, "no time stamp of this checkpoint"),
    "evidence that nothing lists": (_unlisted, "evidence/more.txt", None, "nothing says where it is from"),
    "evidence that no entry names": (_listed_but_unknown, "evidence/more.txt", None, "no entry names it"),
    "evidence taken out": (_taken_out, "evidence.json", None, "1 collected files are missing"),
}
"""What the holder of the key could still try, with checksums and statement to match: what → how, file, line, why."""


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_the_keys_holder_cannot_hide(handed: Handed, copy: Path, forgery: str) -> None:
    forge, file, line, why = FORGERIES[forgery]
    forge(copy)
    _resum(copy)
    _sign_again(copy, handed, 1)
    found = check_bundle(copy, handed.trust).first_bad
    assert found is not None
    assert (found["file"], found["line"]) == (file, line)
    assert why in found["why"]


def test_an_older_checkpoint_in_place_of_the_one_witnessed(handed: Handed, copy: Path) -> None:
    """Signed by the right key in its epoch, and not what this witness saw."""
    assert handed.first is not None
    (copy / "proof" / "checkpoint.txt").write_bytes(handed.first.note)
    _resum(copy)
    _sign_again(copy, handed, 1)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    assert report.first_bad["file"] == "proof/checkpoint.txt"


@pytest.mark.parametrize("line", ["nonsense", "0" * 64 + "  ../outside", "0" * 64 + "  /etc/passwd"])
def test_checksums_of_what_lies_elsewhere(handed: Handed, copy: Path, line: str) -> None:
    with (copy / "SHA256SUMS").open("a", encoding="utf-8") as sums:
        sums.write(line + "\n")
    _sign_again(copy, handed, 1)
    report = check_bundle(copy, handed.trust)
    assert report.first_bad is not None
    assert (report.first_bad["file"], report.first_bad["why"]) == ("SHA256SUMS", "this line is no checksum")


# --- statements -------------------------------------------------------------------------------------------------------


def test_a_run_that_has_not_ended_is_not_attested(handed: Handed) -> None:
    made = handed.made
    found = prove_run(made.ledger, TENANT, made.sample.records)
    for status in ("running", "waiting_for_approval", "interrupted", "paused_by_failed_step"):
        with pytest.raises(NotProven):
            run_statement(replace(made.timeline, status=status), made.sample.records, found, 2)


def test_unknown_never_becomes_pass(handed: Handed) -> None:
    made = handed.made
    found = prove_run(made.ledger, TENANT, made.sample.records)
    good = [row for row in made.timeline.steps if row.outcome in ("changed", "already", "observed")]
    whole = replace(made.timeline, status="completed", mode="run", steps=good)
    assert run_statement(whole, made.sample.records, found, 2)["predicate"]["result"] == "pass"
    for outcome in ("unknown", "failed", "undo_failed", "would_change", ""):
        doubtful = replace(whole, steps=[*good[:-1], replace(good[-1], outcome=outcome)])
        predicate = run_statement(doubtful, made.sample.records, found, 2)["predicate"]
        assert predicate["result"] == "not_established"
        assert predicate["notVerified"] == [{"step": good[-1].step, "outcome": outcome or "not_begun"}]


def test_what_does_not_verify_is_not_signed(tmp_path: Path) -> None:
    made = Made(tmp_path)
    record = made.sample.records[3]
    forged = type(record)(
        type(record.entry)(record.entry.body, b"x" * 32, record.entry.fields), record.payload, record.salt
    )
    records = [*made.sample.records[:3], forged, *made.sample.records[4:]]
    with pytest.raises(NotProven):
        prove_run(made.ledger, TENANT, records)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        check_bundle(tmp_path / "none")
