"""The home: where it is, what it makes, and that it stays closed to others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tenantry.errors import InvalidInput
from tenantry.home import Home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_variable_wins(tmp_path: Path) -> None:
    assert Home.locate({"TENANTRY_HOME": str(tmp_path / "h")}).path == tmp_path / "h"


def test_the_default_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for env in ({}, {"TENANTRY_HOME": ""}):
        assert Home.locate(env).path.name == "tenantry"
        assert tmp_path in Home.locate(env).path.parents


def test_a_relative_or_tilde_home_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.locate({"TENANTRY_HOME": "h/../k"}).path == tmp_path / "k"
    assert Home.locate({"TENANTRY_HOME": "~/h"}).path == tmp_path / "h"


def test_locating_creates_nothing(tmp_path: Path) -> None:
    home = Home.locate({"TENANTRY_HOME": str(tmp_path / "h")})
    assert home.server_file.parent == home.run
    assert list(tmp_path.iterdir()) == []


def test_every_place_is_inside(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    places = [getattr(home, name) for name in dir(Home) if isinstance(getattr(Home, name), property)]
    assert len(places) >= 10
    single = [path for place in places for path in (place if isinstance(place, tuple) else (place,))]
    assert all(home.path in path.parents for path in single)
    assert len(set(places)) == len(places)


@pytest.mark.skipif(os.name != "posix", reason="mode bits")
def test_ensure_makes_folders_for_the_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        home = Home(tmp_path / "a" / "b" / "h").ensure()
    finally:
        os.umask(previous)
    for folder in (home.path, home.tenants, home.runbooks, home.evidence, home.prefect, home.run):
        assert mode(folder) == 0o700
    home.path.chmod(0o755)
    (home.tenants / "keep").write_text("x")
    home.ensure()
    assert mode(home.path) == 0o700
    assert (home.tenants / "keep").exists()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("")
    with pytest.raises(InvalidInput, match="TENANTRY_HOME"):
        Home(tmp_path / "h").ensure()


def test_no_database_is_forgotten(tmp_path: Path) -> None:
    """`databases` is what a backup copies as databases, and what the doctor looks at."""
    home = Home(tmp_path)
    named = {getattr(home, name) for name in dir(Home) if name.endswith("_db")}
    assert len(named) == len(home.databases)
    assert set(home.databases) == named
