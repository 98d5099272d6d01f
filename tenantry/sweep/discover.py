"""The checks there are, found by walking ``tasks.checks``: a module holds one, and its place gives its name."""

from __future__ import annotations

from functools import cache

from tenantry.errors import InvalidInput
from tenantry.onefile import contributed
from tenantry.sweep.check import BaseCheck, Check, Collector, LogCheck
from tenantry.sweep.model import SEVERITIES

__all__ = ["checks", "problems"]


def checks(package: str = "tasks.checks") -> list[BaseCheck]:
    """Every check, by name.

    Raises:
        InvalidInput: with everything that breaks the contract.
    """
    return [kind() for kind in _kinds(package)]


@cache
def _kinds(package: str) -> tuple[type[BaseCheck], ...]:
    found: list[type[BaseCheck]] = []
    wrong: list[str] = []
    for module, kind in contributed(package, BaseCheck, "check", wrong):
        wrong += [f"{module.__file__}: {problem}" for problem in problems(kind, module.__name__)]
        found.append(kind)
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return tuple(sorted(found, key=lambda kind: kind.name))


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
