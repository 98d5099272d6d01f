"""`measures.linux.firewall_refuses`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class FirewallRefuses(HostMeasure):
    """What no rule lets in is refused, over IPv4 and IPv6 alike. nft(8)."""

    name = "measures.linux.firewall_refuses"
    parts = ("firewall",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        refusing = {one.family for one in host.firewall if one.refuses}
        lacking = [shown for family, shown in (("ip", "IPv4"), ("ip6", "IPv6")) if not refusing & {family, "inet"}]
        return [f"over {one} everything is let in that no rule forbids" for one in lacking]
