"""Comparing our times with a vendor's."""

from __future__ import annotations

from datetime import datetime

from tenantry.task import utc


def at_or_after(value: datetime | None, threshold: datetime) -> bool:
    """Whether the vendor's ``value`` is not before ``threshold``, to the second.

    Directories keep whole seconds, so an effect made 0.4 s after the threshold may be stored as 0.6 s before it.
    """
    return value is not None and utc(value).replace(microsecond=0) >= utc(threshold).replace(microsecond=0)


def text(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with microseconds, as changes and records show times."""
    return None if value is None else utc(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
