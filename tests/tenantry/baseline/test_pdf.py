"""The PDF for the client says what the page says."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from tenantry.baseline.pdf import pdf
from tenantry.baseline.trend import Point
from tests.support.tools import needs
from tests.tenantry.baseline.test_page import BASELINE, document

TREND = [Point("2026-11-01T00:00:00Z", {"fail": 3}), Point("2026-11-08T00:00:00Z", {"fail": 5, "pass": 2})]


@pytest.mark.parametrize(
    "statuses", [["pass"], ["fail"], ["fail", "unknown", "for_person", "pass", "not_applicable"]], ids=str
)
def test_it_is_typeset_with_every_requirement(statuses: list[Any]) -> None:
    made = document(statuses, about="\u202ehostile")
    needs(shutil.which("pdftotext") is not None, "poppler-utils")
    report = pdf(made, "Acme & Söhne", TREND)
    told = subprocess.run(["pdftotext", "-", "-"], input=report, capture_output=True, check=True).stdout
    text = " ".join(told.decode().split())
    assert "Acme & Söhne" in text
    assert "2026-11-08" in text
    every = made["baselines"][0]["policies"]
    for one in every:
        assert (one["title"][:12] in text) is (one["status"] != "not_applicable"), one["title"]
    met = sum(one["status"] == "pass" for one in every)
    assert f"{met} {'is' if met == 1 else 'are'} met" in text
    assert BASELINE.title in text
