"""Hand-overs are measured, and the smallest of each kind works. Nothing here is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.registry import BENCHES, run


@pytest.mark.torture
@pytest.mark.parametrize("name", [name for name in BENCHES if name.startswith("transfer.")])
def test_it_has_a_figure_and_sends_at_most_one_part_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    (found,) = run([name], quick=True)
    assert found["value"] > 0
    assert found["baseline"]["value"] > 0
    if name.endswith("-large"):
        assert 0 <= found["detail"]["resent_parts"] <= 1
    else:
        assert found["detail"]["files"] >= 50
