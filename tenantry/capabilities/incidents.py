"""Runs that a run may open for the same tenant. They stand in the record, and whoever looks after runs carries them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Incidents(Protocol):
    async def opened(
        self, run_ids: Sequence[str], findings: Sequence[str] = (), since: datetime | None = None
    ) -> str | None:
        """The first of these runs that there is; else one that was opened to stand for one of them; else one that another sweep opened for
        one of the findings since then.

        Args:
            since: up to when the sweep looked that asks. What sweeps opened later it could not know of, and gave ids of its own.
        """
        ...

    async def open(self, run_id: str, runbook: str, params: Mapping[str, Any], because: Mapping[str, Any]) -> None:
        """Record a run of this id, unless :meth:`opened` knows one: several sweeps may ask at the same moment. Its requester is nobody: it
        asks a person before its first effect.

        Args:
            because: ``run`` and ``findings``: what opened it; ``run_ids``: ids that it stands for, its own among them; ``since`` (RFC 3339)
                if the sweep said it.

        Raises:
            NotFound: no such runbook.
            InvalidInput: the runbook does not take these parameters.
        """
        ...
