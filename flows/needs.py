"""What runbooks need granted: the permissions that their tasks declare, by vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tenantry.errors import InvalidRunbook
from tenantry.least import excess

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.runbook import Runbook
    from tenantry.task import Permission

__all__ = ["by_vendor", "needs", "needs_by_vendor", "too_much"]


def needs_by_vendor(installation: Installation, runbook_ids: Iterable[str]) -> dict[str, set[str]]:
    """Vendor → the permissions that these runbooks' tasks declare; a runbook that is broken needs nothing."""
    names: dict[str, set[str]] = {}
    for runbook_id in runbook_ids:
        try:
            runbook = installation.catalog.get(runbook_id)
        except InvalidRunbook:
            continue
        for vendor, more in by_vendor(needs(installation, runbook)[1]).items():
            names.setdefault(vendor, set()).update(more)
    return names


def needs(installation: Installation, runbook: Runbook) -> tuple[set[str], list[Permission]]:
    """The capabilities that a runbook's tasks use, and the permissions that they declare."""
    tasks = [(installation.registry.get(step.uses), step.with_) for step in runbook.steps]
    permissions = [permission for task, given in tasks for permission in task.permissions_for(given)]
    return {need for task, _ in tasks for need in task.needs}, permissions


def by_vendor(permissions: Iterable[Permission]) -> dict[str, set[str]]:
    """Vendor → names."""
    names: dict[str, set[str]] = {}
    for permission in permissions:
        names.setdefault(permission.vendor, set()).update(permission.names)
    return names


def too_much(
    direct: Iterable[str] | None, wider: Mapping[str, Iterable[str]], needed: set[str]
) -> list[dict[str, Any]]:
    """What is granted beyond the least privilege: ``[{name, instead}]``; nothing where the vendor does not say what is granted."""
    if direct is None:
        return []
    contains = {name: frozenset(contained) for name, contained in wider.items()}
    return [{"name": one.name, "instead": list(one.instead)} for one in excess(direct, needed, contains)]
