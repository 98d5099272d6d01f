"""Tables and lines for people. A terminal gets colours, and every colour also a word; a pipe gets plain columns.

Every text is cleaned: names come from tenants, where attackers choose them, and a terminal obeys control characters.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["clean", "console", "fields", "moment", "outcome", "run_tables", "status", "table"]

_WIDE: Final = 10_000

_STATUS: Final = {
    "completed": "green",
    "planned": "cyan",
    "undone": "green",
    "running": "blue",
    "waiting_for_approval": "yellow",
    "completed_with_exceptions": "yellow",
    "interrupted": "magenta",
    "paused_by_failed_step": "red",
    "failed": "red",
    "cancelled": "magenta",
}
_OUTCOME: Final = {
    "observed": "cyan",
    "already": "green",
    "changed": "green",
    "would_change": "yellow",
    "undone": "green",
    "skipped": "dim",
    "failed": "red",
    "undo_failed": "red",
    "unknown": "red",
}
_FORMAT_AND_CONTROL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move the cursor, reverse the direction of writing, or show nothing."""


def clean(value: Any, limit: int = 2_000) -> str:
    """``value`` as one harmless line."""
    text = "" if value is None else str(value)
    shown = "".join(
        (" " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}") if unicodedata.category(c) in _FORMAT_AND_CONTROL else c
        for c in text[: limit + 1]
    )
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def console(file: IO[str] | None = None) -> Console:
    """Where tables go: stdout as it is now, or ``file``. Nothing is cut to fit where nobody looks at it."""
    target = file or sys.stdout
    wide = None if target.isatty() else _WIDE
    return Console(file=target, highlight=False, markup=False, emoji=False, width=wide, soft_wrap=wide is not None)


def status(name: str) -> Text:
    """A run's status, coloured and in words."""
    return Text(name.replace("_", " "), style=_STATUS.get(name, ""))


def outcome(name: str | None) -> Text:
    """A step's outcome, coloured and in words."""
    return Text("–" if name is None else name.replace("_", " "), style=_OUTCOME.get(name or "", "dim"))


def moment(text: str | None) -> str:
    """An RFC 3339 time to the second, UTC."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table on stdout; cells are texts (cleaned) or rich's. A pipe gets columns, two spaces apart."""
    out = console()
    cells = [[cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row] for row in rows]
    if not cells:
        out.print(Text("none" if title is None else f"{title}: none", style="dim"))
        return
    if out.is_terminal:
        drawn = Table(title=title, title_justify="left", box=box.ROUNDED, header_style="bold")
        for column in columns:
            drawn.add_column(column, overflow="fold")  # ids are copied from here: none is cut
        for row in cells:
            drawn.add_row(*row)
        out.print(drawn)
        return
    lines = [list(columns), *([cell.plain for cell in row] for row in cells)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(columns))]
    if title is not None:
        out.print(title)
    for line in lines:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        out.print("  ".join(padded).rstrip())


def fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print ``name: value`` lines, those without a value left out."""
    out = console()
    shown = [(name, value) for name, value in pairs if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        text = value if isinstance(value, Text) else Text(clean(value))
        out.print(Text(f"{name:<{width}}  ", style="bold") + text)


def run_tables(view: Mapping[str, Any]) -> None:
    """A run: what it is, how it stands, its steps, what it waits for, its clocks."""
    asked = view["requested_by"]
    who = asked.get("person") or asked.get("account") or asked.get("via")
    fields(
        [
            ("run", view["run_id"]),
            ("runbook", view["runbook"]),
            ("tenant", view["tenant"]),
            ("subject", view["subject"]),
            ("mode", view["mode"]),
            ("status", status(view["status"])),
            ("asked by", f"{who}{'' if asked.get('proven') else ' (not proven)'}" if who else None),
            ("started", moment(view["started_at"])),
            ("finished", moment(view["finished_at"])),
            ("attempt", view["attempt"]),
            ("opened by", view["opened_by"]),
            ("opened", ", ".join(view["opened"])),
            ("progress", _progress(view)),
        ]
    )
    tty = console().is_terminal  # what is piped is searched line by line
    day, phase, rows = view["started_at"][:10], None, []
    for step in view["steps"]:
        at = moment(step["finished_at"])
        rows.append(
            (
                step["phase"] if step["phase"] != phase or not tty else "",
                step["id"],
                step["item"],
                outcome(step["outcome"]),
                at.removeprefix(f"{day} "),
                describe(step),
            )
        )
        phase = step["phase"]
    table(("phase", "step", "item", "outcome", "finished", "what"), rows)
    if view["waiting_for"]:
        table(
            ("step", "item", "asked of", "reminder", "until", "question", "why"),
            [
                (
                    *(w["step"], w["item"], _role(w), _reminder(w), moment(w["expires_at"])),
                    *(w["question"], "; ".join(w["reasons"])),
                )
                for w in view["waiting_for"]
            ],
            title="Waiting for",
        )
    if view["clocks"]:
        table(
            ("clock", "due", "stopped", "source"),
            [(c["name"], moment(c["due_at"]), moment(c["stopped_at"]), c["source"]) for c in view["clocks"]],
            title="Clocks, if the questions are answered as the plan assumes" if view["mode"] == "plan" else "Clocks",
        )


def _role(waiting: Mapping[str, Any]) -> str:
    return f"{waiting['owner']}{', four eyes' if waiting['four_eyes'] else ''}"


def _reminder(waiting: Mapping[str, Any]) -> str:
    """When who is asked is reminded next; how often that was, once all of them are over."""
    ahead = waiting["reminders"][waiting["reminded"] :]
    return moment(ahead[0]) if ahead else f"{waiting['reminded']} sent" if waiting["reminded"] else ""


def _progress(view: Mapping[str, Any]) -> str:
    of = view["progress"]
    return f"{of['percent']} % ({of['done']} of {of['of']} steps)" if of else ""


def describe(step: Mapping[str, Any]) -> str:
    """What a step did, or why it did not, in one line."""
    error = step["error"]
    if error and step["outcome"] not in ("changed", "already", "observed"):
        return f"{error['message']} {error['remedy']}"
    # `<kind>/<object id>/<property>`: where the item names the object, the property is enough.
    named = 2 if step["item"] is not None else 0
    changes = [
        f"{c['path'].split('/', named)[-1]}: {_short(c['before'])} → {_short(c['after'])}" for c in step["changes"]
    ]
    if changes:
        return "; ".join(changes[:5]) + (f"; and {len(changes) - 5} more" if len(changes) > 5 else "")
    return step["note"] or ""


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 120)
