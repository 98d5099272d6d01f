"""The published names of the statistical checks are those that their findings have."""

from __future__ import annotations

import ast
from pathlib import Path

import tenantry.sweep.statistics as package
from tenantry.sweep.sources import FORMATS
from tenantry.sweep.statistics import STATISTICS
from tenantry.sweep.statistics.volume import _WHAT


def _made() -> set[str]:
    found = {rule for _, _, rule, *_ in _WHAT.values()}
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "make"
            if named and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]  # a call
                found.add(str(node.args[0].value))  # type: ignore[attr-defined]  # as above
    return found


def test_every_name_is_published_and_every_published_name_is_used() -> None:
    assert set().union(*STATISTICS.values()) == _made()
    assert STATISTICS.keys() == FORMATS.keys()
