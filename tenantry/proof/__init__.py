"""What lets an outsider check the record without our code: Merkle trees, signed checkpoints, attestations, time stamps."""

from tenantry.proof.note import Checkpoint, SignedNote, fingerprint, open_note, parse_note, sign_checkpoint, vkey
from tenantry.proof.trust import TrustedKey, TrustStore

__all__ = [
    "Checkpoint",
    "SignedNote",
    "TrustStore",
    "TrustedKey",
    "fingerprint",
    "open_note",
    "parse_note",
    "sign_checkpoint",
    "vkey",
]
