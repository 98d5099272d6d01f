"""The benchmarks by name, and the figures' shape. Nothing here is timed: the smallest run shows that they work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import registry
from benchmarks.registry import BENCHES, BenchmarkFailed, Spec, run, select
from console.main import cli
from tenantry.errors import InvalidInput

FIELDS = ["name", "value", "unit", "baseline", "ratio", "target", "met", "peak_rss_mb", "detail"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("TENANTRY_HOME", str(home))
    return home


def test_a_name_is_itself_or_a_beginning() -> None:
    assert select(None) == list(BENCHES)
    assert select("steps") == [name for name in BENCHES if name.startswith("steps")]
    assert select("steps.containment-1") == ["steps.containment-1"]
    with pytest.raises(InvalidInput, match=r"steps\.help"):
        select("stepz")


def test_every_figure_has_the_contracts_shape(home: Path) -> None:
    """All of them in one go, as people call it: a server, a lab in another process, each in a process of its own."""
    names = ["steps.journalled", "steps.containment-1", "steps.help"]
    found = run(names, quick=True)
    assert [one["name"] for one in found] == names
    for one in found:
        assert list(one) == FIELDS
        assert one["value"] > 0
        assert one["baseline"]["value"] > 0
        assert one["ratio"] == pytest.approx(one["value"] / one["baseline"]["value"], rel=0.05)
        assert isinstance(one["met"], bool)
        assert 5 < one["peak_rss_mb"] < 2000
    journalled, containment, _ = found
    assert journalled["detail"]["step_ms"]["n"] == journalled["detail"]["bare_task_ms"]["n"] == 4
    # Sign-in, then for each of two effects at least: look, write, look again.
    assert 7 <= containment["detail"]["chain"] <= containment["detail"]["requests_of_one_account"]
    assert list((home / "run").glob("bench-*")) == []


def test_the_command_prints_one_document(home: Path) -> None:
    done = CliRunner().invoke(cli, ["bench", "steps.help", "--quick", "--json"])
    assert done.exit_code == 0
    (one,) = json.loads(done.stdout)
    assert list(one) == FIELDS


def test_the_command_prints_a_table(home: Path) -> None:
    done = CliRunner().invoke(cli, ["bench", "steps.help", "--quick"])
    assert done.exit_code == 0
    assert "steps.help" in done.stdout
    assert "python -c pass" in done.stdout


def test_a_wrong_name_is_wrong_usage(home: Path) -> None:
    done = CliRunner().invoke(cli, ["bench", "no-such-figure"])
    assert done.exit_code == 2
    assert "no-such-figure" in done.stderr


def test_a_benchmark_without_a_figure_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BENCHES", {"steps.broken": Spec("benchmarks.no_such_module:measure", "nothing")})
    with pytest.raises(BenchmarkFailed, match=r"steps\.broken"):
        run(["steps.broken"], quick=True)
    assert list((home / "run").glob("bench-*")) == []
