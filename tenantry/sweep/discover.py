"""The checks there are, found by walking ``tasks.checks``: a module holds one, and its place gives its name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from tenantry.errors import InvalidInput
from tenantry.sweep.check import BaseCheck, Check, Collector, LogCheck
from tenantry.sweep.model import SEVERITIES

__all__ = ["checks", "problems"]


def checks(package: str = "tasks.checks") -> list[BaseCheck]:
    """Every check, by name.

    Raises:
        InvalidInput: with everything that breaks the contract.
    """
    found: list[BaseCheck] = []
    wrong: list[str] = []
    for module in _modules(importlib.import_module(package)):
        here = [
            kind
            for kind in vars(module).values()
            if inspect.isclass(kind)
            and issubclass(kind, BaseCheck)
            and not inspect.isabstract(kind)
            and kind.__module__ == module.__name__
        ]
        if len(here) != 1:
            wrong.append(f"{module.__file__}: a module holds exactly one check, this one {len(here)}")
            continue
        wrong += [f"{module.__file__}: {problem}" for problem in problems(here[0], module.__name__)]
        found.append(here[0]())
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return sorted(found, key=lambda check: check.name)


def problems(kind: type[BaseCheck], module: str) -> list[str]:
    """How a check's declarations break the contract; ``[]`` when they keep it."""
    expected = module.removeprefix("tasks.")
    missing = [name for name in ("name", "title", "severity", "attack", "remedy", "collect") if not hasattr(kind, name)]
    if missing:
        return [f"{kind.__name__} declares no {', '.join(missing)}"]
    wrong = []
    if kind.name != expected:
        wrong.append(f"by its place the check is named {expected!r}, not {kind.name!r}")
    if kind.severity not in SEVERITIES:
        wrong.append(f"{kind.severity!r} is no severity")
    if not kind.attack:
        wrong.append("it names no ATT&CK technique")
    if not isinstance(kind.collect, Collector):
        wrong.append("`collect` is no collector")
    elif issubclass(kind, LogCheck) and kind.collect.log is None:
        wrong.append("it asks detections of what is no log")
    if issubclass(kind, LogCheck) and not getattr(kind, "rules", ()):
        wrong.append("it names no detection")
    if not issubclass(kind, (Check, LogCheck)):
        wrong.append("it is neither a Check nor a LogCheck")
    if not (kind.__doc__ or "").strip():
        wrong.append("it needs a docstring: its first line is what people read")
    return wrong


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.ispkg and not any(part.startswith("_") for part in found.name.split(".")):
            yield importlib.import_module(found.name)
