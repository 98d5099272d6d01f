"""`checks.identity.recovery_keys_read`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class RecoveryKeysRead(LogCheck):
    """Recovery keys or local passwords of many devices were read.

    ATT&CK T1555.
    """

    name = "checks.identity.recovery_keys_read"
    title = "Recovery keys read"
    severity = "medium"
    attack = ("T1555",)
    remedy = "Ask who needed them; rotate them."
    collect = directory_audits
    rules = ("m365_recovery_keys_read",)
