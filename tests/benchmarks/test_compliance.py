"""The campaign's figures work; nothing is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.compliance.campaign import measure
from benchmarks.model import Scale
from tenantry.home import Home


def test_a_campaign_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    Home.locate().ensure()
    found = measure("compliance.campaign-requests", Scale.small(), "requests")
    assert found.baseline is not None
    assert found.value >= found.baseline.value > 20
    assert found.met, "each question is asked once"
