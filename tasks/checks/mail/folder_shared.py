"""`checks.mail.folder_shared`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class FolderShared(LogCheck):
    """A folder or calendar was shared, with somebody or with everybody.

    ATT&CK T1098.002.
    """

    name = "checks.mail.folder_shared"
    title = "Folder or calendar shared"
    severity = "medium"
    attack = ("T1098.002",)
    remedy = "Look with whom; put folders that are open to everybody back."
    collect = audit_log
    rules = ("m365_folder_shared", "m365_folder_open_to_all")
