"""`checks.cloud_exposure.key_destruction_ordered`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class KeyDestructionOrdered(LogCheck):
    """An encryption key is to be destroyed, or foreign material was imported.

    ATT&CK T1485, T1486; https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
    """

    name = "checks.cloud_exposure.key_destruction_ordered"
    title = "Encryption key to be destroyed or replaced"
    severity = "high"
    attack = ("T1485", "T1486")
    remedy = "Cancel the deletion (cloud.keep_encryption_key), and see whose order it was."
    collect = cloud_events
    rules = ("aws_key_locked", "aws_key_destroyed", "aws_encrypted_with_foreign_key")
