"""The vendor's rows as evidence keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

__all__ = ["plain", "tags_of"]


def plain(value: Any) -> Any:
    """As JSON: times in ISO 8601, bytes in hexadecimal; everything else as the vendor gave it."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def tags_of(rows: Any) -> dict[str, str]:
    """``[{Key, Value}]`` as a mapping."""
    return {str(row.get("Key", "")): str(row.get("Value", "")) for row in rows or () if isinstance(row, Mapping)}
