from __future__ import annotations

from tasks.measures.linux.one_root import OneRoot
from tests.tasks.measures.linux.hosts import account, answered


def test_numbers() -> None:
    assert answered(OneRoot, accounts=[account("root", 0), account("anna", 1000)]) == []
    assert answered(OneRoot, accounts=[account("root", 0), account("toor", 0)]) == ["toor has the number 0"]
    assert answered(OneRoot, accounts=[account("anna", 1000), account("otto", 1000)]) == [
        "anna and otto share the number 1000"
    ]
