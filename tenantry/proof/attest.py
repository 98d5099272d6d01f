"""Verifying one attestation by itself."""

from __future__ import annotations

from typing import Any

from tenantry.errors import InvalidInput, NotProven
from tenantry.proof.dsse import open_statement, read_statement
from tenantry.proof.trust import TrustStore
from tenantry.sanitization.model import KIND
from tenantry.sanitization.statement import check_said

__all__ = ["check_attestation"]


def check_attestation(content: bytes, trust: TrustStore | None) -> dict[str, Any]:
    """Check an envelope with the keys that the verifier brings.

    Returns:
        ``{ok, signer: established|not_established|wrong, key, epoch, why, predicateType, subject, predicate}``. What the
        statement says stands there only when the signature holds, and what it says of a deletion does not contradict itself.
    """
    report: dict[str, Any] = {
        "ok": False,
        "signer": "wrong",
        "key": None,
        "epoch": None,
        "why": None,
        "predicateType": None,
        "subject": [],
        "predicate": {},
    }
    try:
        said, keyid = read_statement(content)
        report["key"] = keyid
        if trust is None:
            return report | {
                "signer": "not_established",
                "why": f"signer not established: no key is known here, it names {keyid}",
            }
        candidates = [key for keys in trust.keys.values() for key in keys]
        said, public = open_statement(content, [key.public for key in candidates])
    except (NotProven, InvalidInput) as error:
        return report | {"why": error.message}
    known = trust.known(public)
    epoch = known.epoch if known else None
    claimed = said["predicate"].get("record", {}).get("keyEpoch")
    if epoch is not None and claimed is not None and claimed > epoch:
        return report | {"why": f"key {epoch} cannot have signed what rests on a checkpoint of key {claimed}"}
    if said["predicateType"] == KIND:
        contradiction = check_said(said)
        if contradiction is not None:
            return report | {"signer": "established", "epoch": epoch, "why": contradiction}
    return report | {
        "ok": True,
        "signer": "established",
        "epoch": epoch,
        "predicateType": said["predicateType"],
        "subject": said["subject"],
        "predicate": said["predicate"],
    }
