"""A sweep as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.text import Text

from console.render import fields, moment, table

__all__ = ["entities", "findings", "not_checked", "tables"]

_COLOURS: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}


def tables(document: Mapping[str, Any], *, since_last: bool) -> None:
    """A sweep of a tenant.

    Args:
        since_last: only what is new, changed, gone, or was not looked at.
    """
    from tenantry.sweep.report.words import STATUS_WORDS

    statuses = [check["status"] for check in document["checks"]]
    counts = [f"{statuses.count(status)} {words}" for status, words in STATUS_WORDS.items() if status in statuses]
    since = document["since_last"]
    fields(
        [
            ("tenant", document["tenant"]),
            ("run", document["run_id"]),
            ("from", moment(document["window"]["from"])),
            ("to", moment(document["window"]["to"])),
            ("checks", f"{len(statuses)}: {', '.join(counts)}"),
            ("log records", f"{document['events_read']:,}"),
            ("accepted", len(document["accepted"]) or None),
            ("sweep before", moment(since["at"]) or "none"),
            ("since then", _changes(since) if since["at"] else None),
        ]
    )
    if since_last:
        _since(document)
    else:
        findings(document["findings"], ids=True)
        entities(document["entities"])
    not_checked(document["could_not_check"])


def _changes(since: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{len(since[key])} {words}"
        for key, words in (("new", "new"), ("changed", "changed"), ("gone", "gone"), ("not_looked_at", "not looked at"))
    )


def _since(document: Mapping[str, Any]) -> None:
    by_id = {one["id"]: one for one in document["findings"]}
    since = document["since_last"]
    for key, title in (("new", "New"), ("changed", "Changed")):
        findings([by_id[name] for name in since[key]], title=title, ids=True)
    for key, title in (("gone", "Gone"), ("not_looked_at", "Not looked at this time: not gone")):
        if since[key]:
            table(
                ("severity", "finding", "entity", "why"),
                [(_severity(one), one["title"], one["entity"]["id"], one["why"]) for one in since[key]],
                title=title,
            )


def findings(rows: Iterable[Mapping[str, Any]], *, title: str = "Findings", ids: bool = False) -> None:
    """Findings, in the order given.

    Args:
        ids: show what `sweep accept` takes.
    """
    table(
        (*(("id",) if ids else ()), "severity", "finding", "entity", "events", "first seen", "last seen", "technique"),
        [
            (
                *((one["id"],) if ids else ()),
                _severity(one),
                one["title"],
                one["entity"]["id"],
                one["events"],
                moment(one["first_seen"]),
                moment(one["last_seen"]),
                ", ".join(one["attack"][:2]),
            )
            for one in rows
        ],
        title=title,
    )


def _severity(one: Mapping[str, Any]) -> Text:
    return Text(one["severity"], style=_COLOURS[one["severity"]])


def entities(rows: list[dict[str, Any]]) -> None:
    """Whom to look at first."""
    if not rows:
        return
    table(
        ("score", "entity", "type", "findings", "because"),
        [
            (
                one["score"],
                one["id"],
                one["type"],
                one["findings"],
                ", ".join(part["rule"] for part in one["because"][:4]),
            )
            for one in rows[:20]
        ],
        title="Entities, the worst first",
    )


def not_checked(rows: list[dict[str, str]]) -> None:
    """What was not looked at."""
    from tenantry.sweep.report.words import by_reason

    if rows:
        shown = [(one["check"], one["why"]) for one in by_reason(rows)]
        table(("could not check", "why"), shown, title="Not checked")
