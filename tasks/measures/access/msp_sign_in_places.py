"""`measures.access.msp_sign_in_places`"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Identity
from tenantry.errors import TargetNotFound
from tenantry.sweep.check import Giver, Look
from tenantry.task import Permission

_DAYS: Final = timedelta(days=30)


@dataclass(slots=True)
class Places:
    """Where our accounts signed in from."""

    accounts: int = 0
    addresses: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(account, address) → how often."""
    gone: list[str] = field(default_factory=list)


class MspSignInPlaces(Measure[Places]):
    """For thirty days our accounts signed in from named addresses alone: the MSP's VPN, its offices.

    The vendor keeps sign-ins for 7 to 30 days. https://learn.microsoft.com/graph/api/signin-list
    """

    name = "measures.access.msp_sign_in_places"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("AuditLog.Read.All", "Directory.Read.All")),)

    async def collect(self, given: Giver) -> Places:
        identity: Identity = await given.capability("identity")
        found = Places()
        if not given.look.known.networks:
            return found  # nothing to compare with
        for name in sorted(given.look.known.accounts - given.look.known.emergency):
            try:
                account = await identity.account(name)
            except TargetNotFound:
                found.gone.append(name)
                continue
            found.accounts += 1
            async for one in identity.sign_ins(account.id, given.look.now - _DAYS, given.look.now):
                if one.success:
                    found.addresses[account.upn, one.ip] += 1
        return found

    def evaluate(self, facts: Places, look: Look) -> Verdict:
        if not look.known.networks:
            return Verdict("for_person", "the client's file names no address of ours: from where do we manage?")
        if not look.known.accounts - look.known.emergency:
            return Verdict("for_person", "the client's file names no account of ours whose sign-ins could be seen")
        networks = [ipaddress.ip_network(one) for one in look.known.networks]
        outside = sorted({f"{who} from {ip or 'nowhere'}" for who, ip in facts.addresses if not _inside(ip, networks)})
        total = facts.addresses.total()
        if outside:
            return Verdict("fail", f"{len(outside)} places are none of the named ones", tuple(outside), total)
        if facts.gone:
            return Verdict("unknown", "accounts of ours were not found in the directory", tuple(facts.gone), total)
        if not total:
            return Verdict("for_person", "none of our accounts signed in lately: from where will they?")
        return Verdict("pass", f"all {total} sign-ins of ours came from named addresses", (), total)


def _inside(ip: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in network for network in networks)
