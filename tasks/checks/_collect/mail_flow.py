"""What the organisation's mail passes through, and what of it is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tenantry.capabilities import AuditBypass, MailFlow, MailOrganization, MailProtections, RemoteDomain, TransportRule
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = [
    "MailRule",
    "OutboundDomain",
    "ProtectedMail",
    "audit_bypasses",
    "mail_organization",
    "mail_protections",
    "remote_domains",
    "transport_rules",
]

_EXCHANGE: Final = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp",)),)


@dataclass(frozen=True, slots=True)
class MailRule:
    """A rule for everybody's mail."""

    rule: TransportRule
    own: frozenset[str] = frozenset()
    """The organisation's own domains."""


@dataclass(frozen=True, slots=True)
class OutboundDomain:
    """A remote domain, and whether another policy keeps automatic forwards in all the same."""

    domain: RemoteDomain
    forwards_out: bool | None


@dataclass(frozen=True, slots=True)
class ProtectedMail:
    """What keeps mail from being misused, and the organisation's own domains."""

    protections: MailProtections
    domains: frozenset[str]


@collector("mail_flow", permissions=_EXCHANGE)
async def transport_rules(given: Giver) -> AsyncIterator[MailRule]:
    """Every mail flow rule."""
    flow: MailFlow = await given.capability("mail_flow")
    own: frozenset[str] | None = None
    async for rule in flow.transport_rules():
        own = await flow.domains() if own is None else own
        yield MailRule(rule, own)


@collector("mail_flow", permissions=_EXCHANGE)
async def remote_domains(given: Giver) -> AsyncIterator[OutboundDomain]:
    """Every remote domain."""
    flow: MailFlow = await given.capability("mail_flow")
    asked, forwards_out = False, None
    async for domain in flow.remote_domains():
        if not asked:
            asked, forwards_out = True, await flow.forwards_out()
        yield OutboundDomain(domain, forwards_out)


@collector("mail_flow", permissions=_EXCHANGE)
async def audit_bypasses(given: Giver) -> AsyncIterator[AuditBypass]:
    """Accounts that are not recorded."""
    flow: MailFlow = await given.capability("mail_flow")
    async for found in flow.audit_bypasses():
        yield found


@collector("mail_flow", permissions=_EXCHANGE)
async def mail_protections(given: Giver) -> AsyncIterator[ProtectedMail]:
    """What keeps mail from being misused: one fact."""
    flow: MailFlow = await given.capability("mail_flow")
    protections = await flow.protections()
    yield ProtectedMail(protections, await flow.domains())


@collector("mail_flow", permissions=_EXCHANGE)
async def mail_organization(given: Giver) -> AsyncIterator[MailOrganization]:
    """The organisation's settings: one fact."""
    flow: MailFlow = await given.capability("mail_flow")
    yield await flow.organization()
