"""`checks.host.ssh_sign_in_guessed`"""

from __future__ import annotations

from tasks.checks._collect.hosts import ssh_logs
from tenantry.sweep.check import LogCheck


class SshSignInGuessed(LogCheck):
    """Somebody got in over SSH after guessing, or as nobody should.

    ATT&CK T1110.001.
    """

    name = "checks.host.ssh_sign_in_guessed"
    title = "An SSH password was guessed"
    severity = "critical"
    attack = ("T1110.001",)
    remedy = "Lock the account, end its sessions, and run compromised_host for this host; allow keys only."
    collect = ssh_logs
    rules = (
        "linux_ssh_guessed",
        "linux_ssh_guessing",
        "linux_ssh_password_from_internet",
        "linux_ssh_root_password",
        "linux_ssh_root_password_from_internet",
        "linux_ssh_system_account",
    )
