"""Storing streamed rows as evidence in pieces, so that memory stays bounded however long a log is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.task import Context, EvidenceRef

PIECE = 5_000
"""Rows a piece."""


def evidence_name(ctx: Context, name: str) -> str:
    """``<step>/<name>``: two steps of a run may read the same thing at different times, and both readings are kept."""
    return "/".join(part for part in (ctx.run.step, ctx.run.item, name) if part)


class RowStore:
    """Collects raw rows and stores them as ``<name>.jsonl``, from the second piece on ``<name>.2.jsonl`` …"""

    def __init__(self, ctx: Context, name: str) -> None:
        self._ctx = ctx
        self._name = evidence_name(ctx, name)
        self._rows: list[Mapping[str, Any]] = []
        self.refs: list[EvidenceRef] = []
        self.total = 0

    async def add(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        self.total += 1
        if len(self._rows) >= PIECE:
            await self._flush()

    async def close(self) -> list[EvidenceRef]:
        """Store what is left; an empty collection is stored too: that there was nothing is evidence."""
        if self._rows or not self.refs:
            await self._flush()
        return self.refs

    async def _flush(self) -> None:
        piece = f".{len(self.refs) + 1}" if self.refs else ""
        self.refs.append(await self._ctx.evidence.store_rows(f"{self._name}{piece}.jsonl", self._rows))
        self._rows = []
