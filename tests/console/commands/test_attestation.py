"""A signed certificate of deletion on the command line: verified and rendered with the key that the verifier brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.main import cli
from tenantry.proof.dsse import sign_statement, statement
from tenantry.proof.note import pem, raw_public
from tenantry.sanitization import said
from tests.tenantry.sanitization.sample import certificate

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    (tmp_path / "signed").write_bytes(sign_statement(said(certificate()), KEY))
    (tmp_path / "key.pem").write_text(pem(raw_public(KEY.public_key())))
    (tmp_path / "other.pem").write_text(pem(raw_public(Ed25519PrivateKey.generate().public_key())))
    return tmp_path


def attestation(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["attestation", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def test_verified_with_the_key_that_was_brought(files: Path) -> None:
    code, out, _ = attestation("verify", files / "signed", "--key", files / "key.pem", "--json")
    report = json.loads(out)
    assert (code, report["ok"], report["predicateType"]) == (0, True, "urn:tenantry:sanitization:v1")
    assert report["predicate"]["methodAchieved"] == "partial"
    assert attestation("verify", files / "signed", "--key", files / "other.pem")[0] == 4


def test_a_deletion_is_told_as_people_read_it(files: Path) -> None:
    code, out, _ = attestation("verify", files / "signed", "--key", files / "key.pem")
    assert code == 0
    head, *lines = out.splitlines()
    assert head == "Acme GmbH: partial sanitization of 3 locations, verified"
    for told in (
        "  partial: Files of Acme's share (s3://acme-files, eu-central-1): every version deleted through the vendor's API",
        "  kept until 2036-12-31: Invoices 2016 to 2026 (accounting), § 147 AO (10 years)",
        "  not recorded: serial numbers of the cloud provider's media",
        "  performer Mara Lindqvist, verifier Ben Ito, validator Chi Okafor",
    ):
        assert told in lines, out
    assert lines[-1].startswith("signed with key ")


def test_only_what_verifies_is_rendered(files: Path) -> None:
    code, _, error = attestation("certificate", files / "signed", "--key", files / "other.pem", "-o", files / "no.pdf")
    assert code == 4
    assert "another key" in error
    assert not (files / "no.pdf").exists()
    code, _, _ = attestation("certificate", files / "signed", "--key", files / "key.pem", "-o", files / "made.pdf")
    assert code == 0
    assert (files / "made.pdf").read_bytes().startswith(b"%PDF")


def test_another_statement_is_no_certificate(files: Path) -> None:
    other = statement("urn:tenantry:run:v1", {"run 1": "ab" * 32}, {"result": "pass"})
    (files / "run").write_bytes(sign_statement(other, KEY))
    code, _, error = attestation("certificate", files / "run", "--key", files / "key.pem", "-o", files / "no.pdf")
    assert code == 2
    assert "no deletion" in error
