"""`checks.mail.audit_switched_off`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class AuditSwitchedOff(LogCheck):
    """Auditing was switched off, for the tenant, a mailbox or an account.

    ATT&CK T1562.008.
    """

    name = "checks.mail.audit_switched_off"
    title = "Auditing switched off"
    severity = "critical"
    attack = ("T1562.008",)
    remedy = "Switch it on again, and contain whoever switched it off."
    collect = audit_log
    rules = ("m365_audit_log_off", "m365_mailbox_audit_off")
