"""`checks.cloud_activity.new_origin_then_sensitive`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class NewOriginThenSensitive(LogCheck):
    """A sensitive change from a network and a client that the account never used.

    ATT&CK T1078.004; https://attack.mitre.org/techniques/T1078/004/
    """

    name = "checks.cloud_activity.new_origin_then_sensitive"
    title = "Sensitive change from a new origin"
    severity = "high"
    attack = ("T1078.004",)
    remedy = "Ask the account's owner, by a way that the account does not reach."
    collect = cloud_events
    rules = ("new_origin_then_sensitive",)
