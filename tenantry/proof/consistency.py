"""A later checkpoint for somebody who kept an earlier one, with the proof that the record only grew in between.

Who keeps checkpoints, a client say, takes a later one only with such a proof, and then has evidence against whoever rolls the
record back, rewrites it, or keeps two::

    {"format": "tenantry-consistency/1", "earlier": note, "later": note, "path": [hex, …]}

Both notes are C2SP signed notes, the path is RFC 6962's consistency proof, so other people's tools check it as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from tenantry.errors import InvalidInput, NotProven
from tenantry.proof import merkle
from tenantry.proof.note import Checkpoint, open_note, parse_note, signed_by
from tenantry.proof.trust import TrustStore

__all__ = ["check_consistency", "consistency_document"]

FORMAT: Final = "tenantry-consistency/1"


def consistency_document(earlier: bytes, later: bytes, path: Sequence[bytes]) -> bytes:
    """The file that is handed over."""
    document = {
        "format": FORMAT,
        "earlier": earlier.decode(),
        "later": later.decode(),
        "path": [one.hex() for one in path],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def check_consistency(content: bytes, kept: bytes, trust: TrustStore | None) -> dict[str, Any]:
    """Whether the later checkpoint begins with the one that was kept.

    Args:
        content: what was handed over.
        kept: the verifier's own copy of the earlier checkpoint; the one in the file counts for nothing.
        trust: the keys that the verifier brings; None: nobody here knows who signed.

    Returns:
        ``{ok, consistent, signer: established|not_established|wrong, origin, earlier, later, note, why}``: sizes in entries;
        ``note`` is the later checkpoint, there only when everything holds.

    Raises:
        InvalidInput: one of the files is not what it should be.
    """
    try:
        document = json.loads(content)
        if document["format"] != FORMAT or document.keys() != {"format", "earlier", "later", "path"}:
            raise ValueError("format")
        later, path = document["later"].encode(), [bytes.fromhex(one) for one in document["path"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "this is no proof of consistency", remedy="Ask for what `tenantry journal checkpoint T --since` writes."
        ) from error
    old, new = parse_note(kept).checkpoint, parse_note(later).checkpoint
    report: dict[str, Any] = {
        "ok": False,
        "consistent": False,
        "signer": "wrong",
        "origin": new.origin,
        "earlier": old.size,
        "later": new.size,
        "note": None,
        "why": None,
    }
    why = _unsigned(later, new, trust) if trust is not None else None
    if why is not None:
        return report | {"why": why}
    report["signer"] = "established" if trust is not None else "not_established"
    why = _inconsistent(old, new, path)
    if why is not None:
        return report | {"why": why}
    report["consistent"] = True
    if trust is None:
        return report | {"why": "signer not established: no key is known here"}
    return report | {"ok": True, "note": later.decode()}


def _unsigned(note: bytes, checkpoint: Checkpoint, trust: TrustStore) -> str | None:
    keys = (*trust.keys.get(checkpoint.origin.partition("/")[0], ()), *trust.bare())
    key = next((one for one in keys if signed_by(note, one.public)), None)
    if key is None:
        return "the later checkpoint is signed with a key that is not among those brought"
    try:
        open_note(note, key.public)
    except NotProven as error:
        return error.message
    return None


def _inconsistent(old: Checkpoint, new: Checkpoint, path: Sequence[bytes]) -> str | None:
    if old.origin != new.origin:
        return "it is of another record than the checkpoint that was kept"
    if old.size > new.size:
        return f"the checkpoint that was kept has {old.size} entries, this one {new.size}: the record was rolled back"
    if old == new:
        return None
    if not merkle.consistent(old.size, old.root, new.size, new.root, path):
        return f"the record does not begin with the {old.size} entries of the checkpoint that was kept"
    return None
