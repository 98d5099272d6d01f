"""`checks.identity.guest_changed`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class GuestChanged(LogCheck):
    """A guest was made a member, or invited others.

    ATT&CK T1136.003.
    """

    name = "checks.identity.guest_changed"
    title = "Guest made member, odd invitation"
    severity = "medium"
    attack = ("T1136.003",)
    remedy = "Ask who ordered it; remove the accounts if nobody did."
    collect = directory_audits
    rules = ("m365_guest_made_member", "m365_source_anchor_changed", "m365_guest_invited_by_guest")
