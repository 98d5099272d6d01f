from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.homes_closed import HomesClosed
from tests.tasks.measures.linux.hosts import account, answered, file


def said(mode: int, uid: int = 1000) -> Any:
    home = file("/home/anna", mode, uid, "folder")
    return answered(
        HomesClosed, accounts=[account("anna", 1000), account("daemon", 1, home="/usr/sbin")], files={home.path: home}
    )


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_closed(mode: int) -> None:
    assert said(mode) == []


def test_open_to_others_or_somebody_elses() -> None:
    assert said(0o755) == ["/home/anna of anna grants 755"]
    assert said(0o770) == ["/home/anna of anna grants 770"]
    assert said(0o700, 1001) == ["/home/anna of anna belongs to 1001"]
    assert answered(HomesClosed, accounts=[account("daemon", 1)]) is None
