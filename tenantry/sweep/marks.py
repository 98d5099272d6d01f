"""What a finding is about, in digests: whoever accepted it has seen these, and it speaks again when there is another.

A finding of how the tenant stands is about what its check says in its evidence: the sentence, with the values that matter in it, and
what it compared. A finding from a log is about who did what to whom from where; that the same happened once more is nothing new, another
address or another target is. Digests stand for all of it, so that an acceptance holds nothing of the tenant's beyond the finding's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from tenantry.sweep.model import Finding

__all__ = ["TOO_MANY", "mark", "mark_of", "of_event", "of_statistic"]

MOST: Final = 500
"""Marks that a finding keeps."""
TOO_MANY: Final = "many"
"""Stands among the marks of a finding that is about more: nobody has seen them all, so no acceptance covers it."""
_OF_EVENT: Final = ("actor", "ip", "target", "target_user")
_MOVING: Final = frozenset({"age_days", "days", "count", "events", "more", "windows", "pid", "pids"})
"""Keys of evidence whose values change by themselves."""
_OF_STATISTIC: Final = (
    *("address", "addresses", "origin", "network", "networks", "region", "places", "opened", "operations", "services"),
)
"""Keys of what a statistical check compared that say who, whence and what; the others are amounts."""


def mark(finding: Finding, *marks: str) -> None:
    """Add to what a finding is about."""
    for one in marks:
        if one not in finding.marks:
            finding.marks.add(one if len(finding.marks) < MOST else TOO_MANY)


def of_event(name: str, facts: Mapping[str, Any]) -> str:
    """The mark of an event of a log.

    Args:
        facts: the view of the event, or what the spool kept of it.
    """
    return _digest("\x1f".join((name, *(str(facts.get(key) or "") for key in _OF_EVENT))))


def mark_of(finding: Finding) -> str:
    """The mark of what one look found: the evidence as it says it, without what changes by itself."""
    said = {key: value for key, value in finding.evidence.items() if key not in _MOVING}
    compared = said.get("compared")
    if isinstance(compared, dict):
        said["compared"] = {key: value for key, value in compared.items() if key not in _MOVING}
    return _digest(json.dumps(said, sort_keys=True, default=str))


def of_statistic(finding: Finding) -> set[str]:
    """The marks of a statistical check's finding: a new address or operation is new, another amount is not. Where a check compares
    amounts alone, another day is."""
    compared = finding.evidence.get("compared") or {}
    found = set()
    for key in _OF_STATISTIC:
        value = compared.get(key)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                found.add(_digest(f"{key}\x1f{one}"))
    return found or {_digest(str(int(finding.last_seen // 86_400)))}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
