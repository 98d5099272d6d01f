"""The figures about Graph: both sides read the same, in as many requests. Nothing is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.model import Scale
from benchmarks.providers.graph import measure
from tenantry.home import Home


@pytest.mark.parametrize(("what", "users", "requests"), [("paging", 3_000, 4), ("batch", 400, 20)])
def test_both_sides_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, users: int, requests: int
) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    Home.locate().ensure()
    found = measure(f"providers.graph-{what}", Scale.small(), what)
    assert (found.detail["users"], found.detail["requests"]) == (users, requests)
    assert found.baseline is not None
    assert found.ratio == pytest.approx(found.value / found.baseline.value, rel=0.05)
