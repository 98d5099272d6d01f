"""Erasing what the record says of a person or of a run, for good, while the record still verifies.

What is erased are payloads and collected files; the entries stay, so every digest, proof and checkpoint over them does. The
erasure is an entry itself: which entries, by whom, why. A whole tenant is erased by destroying its key (`tenantry vault`).

Personal data may stand in collected files too: a file goes when an erased entry names it and no other entry does.

Not a promise: copies outside this machine (exported bundles, backups, Prefect's database and logs) are not reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenantry.errors import NotFound, Refused
from tenantry.evidence import EvidenceStore
from tenantry.journal import Entry, Journal, Record
from tenantry.journal.entry import KEPT_FOR_GOOD, canonical
from tenantry.run import fold

__all__ = ["Erasure", "erase", "select"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased. ``entry``: the one that says so. ``evidence``: digests of files."""

    entry: Entry
    entries: int
    evidence: tuple[str, ...]


def select(journal: Journal, tenant: str, *, run_id: str | None = None, mentions: str | None = None) -> list[Record]:
    """Entries of a tenant that can be erased: of one run, or whose payload mentions a text, whatever its case.

    Raises:
        Refused: one of the runs concerned has not ended; what it did must be known to resume or undo it.
    """
    wanted = mentions.casefold() if mentions is not None else None
    found = [
        record
        for record in journal.tail(tenant)
        if record.payload is not None
        and record.event not in KEPT_FOR_GOOD
        and (run_id is None or record.entry.fields["run_id"] == run_id)
        and (wanted is None or wanted in canonical(record.payload).decode().casefold())
    ]
    for run in sorted({str(record.entry.fields["run_id"]) for record in found if record.entry.fields["run_id"]}):
        if fold(journal.records(run), tenant=tenant).ended is None:
            raise Refused(
                f"the run {run} has not ended, and could then neither be resumed nor undone",
                remedy=f"End it first: `tenantry resume {run}` or `tenantry cancel {run}`.",
            )
    return found


def erase(
    journal: Journal, store: EvidenceStore, tenant: str, records: Sequence[Record], *, by: str, reason: str
) -> Erasure:
    """Erase the payloads of these entries, and the files that only they name.

    Raises:
        NotFound: there is nothing to erase.
        RecordError: the disk is full or gone; done again, it goes on.
    """
    _finish(journal, store, tenant)
    if not records:
        raise NotFound(f"nothing to erase in the record of {tenant}")
    ids = {record.entry.id for record in records}
    pieces = _pieces(record.data for record in records)
    if pieces:
        pieces -= _pieces(record.data for record in journal.tail(tenant) if record.entry.id not in ids)
    entry = journal.erase(tenant, sorted(ids), by=by, reason=reason, evidence=sorted(pieces))
    _finish(journal, store, tenant)
    return Erasure(entry, len(ids), tuple(sorted(pieces)))


def _finish(journal: Journal, store: EvidenceStore, tenant: str) -> None:
    """Remove the files that the record says are erased: whoever was killed in between left them."""
    for record in journal.tail(tenant):
        if record.event == "payload.erased":
            for sha256 in record.data.get("evidence", ()):
                store.erase(tenant, sha256)


def _pieces(payloads: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        piece["sha256"]
        for payload in payloads
        if isinstance(payload.get("evidence"), list)
        for piece in payload["evidence"]
        if isinstance(piece, dict)
    }
