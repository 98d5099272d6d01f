"""Runs that a run may open for the same tenant. They stand in the record, and whoever looks after runs carries them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Incidents(Protocol):
    async def opened(self, run_ids: Sequence[str]) -> str | None:
        """The first of these runs that there is; else one that was opened to stand for one of them."""
        ...

    async def open(self, run_id: str, runbook: str, params: Mapping[str, Any], because: Mapping[str, Any]) -> None:
        """Record a run of this id. Its requester is nobody: it asks a person before its first effect.

        Args:
            because: ``run`` and ``findings``: what opened it; ``run_ids``: ids that it stands for, its own among them.

        Raises:
            NotFound: no such runbook.
            InvalidInput: the runbook does not take these parameters.
        """
        ...
