"""The certificate says what the statement says, in words that are true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tenantry.errors import InvalidInput
from tenantry.sanitization import said
from tenantry.sanitization.certificate import pdf
from tests.support.tools import needs_program
from tests.tenantry.sanitization.sample import certificate, location

KEY, DIGEST = "5e" * 32, "7f" * 32


def words(made: bytes, folder: Path) -> str:
    needs_program("pdftotext")
    (folder / "certificate.pdf").write_bytes(made)
    told = subprocess.run(
        ["pdftotext", "-layout", folder / "certificate.pdf", "-"], check=True, capture_output=True, text=True
    )
    return re.sub(r"\s+", " ", told.stdout.replace("\u200b", ""))


def test_it_renders_everything_and_claims_nothing_more(tmp_path: Path) -> None:
    made = pdf(said(certificate()), KEY, DIGEST)
    assert made == pdf(said(certificate()), KEY, DIGEST)
    text = words(made, tmp_path)
    for wanted in ("Acme GmbH", "SAN-2026-0017", "Partial sanitization", "Mara Lindqvist", "Ben Ito", "Chi Okafor"):
        assert wanted in text
    for wanted in ("§ 147 AO", "2036-12-31", "S-77", KEY, DIGEST, "a rendering", "serial numbers of the cloud"):
        assert wanted in text
    assert "unrecoverable" not in text.lower()
    assert "media of a cloud provider" in text


def test_what_lay_here_alone_is_not_called_a_clouds(tmp_path: Path) -> None:
    text = words(pdf(said(certificate(locations=(location("a", custody="own"),))), KEY, DIGEST), tmp_path)
    assert "media of a cloud provider" not in text
    assert "what file systems and media keep of them is not known" in text


def test_names_are_never_read_as_mark_up(tmp_path: Path) -> None:
    hostile = '#panic("x") $ [*] \u202e `'
    text = words(pdf(said(certificate(locations=(location("a", what=hostile),))), KEY, DIGEST), tmp_path)
    assert '#panic("x") $ [*]' in text


def test_what_contradicts_itself_is_not_rendered() -> None:
    made = said(certificate())
    made["predicate"]["methodAchieved"] = "destroy"
    with pytest.raises(InvalidInput):
        pdf(made, KEY, DIGEST)
