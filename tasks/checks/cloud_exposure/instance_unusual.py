"""`checks.cloud_exposure.instance_unusual`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import cloud_machines
from tenantry.capabilities import Machine
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_EXPENSIVE: Final = re.compile(
    r"^(?:p|g|gr|inf|trn|dl|vt|f|x)\d|^u-|^hpc|\.(?:metal|16xlarge|18xlarge|24xlarge|32xlarge|48xlarge)"
)
"""Accelerated or very large: as the detection ``aws_unusual_instances`` has it."""


class InstanceUnusual(Check[Machine]):
    """An instance of an expensive kind, or in a region where the client has nothing, was started in the window.

    ATT&CK T1496.001, T1535; https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html
    """

    name = "checks.cloud_exposure.instance_unusual"
    title = "Unusual instance"
    severity = "medium"
    attack = ("T1496.001", "T1535")
    remedy = "Ask who started it; isolate it, and look at whose credentials it has."
    collect = cloud_machines

    def evaluate(self, fact: Machine, look: Look) -> Iterable[Finding]:
        running = fact.state in ("pending", "running")
        expensive = _EXPENSIVE.search(fact.kind) is not None
        if running and look.new(fact.launched_at) and (expensive or not fact.usual_region):
            yield self.finding(
                ("instance", fact.id),
                f"{fact.name or fact.id} ({fact.kind}) was started in {fact.region}"
                + ("" if fact.usual_region else ", where the client has nothing"),
                at=fact.launched_at,
                severity="high" if expensive and not fact.usual_region else None,
                role=fact.role,
            )
