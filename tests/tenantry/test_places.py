from __future__ import annotations

from tenantry.home import Home
from tenantry.places import SHIPPED, folders


def test_the_operators_folder_comes_first(tmp_path, monkeypatch):
    assert folders("clocks", Home(tmp_path)) == (tmp_path / "runbooks" / "clocks", SHIPPED / "clocks")
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    assert folders("clocks") == folders("clocks", Home(tmp_path))


def test_what_is_shipped_is_there():
    assert (SHIPPED / "messages" / "incident_first_notice.md").is_file()
