"""A sweep out of the document that the record has of it, for the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.clock import parse_rfc3339
from tenantry.sweep.model import Finding, Sweep

__all__ = ["sweep_of"]


def sweep_of(document: Mapping[str, Any]) -> Sweep:
    """The sweep that `tenantry.sweep.remembered.document` made the document from, as far as reports show it."""
    window = document["window"]
    made = Sweep(
        document["source"],
        events_read=document["events_read"],
        events_unreadable=document["events_unreadable"],
        findings=[_finding(one) for one in document["findings"]],
        entities=document["entities"],
        could_not_check=document["could_not_check"],
        rules_not_evaluated=document["rules_not_evaluated"],
        rules_evaluated=document["rules_evaluated"],
        tenant=document["tenant"],
        checks=document["checks"],
        window=(_seconds(window["from"]), _seconds(window["to"])),
    )
    made.density = [(at, count) for at, count in document["density"]]
    made.accepted = [(_finding(one), one["accepted"]) for one in document["accepted"]]
    return made


def _finding(one: Mapping[str, Any]) -> Finding:
    found = Finding(
        one["rule"],
        one["title"],
        one["severity"],
        tuple(one["attack"]),
        one["entity"],
        one["remedy"],
        one["event_ids"],
        one["events"],
    )
    found.first_seen, found.last_seen = _seconds(one["first_seen"]), _seconds(one["last_seen"])
    found.evidence = dict(one["evidence"])
    for key, times in (("events", ("time",)), ("windows", ("from", "to"))):
        if key in found.evidence:
            found.evidence[key] = [
                {name: _seconds(value) if name in times else value for name, value in event.items()}
                for event in found.evidence[key]
            ]
    return found


def _seconds(text: str) -> float:
    return parse_rfc3339(text).timestamp()
