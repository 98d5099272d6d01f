"""The sweep's figure: both sides find the same. Nothing is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.model import Scale
from benchmarks.sweep.logs import measure
from tenantry.home import Home


def test_both_sides_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    Home.locate().ensure()
    found = measure("sweep.logs-200", Scale.small(), 200)
    assert found.detail["same_hits"] is True
    assert found.detail["hits"] > 0
