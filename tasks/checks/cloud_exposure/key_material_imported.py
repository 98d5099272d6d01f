"""`checks.cloud_exposure.key_material_imported`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_keys
from tenantry.capabilities import EncryptionKey
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class KeyMaterialImported(Check[EncryptionKey]):
    """A key's material was brought along, and can be taken away in a moment: how data is held to ransom.

    ATT&CK T1486; https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html
    """

    name = "checks.cloud_exposure.key_material_imported"
    title = "Encryption key of somebody's own material"
    severity = "low"
    attack = ("T1486",)
    remedy = "Ask who imported the material; copy what is encrypted under another key."
    collect = cloud_keys

    def evaluate(self, fact: EncryptionKey, look: Look) -> Iterable[Finding]:
        if fact.imported and fact.state != "pending_deletion":
            yield self.finding(
                ("key", fact.id),
                f"in {fact.region}, of imported material"
                + (f" that ends on {fact.expires_at:%Y-%m-%d}" if fact.expires_at else ""),
                severity="high" if fact.expires_at else None,
            )
