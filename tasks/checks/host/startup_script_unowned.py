"""`checks.host.startup_script_unowned`"""

from __future__ import annotations

from tasks.checks.host._placed import StartedCheck


class StartupScriptUnowned(StartedCheck):
    """A script that is started with the host belongs to no package: rc.local, init.d.

    ATT&CK T1037.004.
    """

    name = "checks.host.startup_script_unowned"
    title = "A start script belongs to no package"
    severity = "critical"
    attack = ("T1037.004",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("startup",)
    says = "started with the host"
