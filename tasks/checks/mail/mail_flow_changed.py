"""`checks.mail.mail_flow_changed`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class MailFlowChanged(LogCheck):
    """What everybody's mail passes through was changed: rules, connectors, remote domains, policies.

    ATT&CK T1114.003, T1562.001.
    """

    name = "checks.mail.mail_flow_changed"
    title = "Mail flow changed"
    severity = "critical"
    attack = ("T1114.003", "T1562.001")
    remedy = "Ask who ordered it; put it back and contain the administrator if nobody did."
    collect = audit_log
    rules = (
        "m365_transport_rule_sends_outside",
        "m365_journal_rule",
        "m365_transport_rule_lets_pass",
        "m365_connector_added",
        "m365_mail_addin_installed",
        "m365_teams_opened_outside",
        "m365_remote_domain_forwards",
        "m365_outbound_forwarding_allowed",
        "m365_mail_protection_off",
        "m365_mail_filter_opened",
        "m365_data_guard_removed",
        "m365_old_protocols_opened",
        "m365_basic_sign_in_allowed",
    )
