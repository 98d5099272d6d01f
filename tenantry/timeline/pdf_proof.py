"""The end of the report: collected evidence, and how to check what all of it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.timeline.glyphs import breakable
from tenantry.timeline.pdf_cells import (
    MAX_STEPS,
    Cell,
    Part,
    Section,
    cut_words,
    piece,
    table,
)
from tenantry.timeline.words import CERTAINTY, moment, plural

__all__ = ["Proof"]


class Proof(Section):
    """Evidence and proof."""

    def evidence(self) -> Part | None:
        """The collected files, with their digests."""
        t, text = self._t, self._text
        if not t.evidence:
            return None
        rows: list[list[Cell]] = [
            [
                [
                    piece("text", breakable(text(row.name, 300), 34)),
                    piece("small", breakable(text(t.step_titles.get(row.step, row.step), 120), 34)),
                ],
                "" if row.rows is None else f"{row.rows:,}",
                f"{row.size:,}",
                [piece("code", row.sha256)],
                moment(row.at),
            ]
            for row in t.evidence[:MAX_STEPS]
        ]
        return {
            "level": 1,
            "title": "Evidence",
            "lead": "Collected before anything was changed, or as the step says; kept encrypted, named by its digest."
            + cut_words(len(t.evidence), "pieces"),
            "table": table(
                ("File", "Rows", "Bytes", "SHA-256", "Time"), ("1fr", "18mm", "22mm", "112mm", "38mm"), rows
            ),
        }

    def proof(self) -> Iterator[Part]:
        """What to compare, and with what."""
        r = self._t.record
        facts: list[list[Cell]] = [
            ["Record of the client", [piece("code", r.tree)]],
            ["Entries of this run", f"{r.entries:,}, from number {r.first_seq:,} to {r.last_seq:,}"],
            ["As of", moment(r.as_of)],
            ["Hash of the last entry", [piece("code", r.last_leaf)]],
            ["Runbook's text, SHA-256", [piece("code", r.runbook_digest)]],
            ["Erased on purpose", plural(r.erased, "entry", "entries")],
        ]
        yield {
            "level": 1,
            "title": "Proof: what this rests on, and how to check it",
            "lines": [
                "Every entry of the record is hashed into a Merkle tree of this client alone (RFC 6962: SHA-256 over one zero byte and the entry's canonical bytes). An entry that was changed, dropped, added or moved gives another hash.",
                "This PDF proves nothing by itself. Ask for the evidence bundle of this run: it holds the entries byte for byte, what they stand for, the collected files, and a README that says, step by step, how to check all of it offline with public tools. Compare the hash below with the bundle's, and the bundle with a checkpoint of the record that was kept elsewhere.",
            ],
            "table": table(("What", "Value"), ("58mm", "1fr"), facts),
        }
        if r.checkpoint:
            yield {
                "level": 2,
                "title": "Signed checkpoint",
                "lead": "Origin, number of entries, root hash, signature (C2SP signed note). It counts with a key that you have from elsewhere.",
                "code": self._checkpoint(r.checkpoint),
            }
        yield {
            "level": 2,
            "title": "How sure something is",
            "table": table(
                ("Word", "Means"), ("58mm", "1fr"), [[name, meaning] for name, meaning in CERTAINTY.items()]
            ),
        }

    def _checkpoint(self, note: str) -> str:
        return "\n".join(self._text(line, 300) for line in note.splitlines()[:40])
