"""`checks.identity.device_joined_unmanaged`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.people import devices
from tenantry.capabilities import Device
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class DeviceJoinedUnmanaged(Check[Device]):
    """A device was joined or registered since the window began that nobody manages.

    Most are people's own. How it was registered, the log says (`checks.identity.device_without_second_factor`). ATT&CK T1098.005;
    https://attack.mitre.org/techniques/T1098/005/
    """

    name = "checks.identity.device_joined_unmanaged"
    title = "New device that nobody manages"
    severity = "low"
    attack = ("T1098.005",)
    remedy = "Ask its owner whether they know the device; disable it if not."
    collect = devices

    def evaluate(self, fact: Device, look: Look) -> Iterable[Finding]:
        managed = fact.raw.get("isManaged") is True or fact.raw.get("onPremisesSyncEnabled") is True
        if fact.enabled and not managed and look.new(fact.registered_at):
            yield self.finding(
                ("device", f"{fact.name} ({fact.id})"),
                f"{fact.name} ({fact.operating_system}) was registered and is not managed",
                at=fact.registered_at,
                trust=str(fact.raw.get("trustType")),
            )
