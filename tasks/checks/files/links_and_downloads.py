"""`checks.files.links_and_downloads`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class LinksAndDownloads(LogCheck):
    """Files were opened to everybody by links, or downloaded or deleted in bulk.

    ATT&CK T1567, T1530.
    """

    name = "checks.files.links_and_downloads"
    title = "Anonymous links and mass downloads"
    severity = "medium"
    attack = ("T1567", "T1530")
    remedy = "Look at what was shared or taken; remove the links, and ask the account's owner."
    collect = audit_log
    rules = (
        "m365_anonymous_link",
        "m365_many_anonymous_links",
        "m365_files_encrypted",
        "m365_malware_in_files",
        "m365_sharing_opened",
        "m365_mass_download",
        "m365_mass_delete",
    )
