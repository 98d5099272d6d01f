from __future__ import annotations

from typing import Any

from tasks.measures.linux.loose_files import LooseFiles
from tests.tasks.measures.linux.hosts import account, answered, file

LOOSE = [
    file("/opt/app/run.sh", 0o777),
    file("/srv/drop", 0o777, kind="folder"),
    file("/srv/shared", 0o1777, kind="folder"),
    file("/srv/old", 0o640, uid=4711),
]


def said(kind: str) -> Any:
    return answered(LooseFiles, {"kind": kind}, loose=LOOSE, accounts=[account("root", 0)])


def test_each_kind() -> None:
    assert said("writable") == [
        "/opt/app/run.sh may be written to by anybody",
        "/srv/drop may be written to by anybody",
    ]
    assert said("ownerless") == ["/srv/old belongs to 4711:4711"]
    assert answered(LooseFiles, {"kind": "writable"}) == []
