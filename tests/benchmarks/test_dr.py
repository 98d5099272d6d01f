"""The smallest activation shows that the figure works."""

from __future__ import annotations

import pytest

from benchmarks.registry import run


def test_a_small_plan_gives_a_figure(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    (found,) = run(["dr.plan-60"], quick=True)
    assert found["ratio"] >= 1
    assert found["detail"]["systems"] == 12
    assert found["detail"]["overhead_ms_per_system"] >= 0
