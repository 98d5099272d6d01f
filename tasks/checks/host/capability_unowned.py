"""`checks.host.capability_unowned`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import base, hidden_place
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_AT_ONCE: Final = ("cap_setuid", "cap_setgid", "cap_sys_admin", "cap_sys_module", "cap_dac_override", "all")
_ROOT: Final = (
    *_AT_ONCE[:-1],
    "cap_dac_read_search",
    "cap_sys_ptrace",
    "cap_sys_rawio",
    "cap_chown",
    "cap_fowner",
    "cap_setfcap",
    "cap_bpf",
)
_BY_DESIGN: Final = frozenset(
    {"newuidmap", "newgidmap", "snap-confine", "gnome-keyring-daemon", "gst-ptp-helper", "sssd_pam", "ldap_child", "krb5_child", "selinux_child", "proxy_child", "kwin_wayland", "sunshine", "gamescope", "polkit-agent-helper-1", "dumpcap", "Xorg", "postdrop", "i3status"}
)  # fmt: skip


class CapabilityUnowned(Check[SurveyedHost]):
    """A program has capabilities that make it root, or has any and belongs to no package.

    ATT&CK T1548, T1068; capabilities(7).
    """

    name = "checks.host.capability_unowned"
    title = "A program has capabilities that it should not"
    severity = "high"
    attack = ("T1548",)
    remedy = "Look at what it is and who put it there; if nobody did, run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("owners")
        for file in survey.privileged:
            if file.kind != "capabilities":
                continue
            owner = survey.owner(file.path)
            strong = sorted(one for one in _ROOT if one in file.capabilities) or (
                ["all"] if file.capabilities.startswith("all") else []
            )
            if owner is not None and (not strong or base(file.path) in _BY_DESIGN):
                continue
            if owner is None and not strong:
                severity: Severity = "medium" if look.new(file.changed_at) or hidden_place(file.path) else "low"
            else:
                severity = "critical" if hidden_place(file.path) or any(one in _AT_ONCE for one in strong) else "high"
            whose = f"of the package {owner}" if owner else "of no package"
            yield self.finding(
                ("host", fact.name),
                f"{file.path}, {whose}, has {file.capabilities}",
                severity=severity,
                event_ids=(file.path,),
                path=file.path,
            )
        fact.have("capabilities")
