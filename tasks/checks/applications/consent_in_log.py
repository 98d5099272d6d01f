"""`checks.applications.consent_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class ConsentInLog(LogCheck):
    """Somebody consented to an application that reads mail or files, acts for everybody, or borrows a name.

    ATT&CK T1528.
    """

    name = "checks.applications.consent_in_log"
    title = "Consent to an application"
    severity = "high"
    attack = ("T1528",)
    remedy = "Look who publishes the application; remove the consent, revoke the user's sessions, and see what it read."
    collect = directory_audits
    rules = (
        "m365_consent_to_mail_or_files",
        "m365_consent_for_everybody",
        "m365_application_lookalike",
        "m365_consent_opened",
    )
