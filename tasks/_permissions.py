"""Permissions that several readings declare, put together."""

from __future__ import annotations

from collections.abc import Iterable

from tenantry.task import Permission

__all__ = ["merged"]


def merged(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """One for each vendor."""
    names: dict[str, set[str]] = {}
    for one in permissions:
        names.setdefault(one.vendor, set()).update(one.names)
    return tuple(Permission(vendor=vendor, names=tuple(sorted(of))) for vendor, of in sorted(names.items()))
