"""`checks.host.kernel_module_hidden`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_FOREIGN: Final = 1 << 1 | 1 << 12 | 1 << 13


class KernelModuleHidden(Check[SurveyedHost]):
    """A module of the kernel hides, or nobody knows where it came from.

    ATT&CK T1014, T1547.006; proc(5), Documentation/admin-guide/tainted-kernels.rst of the kernel: bit 1 forced, 12 out of the tree, 13 unsigned.
    """

    name = "checks.host.kernel_module_hidden"
    title = "A kernel module hides"
    severity = "critical"
    attack = ("T1014", "T1547.006")
    remedy = "Have the host's memory and disk looked at from outside: what its kernel says cannot be believed."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.have("kernel")
        foreign = survey.taint & _FOREIGN
        for module in survey.modules:
            if not module.listed:
                yield self._one(
                    fact.name,
                    f"the module {module.name} is loaded, and not among the modules that the kernel lists",
                    "critical",
                    module.name,
                )
            elif set(module.taints) & {"O", "E", "F"} and not module.on_disk:
                yield self._one(
                    fact.name,
                    f"the module {module.name} ({module.taints}) has no file among this kernel's modules",
                    "high",
                    module.name,
                )
        if foreign and not any(set(module.taints) & {"O", "E", "F", "P"} for module in survey.modules):
            # A module that was taken out again leaves the bit as well: it is worth a look, and proves nothing.
            yield self._one(
                fact.name,
                f"the kernel once loaded a foreign module (taint {survey.taint}), and none of those that it lists is one",
                "medium",
                "taint",
            )

    def _one(self, host: str, summary: str, severity: Severity, id: str) -> Finding:
        return self.finding(("host", host), summary, severity=severity, event_ids=(id,))
