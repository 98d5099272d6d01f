"""What reports say in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tenantry.timeline.words import plural

__all__ = ["STATUS_WORDS", "by_reason", "first_sentences"]

STATUS_WORDS: Final = {
    "fail": "found something",
    "unknown": "could not look at everything",
    "accepted": "found only what is accepted",
    "pass": "passed",
    "not_applicable": "not for this client",
}


_NAMED: Final = 3


def by_reason(could_not_check: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """``{check, why}`` for people: checks that have the same reason in one row. A host that is away has dozens."""
    held: dict[str, list[str]] = {}
    for one in could_not_check:
        held.setdefault(one["why"], []).append(one["check"])
    return [
        {
            "check": ", ".join(checks[:_NAMED]) + (f" and {len(checks) - _NAMED} more" if len(checks) > _NAMED else ""),
            "why": why,
        }
        for why, checks in held.items()
    ]


def first_sentences(document: Mapping[str, Any]) -> list[str]:
    """What is to be known first: what was found, what is new, and what is not known."""
    counts = Counter(one["severity"] for one in document["findings"])
    heavy = counts["critical"] + counts["high"]
    since = document["since_last"]
    said = [
        f"{plural(heavy, 'finding')} {'is' if heavy == 1 else 'are'} critical or high; whoever is named first below is to be looked at first."
        if heavy
        else "No finding is critical or high."
        if document["findings"]
        else "Nothing was found."
    ]
    if since["at"]:
        said.append(
            f"Since the sweep before: {len(since['new'])} new, {len(since['changed'])} changed, {len(since['gone'])} gone"
            + (f"; {len(since['not_looked_at'])} could not be looked for this time." if since["not_looked_at"] else ".")
        )
    statuses = Counter(check["status"] for check in document["checks"])
    if statuses["unknown"]:
        said.append(
            f"{statuses['unknown']} of {len(document['checks'])} checks could not look at everything. What was not looked at is not clean."
        )
    return said
