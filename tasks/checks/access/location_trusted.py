"""`checks.access.location_trusted`"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from tasks.checks._collect.access import named_locations
from tenantry.capabilities import NamedLocation
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class LocationTrusted(Check[NamedLocation]):
    """A place outside the client's networks was made trusted since the window began.

    ATT&CK T1556.009; https://learn.microsoft.com/entra/identity/conditional-access/concept-assignment-network
    """

    name = "checks.access.location_trusted"
    title = "New trusted location"
    severity = "medium"
    attack = ("T1556.009",)
    remedy = "Take the trust away unless the addresses are the client's."
    collect = named_locations

    def evaluate(self, fact: NamedLocation, look: Look) -> Iterable[Finding]:
        if not fact.trusted or not look.new(fact.changed_at or fact.created_at):
            return
        own = [ipaddress.ip_network(one, strict=False) for one in look.known.networks]
        strange = []
        for text in fact.networks:
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise CannotCheck(f"{text!r} of the location {fact.name} is no network") from None
            if not any(network.version == one.version and network.subnet_of(one) for one in own):  # type: ignore[arg-type]  # of one version
                strange.append(text)
        if strange:
            yield self.finding(
                ("location", fact.name),
                f"{', '.join(strange[:10])} of {fact.name!r} are trusted",
                at=fact.changed_at or fact.created_at,
            )
