"""The PDF: tagged, the same bytes for the same data, with the texts in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tenantry.onboarding.document import document
from tenantry.onboarding.pdf import pdf
from tests.support.tools import needs
from tests.tenantry.onboarding.made import breached, finding, half, sources


def test_it_is_tagged_and_stable(tmp_path: Path) -> None:
    import shutil

    made = document(breached())
    printed = pdf(made)
    assert printed.startswith(b"%PDF-")
    assert printed == pdf(made)
    needs(shutil.which("pdftotext") is not None, "poppler-utils")
    (tmp_path / "r.pdf").write_bytes(printed)
    text = subprocess.run(["pdftotext", "-layout", tmp_path / "r.pdf", "-"], capture_output=True, check=True).stdout.decode()  # fmt: skip
    info = subprocess.run(["pdfinfo", tmp_path / "r.pdf"], capture_output=True, check=True).stdout.decode()
    assert "Tagged:          yes" in info
    for said in ("Acme Ltd", "1 incident opened", "inc-7", "Protective measures", "Risk register"):
        assert said in text, said


def test_what_fonts_cannot_show_and_who_has_nothing() -> None:
    odd = sources(findings=(finding("\u0e01\u0e33\U0001f4a3", "high", "\u202e" + "x" * 400),), subject={})
    assert pdf(document(odd)).startswith(b"%PDF-")
    assert pdf(document(half())).startswith(b"%PDF-")
