"""What a bundle proves with: inclusion proofs, signed checkpoints, the witness, keys, time stamps, and the statement over it.

::

    proof/checkpoint.txt     signed checkpoint of the client's tree (C2SP signed note)
    proof/inclusion.jsonl    for each line of entries.jsonl: {index, leaf, path}, hex, RFC 6962
    proof/witness.json       the entry of the estate's tree that holds the checkpoint: {entry, salt, payload, index, path}
    proof/estate.txt         signed checkpoint of the estate's tree
    proof/earlier.jsonl      earlier checkpoints of the client's tree: {size, note, witness, path}
    proof/keys.json          the keys that signed, and proof/key-N.pem; they prove nothing of who signed
    proof/timestamps/*.tsr   RFC 3161 time stamps over proof/checkpoint.txt
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tenantry.clock import rfc3339
from tenantry.errors import NotProven
from tenantry.journal import Ledger, Record, Witnessed
from tenantry.proof import merkle
from tenantry.proof.dsse import statement
from tenantry.proof.note import pem
from tenantry.proof.trust import key_document
from tenantry.task import Outcome
from tenantry.timeline.model import Timeline

__all__ = ["RUN", "proof_files", "prove_run", "run_predicate", "run_statement", "with_checkpoint"]

RUN: Final = "urn:tenantry:run:v1"
"""Predicate type of the statement over one run."""
_ENDED: Final = frozenset({"planned", "completed", "completed_with_exceptions", "failed", "cancelled", "undone"})
_VERIFIED: Final = frozenset({Outcome.OBSERVED, Outcome.ALREADY, Outcome.CHANGED, Outcome.UNDONE})


def prove_run(ledger: Ledger, tenant: str, records: Sequence[Record]) -> Witnessed:
    """Sign the tenant's record as it is, prove the run's entries in it, and prove the proofs.

    Raises:
        RolledBack: the record lacks what was signed before.
        NotProven: an entry is not in the tree.
    """
    ledger.checkpoint(tenant)
    found = ledger.prove(tenant, [record.entry.seq for record in records])
    root = found.stored.checkpoint.root
    for record, proof in zip(records, found.proofs, strict=True):
        if record.entry.leaf != proof.leaf or not merkle.included(
            proof.leaf, proof.index, found.stored.size, proof.path, root
        ):
            raise NotProven(
                f"entry {record.entry.id} is not in the signed tree",
                remedy="Keep the record as it is, and find out with `tenantry journal verify` what was changed.",
            )
    return found


def with_checkpoint(timeline: Timeline, found: Witnessed) -> Timeline:
    """The timeline with the checkpoint that covers it."""
    return replace(timeline, record=replace(timeline.record, checkpoint=found.stored.note.decode()))


def proof_files(found: Witnessed) -> Iterator[tuple[str, bytes]]:
    """Name → content of everything under ``proof/``."""
    yield "proof/checkpoint.txt", found.stored.note
    yield "proof/estate.txt", found.estate.note
    yield (
        "proof/inclusion.jsonl",
        _lines({"index": one.index, "leaf": one.leaf.hex(), "path": _hex(one.path)} for one in found.proofs),
    )
    witness = found.witness
    if witness.salt is None:
        raise NotProven("the witness of the checkpoint cannot be opened")
    held = {
        "entry": witness.entry.body.decode(),
        "salt": witness.salt.hex(),
        "payload": dict(witness.data),
        "index": found.witness_proof.index,
        "path": _hex(found.witness_proof.path),
    }
    yield "proof/witness.json", json.dumps(held, indent=1).encode() + b"\n"
    yield (
        "proof/earlier.jsonl",
        _lines(
            {"size": old.size, "note": old.note.decode(), "witness": old.witness, "path": _hex(path)}
            for old, path in found.earlier
        ),
    )
    yield "proof/keys.json", json.dumps(key_document(found.origin, found.keys), indent=2).encode() + b"\n"
    for key in found.keys:
        yield f"proof/key-{key.epoch}.pem", pem(key.public).encode()
    for authority, response in sorted(found.timestamps.items()):
        name = "".join(c if c.isascii() and c.isalnum() else "_" for c in authority)[-60:].strip("_") or "authority"
        yield f"proof/timestamps/{name}-{hashlib.sha256(authority.encode()).hexdigest()[:8]}.tsr", response


def run_statement(timeline: Timeline, records: Sequence[Record], found: Witnessed, evidence: int) -> dict[str, Any]:
    """The statement over one run, for `tenantry attestation create`. Its subject is the run's entries, a line each.

    Raises:
        NotProven: the run has not ended, so nothing final can be said of it.
    """
    if timeline.status not in _ENDED:
        raise NotProven(
            f"the run is {timeline.status}: nothing final can be attested of it",
            remedy="Attest it when it has ended; `tenantry evidence export` hands over what there is.",
        )
    return statement(
        RUN, {f"run {timeline.run_id}": _entries_digest(records)}, run_predicate(timeline, records, found, evidence)
    )


def run_predicate(timeline: Timeline, records: Sequence[Record], found: Witnessed, evidence: int) -> dict[str, Any]:
    """What is said of a run. Nothing that was not verified is called so: ``result`` is ``pass`` only when every step was, and
    everything else stands under ``notVerified``. Names nobody.

    Args:
        evidence: collected files, each of which was read to its end and compared with its digest.
    """
    outcomes = Counter(row.outcome or "not_begun" for row in timeline.steps)
    open_steps = [
        {"step": row.step, "outcome": row.outcome or "not_begun"}
        for row in timeline.steps
        if row.outcome not in _VERIFIED and row.outcome != Outcome.SKIPPED
    ]
    whole = not open_steps and timeline.status in ("completed", "undone") and timeline.mode == "run"
    checkpoint = found.stored.checkpoint
    return {
        "run": {
            "id": timeline.run_id,
            "runbook": {"id": timeline.runbook, "version": timeline.version, "sha256": timeline.record.runbook_digest},
            "mode": timeline.mode,
            "status": timeline.status,
            "startedAt": rfc3339(timeline.started_at),
            "endedAt": rfc3339(timeline.ended_at) if timeline.ended_at else None,
        },
        "outcomes": dict(sorted(outcomes.items())),
        "notVerified": open_steps,
        "result": "pass" if whole else "not_established",
        "record": {
            "entries": len(records),
            "entriesSha256": _entries_digest(records),
            "first": records[0].entry.seq,
            "last": records[-1].entry.seq,
            "erasedPayloads": sum(record.payload is None for record in records),
            "evidenceFiles": evidence,
            "checkpoint": {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
            "keyEpoch": found.stored.epoch,
            "note": found.stored.note.decode(),
        },
    }


def _entries_digest(records: Sequence[Record]) -> str:
    """SHA-256 of entries.jsonl."""
    made = hashlib.sha256()
    for record in records:
        made.update(record.entry.body + b"\n")
    return made.hexdigest()


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def _hex(path: Sequence[bytes]) -> list[str]:
    return [one.hex() for one in path]
