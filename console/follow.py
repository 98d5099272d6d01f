"""A run's progress on stderr while it goes on: a line for each step that settles, a spinner where there is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.status import Status as Spinner
from rich.text import Text

from console.render import clean, console, outcome

if TYPE_CHECKING:
    from tenantry.journal import Record
    from tenantry.run import RunState

__all__ = ["Follower"]


class Follower:
    """Called with each new entry of a run; prints what people want to see of it."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._out = console(sys.stderr)
        self._spinner: Spinner | None = None

    def __enter__(self) -> Self:
        if not self._quiet and self._out.is_terminal:
            self._spinner = self._out.status("starting")
            self._spinner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def __call__(self, state: RunState, record: Record | None) -> None:
        if self._quiet:
            return
        if record is not None:
            line = _line(record)
            if line is not None:
                self._out.print(line)
        if self._spinner is not None:
            self._spinner.update(Text(_busy_with(state)))


def _line(record: Record) -> Text | None:
    at = Text(record.at.strftime("%H:%M:%S "), style="dim")
    item = record.data.get("item")
    name = clean(f"{record.step}{f' [{item}]' if item else ''}", 120)
    if record.event == "step.outcome":
        error = record.data.get("error")
        why = f": {error['message']}" if error else ""
        slowed = record.data.get("throttled")
        if slowed:
            why += f" (slowed by a vendor for {slowed['seconds']:.0f} s)"
        return at + Text(f"{name} ") + outcome(record.outcome) + Text(clean(why))
    if record.event == "undo.outcome":
        why = record.data.get("why") or (record.data.get("error") or {}).get("message") or ""
        return at + Text(f"{name} ") + outcome(record.outcome) + Text(clean(f": {why}" if why else ""))
    if record.event == "step.error":
        return at + Text(f"{name} ") + outcome("failed") + Text(clean(f": {record.data['error']['message']}"))
    if record.event == "approval.requested":
        asked = f"{name} asks {record.data['role']}: {record.data['question']}"
        return at + Text(clean(asked), style="yellow")
    if record.event == "approval.decided":
        return at + Text(clean(f"{name}: {record.data['decision']} by {record.data['by']}"), style="yellow")
    if record.event == "run.attempt":
        return at + Text(f"attempt {record.data['attempt']}", style="dim")
    return None


def _busy_with(state: RunState) -> str:
    busy = [item.step for item in state.items.values() if item.in_doubt]
    done = sum(1 for item in state.items.values() if item.done)
    return clean(f"{done} done" + (f", working on {', '.join(dict.fromkeys(busy))}" if busy else ""), 100)
