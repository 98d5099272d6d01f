"""The measures there are, found by walking ``tasks.measures``: a module holds one, and its place gives its name."""

from __future__ import annotations

from functools import cache

from tenantry.baseline.measure import BaseMeasure
from tenantry.errors import InvalidInput
from tenantry.onefile import contributed

__all__ = ["measures"]


@cache
def measures(package: str = "tasks.measures") -> dict[str, type[BaseMeasure]]:
    """Every measure, by name.

    Raises:
        InvalidInput: with everything that breaks the contract.
    """
    found: dict[str, type[BaseMeasure]] = {}
    wrong: list[str] = []
    for module, kind in contributed(package, BaseMeasure, "measure", wrong):
        expected = f"measures{module.__name__.removeprefix(package)}"
        if getattr(kind, "name", None) != expected:
            wrong.append(f"{module.__file__}: by its place the measure is named {expected!r}")
        elif not kind.all_needs():
            wrong.append(f"{module.__file__}: it reads nothing")
        elif not (kind.__doc__ or "").strip():
            wrong.append(f"{module.__file__}: it needs a docstring: its first line is what people read")
        else:
            found[expected] = kind
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return dict(sorted(found.items()))
