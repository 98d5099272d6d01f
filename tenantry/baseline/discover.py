"""The measures there are, found by walking ``tasks.measures``: a module holds one, and its place gives its name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from tenantry.baseline.measure import Measure
from tenantry.errors import InvalidInput

__all__ = ["measures"]


@cache
def measures(package: str = "tasks.measures") -> dict[str, Measure[Any]]:
    """Every measure, by name.

    Raises:
        InvalidInput: with everything that breaks the contract.
    """
    found: dict[str, Measure[Any]] = {}
    wrong: list[str] = []
    for module in _modules(importlib.import_module(package)):
        here = [
            kind
            for kind in vars(module).values()
            if inspect.isclass(kind)
            and issubclass(kind, Measure)
            and not inspect.isabstract(kind)
            and kind.__module__ == module.__name__
        ]
        if len(here) != 1:
            wrong.append(f"{module.__file__}: a module holds exactly one measure, this one {len(here)}")
            continue
        [kind] = here
        expected = f"measures{module.__name__.removeprefix(package)}"
        if getattr(kind, "name", None) != expected:
            wrong.append(f"{module.__file__}: by its place the measure is named {expected!r}")
        elif not kind.all_needs():
            wrong.append(f"{module.__file__}: it reads nothing")
        elif not (kind.__doc__ or "").strip():
            wrong.append(f"{module.__file__}: it needs a docstring: its first line is what people read")
        else:
            found[expected] = kind()
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return dict(sorted(found.items()))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.ispkg and not any(part.startswith("_") for part in found.name.split(".")):
            yield importlib.import_module(found.name)
