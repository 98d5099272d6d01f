"""Accounts: guests, what they prove themselves with, their devices, and what the vendor's own detection says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from tenantry.capabilities import AccountUse, AuthMethod, Device, Directory, Guest, Registration, RiskDetection
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = [
    "SETTLED",
    "AccountAtRisk",
    "account_uses",
    "accounts_at_risk",
    "devices",
    "guests",
    "registrations",
    "risk_detections",
]

SETTLED: Final = frozenset({"remediated", "dismissed", "confirmedSafe"})
"""States of a risk that somebody, or the account's owner, has dealt with."""
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class AccountAtRisk:
    """An account that something was detected about, and what it proves itself with."""

    account_id: str
    upn: str
    risks: Sequence[RiskDetection]
    """Those that are not settled."""
    methods: Sequence[AuthMethod]


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("User.Read.All",)),))
async def guests(given: Giver) -> AsyncIterator[Guest]:
    """Everybody who was invited."""
    directory: Directory = await given.capability("directory")
    async for found in directory.guests():
        yield found


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("User.Read.All", "AuditLog.Read.All")),))
async def account_uses(given: Giver) -> AsyncIterator[AccountUse]:
    """Everybody, with when they were there last."""
    directory: Directory = await given.capability("directory")
    async for found in directory.account_uses():
        yield found


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("AuditLog.Read.All",)),))
async def registrations(given: Giver) -> AsyncIterator[Registration]:
    """What everybody has registered."""
    directory: Directory = await given.capability("directory")
    async for found in directory.registrations():
        yield found


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("Device.Read.All",)),))
async def devices(given: Giver) -> AsyncIterator[Device]:
    """Every device."""
    directory: Directory = await given.capability("directory")
    async for found in directory.devices():
        yield found


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("IdentityRiskEvent.Read.All",)),))
async def risk_detections(given: Giver) -> AsyncIterator[RiskDetection]:
    """What was detected in the window."""
    directory: Directory = await given.capability("directory")
    async for found in directory.risks(given.look.since):
        yield found


@collector(
    "directory",
    permissions=(
        Permission(vendor="microsoft365", names=("IdentityRiskEvent.Read.All", "UserAuthenticationMethod.Read.All")),
    ),
)
async def accounts_at_risk(given: Giver) -> AsyncIterator[AccountAtRisk]:
    """Accounts that something was detected about in the window. They are few, so their risks are kept in memory."""
    directory: Directory = await given.capability("directory")
    found: dict[str, list[RiskDetection]] = {}
    async for risk in directory.risks(given.look.since):
        if risk.account_id and risk.state not in SETTLED:
            found.setdefault(risk.account_id, []).append(risk)
    ids = list(found)
    for at in range(0, len(ids), _AT_ONCE):
        part = ids[at : at + _AT_ONCE]
        for account, methods in zip(part, await directory.methods_of(part), strict=True):
            yield AccountAtRisk(account, found[account][0].upn, found[account], methods)
