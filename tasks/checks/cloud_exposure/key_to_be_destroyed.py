"""`checks.cloud_exposure.key_to_be_destroyed`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_keys
from tenantry.capabilities import EncryptionKey
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class KeyToBeDestroyed(Check[EncryptionKey]):
    """An encryption key is to be destroyed: with it goes whatever it encrypted.

    ATT&CK T1485, T1486; https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
    """

    name = "checks.cloud_exposure.key_to_be_destroyed"
    title = "Encryption key to be destroyed"
    severity = "high"
    attack = ("T1485", "T1486")
    remedy = "Cancel the deletion (cloud.keep_encryption_key), and see whose order it was."
    collect = cloud_keys

    def evaluate(self, fact: EncryptionKey, look: Look) -> Iterable[Finding]:
        if fact.state == "pending_deletion":
            yield self.finding(
                ("key", fact.id),
                f"in {fact.region}, to be destroyed" + (f" on {fact.deletion_at:%Y-%m-%d}" if fact.deletion_at else ""),
                deletion_at=fact.deletion_at.isoformat() if fact.deletion_at else None,
            )
