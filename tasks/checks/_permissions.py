"""What all checks together need granted."""

from __future__ import annotations

from functools import cache

from tenantry.sweep.discover import checks
from tenantry.task import Permission

__all__ = ["OfChecks", "needed"]


@cache
def needed() -> tuple[Permission, ...]:
    """For each vendor, what the checks' collectors declare."""
    names: dict[str, set[str]] = {}
    for check in checks():
        for permission in check.collect.permissions:
            names.setdefault(permission.vendor, set()).update(permission.names)
    return tuple(Permission(vendor=vendor, names=tuple(sorted(of))) for vendor, of in sorted(names.items()))


class OfChecks:
    """As a task's ``permissions``: looked up when somebody asks, because a hundred modules are not imported to list the tasks."""

    def __get__(self, task: object, kind: type | None = None) -> tuple[Permission, ...]:
        return needed()
