"""What is contributed as one file each: every module below a package holds exactly one class of a kind."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["contributed"]


def contributed(package: str, kind: type[Any], what: str, wrong: list[str]) -> Iterator[tuple[ModuleType, type[Any]]]:
    """Each module below a package with the class of that kind that it holds. Parts of names that begin with ``_`` are left out.

    Args:
        what: what the class is called in a complaint.
        wrong: takes a complaint about each module that holds none or several.
    """
    for module in _modules(importlib.import_module(package)):
        here = [
            found
            for found in vars(module).values()
            if inspect.isclass(found)
            and issubclass(found, kind)
            and not inspect.isabstract(found)
            and found.__module__ == module.__name__
        ]
        if len(here) == 1:
            yield module, here[0]
        else:
            wrong.append(f"{module.__file__}: a module holds exactly one {what}, this one {len(here)}")


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.ispkg and not any(part.startswith("_") for part in found.name.split(".")):
            yield importlib.import_module(found.name)
