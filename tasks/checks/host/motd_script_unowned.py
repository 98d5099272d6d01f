"""`checks.host.motd_script_unowned`"""

from __future__ import annotations

from tasks.checks.host._placed import StartedCheck


class MotdScriptUnowned(StartedCheck):
    """A script that root runs at each sign-in belongs to no package.

    ATT&CK T1546; update-motd(5).
    """

    name = "checks.host.motd_script_unowned"
    title = "A script of update-motd.d belongs to no package"
    severity = "critical"
    attack = ("T1546",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("motd",)
    says = "run by root at each sign-in"
