"""The queue of incidents as an artifact of Prefect: number, priority and age for each client and each person, renewed while anything is open."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from prefect.artifacts import acreate_table_artifact

from flows.api import errors
from tenantry.alerts.store import Incident
from tenantry.triage.queue import Line, queue

__all__ = ["KEY", "QueueShown", "rows"]

KEY: Final = "alert-queue"
_AGAIN: Final = 60.0
"""Seconds between two pictures of a queue that has not changed but for its age."""
_SOONEST: Final = 5.0
"""Seconds between two pictures in a storm."""
_LOG: Final = logging.getLogger(__name__)


class QueueShown:
    """Called after each look at the queue. Never fails: the picture is Prefect's, the queue is not.

    Args:
        now: the current time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._shown: tuple[tuple[object, ...], ...] = ()
        self._at = 0.0

    async def __call__(self, incidents: Iterable[Incident]) -> None:
        """Show the queue where it changed, or got older."""
        lines = queue(incidents, self._now())
        said = tuple((one.kind, one.of, one.by_severity, one.waiting) for one in lines)
        since = time.monotonic() - self._at
        if (said == self._shown and (not lines or since < _AGAIN)) or since < _SOONEST:
            return
        try:
            await acreate_table_artifact(
                key=KEY, table=rows(lines), description="Incidents that alerts opened, and whose they are"
            )
        except Exception as problem:  # noqa: BLE001  # whatever ails Prefect, incidents are given to people
            level = logging.INFO if isinstance(problem, errors()) else logging.WARNING
            _LOG.log(level, "the queue of incidents could not be shown: %s", type(problem).__name__)
        self._shown, self._at = said, time.monotonic()


def rows(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """The table; one row that says so where nothing is open."""
    found = [
        {
            "of": f"{one.kind} {one.of}",
            "open": one.number,
            "by severity": ", ".join(f"{number} {severity}" for severity, number in one.by_severity),
            "oldest (min)": round(one.oldest.total_seconds() / 60),
            "without a run": one.waiting,
        }
        for one in lines
    ]
    return found or [{"of": "all clients", "open": 0, "by severity": "", "oldest (min)": 0, "without a run": 0}]
