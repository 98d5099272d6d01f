"""`checks.mail.vendor_alert_raised`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class VendorAlertRaised(LogCheck):
    """An alert policy of the tenant's own fired.

    ATT&CK T1078.004; https://learn.microsoft.com/defender-xdr/alert-policies
    """

    name = "checks.mail.vendor_alert_raised"
    title = "Microsoft raised an alert"
    severity = "medium"
    attack = ("T1078.004",)
    remedy = "Open the alert in the portal; what it names stands in the event."
    collect = audit_log
    rules = ("m365_vendor_alert",)
