"""`checks.host.bpf_pinned`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_KNOWN: Final = re.compile(
    r"(?:tc|xdp|ip|systemd|snap|cilium|calico|tetragon|hubble|falco|datadog|istio|kube|netd|libvirt|bpfman|ravel|pixie|inspektor|gadget|sysdig|aquasec"
    r"|crowdstrike|elastic|cgroup|init\.slice|system\.slice|user\.slice|machine\.slice|progs\.debug|maps\.debug)(?:$|[^a-zA-Z])"
)


class BpfPinned(Check[SurveyedHost]):
    """A program or map of eBPF stays in the kernel by a name that no known software uses.

    ATT&CK T1014, T1205.002; bpf(2). Networks of containers, systemd, snapd and monitors pin theirs by names of their own.
    """

    name = "checks.host.bpf_pinned"
    title = "eBPF is pinned by an unknown name"
    severity = "medium"
    attack = ("T1014", "T1205.002")
    remedy = "Look at what it does (bpftool prog, bpftool map) and who loaded it."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.have("pinned")
        for path in survey.pinned:
            name = path.removeprefix("/sys/fs/bpf/")
            if not _KNOWN.match(name):
                yield self.finding(("host", fact.name), f"{path} is pinned", event_ids=(path,))
