"""``mail_flow`` for Microsoft 365: every mailbox, and what the organisation's mail passes through. Reads only.

Cmdlets are described under learn.microsoft.com/powershell/module/exchange/ (in lower case, as below). N: mailboxes, M: mailboxes that
have rules besides the service's own.

================ ================================== ============================================== =========================
method           permission                         page                                           requests
================ ================================== ============================================== =========================
mailboxes        Exchange.ManageAsApp + reader role get-mailbox, get-mailcontact                   N / 1000 (+ 1)
rules_of         the same + Exchange Administrator, get-inboxrule;                                 N / 10 batches of Exchange,
                 MailboxSettings.Read (Graph)       learn.microsoft.com/graph/api/                 M / 20 batches of Graph
                                                    mailfolder-list-messagerules
send_as          Exchange.ManageAsApp + reader role get-recipientpermission                        rights / 1000
audit_bypasses   the same                           get-mailboxauditbypassassociation              accounts / 1000
transport_rules, the same                           get-transportrule, get-remotedomain,           1 each
remote_domains,                                     get-accepteddomain
domains
organization,    the same                           get-adminauditlogconfig,                       2, 1
forwards_out                                        get-organizationconfig;
                                                    get-hostedoutboundspamfilterpolicy
================ ================================== ============================================== =========================

Known limits:
    - Exchange lists hidden rules among the others without saying so; Graph never lists one. So Graph is asked, but only of mailboxes
      that have a rule, and Exchange a second time only where Graph's answer does not fit.
    - An inbox rule has no date. A mailbox's is that of any change to it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Final

from integrations.microsoft365._inbox_rules import addresses, graph_number, inbox_rule, is_system, rule_id
from integrations.microsoft365._read import text, when
from integrations.microsoft365.exchange import BATCH_SIZE, Exchange
from integrations.microsoft365.gathering import BATCH_SIZE as GRAPH_BATCH
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.mail import granted, trustee
from integrations.microsoft365.shared_walk import PageLost, SharedWalk
from tenantry.capabilities import (
    AuditBypass,
    Forwarding,
    InboxRule,
    Mailbox,
    MailOrganization,
    MailProtections,
    RemoteDomain,
    SendAsRight,
    TransportRule,
)
from tenantry.errors import PermissionMissing, ProviderError, TargetNotFound, VendorFault

__all__ = ["Microsoft365MailFlow"]

_ALL: Final = {"ResultSize": "Unlimited"}
_MAILBOX: Final = (
    "ExternalDirectoryObjectId",
    "UserPrincipalName",
    "PrimarySmtpAddress",
    "RecipientTypeDetails",
    "ForwardingAddress",
    "ForwardingSmtpAddress",
    "DeliverToMailboxAndForward",
    "GrantSendOnBehalfTo",
    "AuditEnabled",
    "WhenChangedUTC",
)
_SENDS: Final = ("BlindCopyTo", "CopyTo", "AddToRecipients", "RedirectMessageTo")
_RULES: Final = "MailboxSettings.Read"
_MINUTE: Final = 60.0


class Microsoft365MailFlow:
    """Implements :class:`tenantry.capabilities.MailFlow`."""

    at_once = BATCH_SIZE * 10
    """So many that those of them which have rules fill a batch of Graph's."""

    def __init__(self, exchange: Exchange, graph: Graph) -> None:
        self._exchange = exchange
        self._graph = graph
        self._domains: tuple[float, frozenset[str]] | None = None
        self._asking = asyncio.Lock()
        self._mailboxes = SharedWalk(self._pages)

    async def domains(self) -> frozenset[str]:
        """The organisation's accepted domains; not asked again within a minute, because each reader of a sweep asks, and all at once."""
        async with self._asking:
            known = self._domains
            if known is not None and time.monotonic() - known[0] < _MINUTE:
                return known[1]
            rows = await self._exchange.read("Get-AcceptedDomain", _ALL)
            found = frozenset(text(row.get("DomainName")).lower() for row in rows if row.get("DomainName"))
            self._domains = time.monotonic(), found
            return found

    # --- mailboxes ----------------------------------------------------------------------------------------------------

    async def mailboxes(self) -> AsyncIterator[Mailbox]:
        """Every mailbox, a thousand to a page, each page asked for once for all who read at the same time. A list that breaks off is begun
        anew, once, and nobody is shown twice."""
        shown: set[int] = set()
        for last in (False, True):
            try:
                async for page in self._mailboxes.pages():
                    for mailbox in page:
                        key = hash(mailbox.id or mailbox.upn)
                        if key not in shown:
                            shown.add(key)
                            yield mailbox
            except PageLost:
                if last:
                    raise
            else:
                return

    async def _pages(self) -> AsyncGenerator[list[Mailbox], None]:
        contacts: dict[str, str] | None = None
        async for page in self._exchange.pages("Get-Mailbox", _ALL, select=_MAILBOX):
            if contacts is None:
                named = (text(row.get("ForwardingAddress")) for row in page)
                if any(name and "@" not in name for name in named):
                    contacts = await self._contacts()
            yield [_mailbox(row, contacts or {}) for row in page]

    async def _contacts(self) -> dict[str, str]:
        """People outside who stand in the address book: each of their names → their address."""
        found = {}
        for row in await self._exchange.read("Get-MailContact", _ALL):
            address = re.sub(r"^smtp:", "", text(row.get("ExternalEmailAddress")), flags=re.IGNORECASE).lower()
            for name in ("Identity", "Name", "Alias", "DisplayName", "DistinguishedName"):
                if row.get(name) and address:
                    found[text(row[name]).lower()] = address
        return found

    # --- rules --------------------------------------------------------------------------------------------------------

    async def rules_of(self, mailboxes: Sequence[Mailbox]) -> Sequence[Sequence[InboxRule] | ProviderError]:
        """The rules of each, hidden ones included, the service's own left out."""
        asked = [({"Mailbox": box.upn, "IncludeHidden": True, **_ALL}, box.upn) for box in mailboxes]
        answers = await self._exchange.read_together("Get-InboxRule", asked)
        own = [
            rows if isinstance(rows, ProviderError) else [row for row in rows if not is_system(row)] for rows in answers
        ]
        some = [at for at, rows in enumerate(own) if not isinstance(rows, ProviderError) and rows]
        seen = dict(zip(some, await self._shown([mailboxes[at] for at in some], [own[at] for at in some]), strict=True))
        found: list[Sequence[InboxRule] | ProviderError] = []
        for at, rows in enumerate(own):
            if isinstance(rows, ProviderError):
                found.append(rows)
                continue
            shown = seen.get(at, frozenset[str]())
            if isinstance(shown, ProviderError):
                found.append(shown)
            else:
                found.append([inbox_rule(row, hidden=rule_id(row) not in shown) for row in rows])
        return found

    async def _shown(
        self, mailboxes: Sequence[Mailbox], rules: Sequence[list[dict[str, Any]] | ProviderError]
    ) -> list[frozenset[str] | ProviderError]:
        """Numbers of the rules that are not hidden, for each mailbox."""
        found: list[frozenset[str] | ProviderError | None] = []
        for at in range(0, len(mailboxes), GRAPH_BATCH):
            found += await asyncio.gather(*(self._by_graph(box) for box in mailboxes[at : at + GRAPH_BATCH]))
        again = [at for at, numbers in enumerate(found) if not _fits(numbers, rules[at])]
        asked = [({"Mailbox": mailboxes[at].upn, **_ALL}, mailboxes[at].upn) for at in again]
        for at, rows in zip(again, await self._exchange.read_together("Get-InboxRule", asked), strict=True):
            found[at] = rows if isinstance(rows, ProviderError) else frozenset(rule_id(row) for row in rows)
        return [one for one in found if one is not None]

    async def _by_graph(self, mailbox: Mailbox) -> frozenset[str] | None:
        """As Graph lists them; None where it does not, or gives an id of another form."""
        path = f"/users/{segment(mailbox.id or mailbox.upn)}/mailFolders/inbox/messageRules"
        try:
            ids = [text(row.get("id")) async for row in self._graph.rows(path, needs=_RULES, short=True)]
        except (PermissionMissing, TargetNotFound, VendorFault):
            return None
        numbers = [graph_number(id) for id in ids]
        return None if None in numbers else frozenset(number for number in numbers if number is not None)

    # --- the organisation ---------------------------------------------------------------------------------------------

    async def send_as(self) -> AsyncIterator[SendAsRight]:
        """Who may send as whom."""
        async for page in self._exchange.pages("Get-RecipientPermission", _ALL):
            for row in page:
                if granted(row, "Trustee"):
                    yield SendAsRight(mailbox=text(row.get("Identity")), trustee=trustee(row.get("Trustee")), raw=row)

    async def transport_rules(self) -> AsyncIterator[TransportRule]:
        """Every mail flow rule."""
        for row in await self._exchange.read("Get-TransportRule", _ALL):
            yield TransportRule(
                id=text(row.get("Guid") or row.get("Identity")),
                name=text(row.get("Name")),
                enabled=text(row.get("State")) != "Disabled",
                recipients=tuple(dict.fromkeys(one for name in _SENDS for one in addresses(row.get(name)))),
                bypasses_filter=text(row.get("SetSCL")) == "-1",
                changed_at=when(row.get("WhenChanged")),
                raw=row,
            )

    async def remote_domains(self) -> AsyncIterator[RemoteDomain]:
        """Every remote domain."""
        for row in await self._exchange.read("Get-RemoteDomain", _ALL):
            yield RemoteDomain(
                name=text(row.get("Name") or row.get("Identity")),
                domain=text(row.get("DomainName")).lower(),
                auto_forward=row.get("AutoForwardEnabled") is True,
                raw=row,
            )

    async def audit_bypasses(self) -> AsyncIterator[AuditBypass]:
        """Accounts that are passed over."""
        async for page in self._exchange.pages("Get-MailboxAuditBypassAssociation", _ALL):
            for row in page:
                folded = {name.lower(): value for name, value in row.items()}
                if folded.get("auditbypassenabled") is True:
                    yield AuditBypass(
                        account=text(row.get("Name") or row.get("Identity")),
                        since=when(row.get("WhenChangedUTC")),
                        raw=row,
                    )

    async def organization(self) -> MailOrganization:
        """What is recorded."""
        log, organization = await asyncio.gather(
            self._exchange.read("Get-AdminAuditLogConfig", {}), self._exchange.read("Get-OrganizationConfig", {})
        )
        taken_in = _first(log, "UnifiedAuditLogIngestionEnabled")
        off = _first(organization, "AuditDisabled")
        return MailOrganization(
            audit_log=taken_in if isinstance(taken_in, bool) else None,
            mailbox_audit=not off if isinstance(off, bool) else None,
            raw={"audit_log": log, "organization": organization},
        )

    async def protections(self) -> MailProtections:
        """Of settings, sharing and filters. ``Anonymous`` in a sharing policy is whoever has the address, ``*`` every other organisation."""
        transport, sharing, marked, filters, signing = await asyncio.gather(
            self._exchange.read("Get-TransportConfig", {}),
            self._exchange.read("Get-SharingPolicy", {}),
            self._exchange.read("Get-ExternalInOutlook", {}),
            self._exchange.read("Get-HostedConnectionFilterPolicy", {}),
            self._exchange.read("Get-DkimSigningConfig", {}),
        )
        off, safe = (
            _first(transport, "SmtpClientAuthenticationDisabled"),
            [row.get("EnableSafeList") for row in filters],
        )
        shown = [one.get("Enabled") for one in marked]
        allowed = [text(one) for row in filters for one in row.get("IPAllowList") or ()]
        return MailProtections(
            basic_sending=not off if isinstance(off, bool) else None,
            contacts_shared=_shared(sharing, "ContactsSharing"),
            calendars_shared=_shared(sharing, "CalendarSharingFreeBusyDetail", "CalendarSharingFreeBusyReviewer"),
            outsiders_marked=all(shown) if shown and all(isinstance(one, bool) for one in shown) else None,
            let_in=tuple(sorted(set(allowed))) if filters else None,
            safe_list=any(safe) if safe and all(isinstance(one, bool) for one in safe) else None,
            signed={text(row.get("Domain")).lower(): row.get("Enabled") is True for row in signing},
            raw={"transport": transport, "sharing": sharing, "outside": marked, "filters": filters, "signing": signing},
        )

    async def forwards_out(self) -> bool | None:
        """Whether some outbound policy has automatic forwarding on; ``Automatic`` is off."""
        rows = await self._exchange.read("Get-HostedOutboundSpamFilterPolicy", {})
        modes = [text(row.get("AutoForwardingMode")) for row in rows]
        return any(mode == "On" for mode in modes) if modes else None


def _shared(policies: Sequence[Mapping[str, Any]], *what: str) -> tuple[str, ...]:
    """Names of the policies that share one of these with everybody, unless they say that they are not in force: ``DOMAIN:WHAT, WHAT …``."""
    found = []
    for policy in policies:
        for shown in policy.get("Domains") or () if policy.get("Enabled") is not False else ():
            domain, _, actions = text(shown).partition(":")
            if domain.strip() in ("*", "Anonymous") and {one.strip() for one in actions.split(",")} & set(what):
                found.append(text(policy.get("Name")))
    return tuple(sorted(set(found)))


def _first(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    return rows[0].get(name) if rows else None


def _fits(shown: frozenset[str] | ProviderError | None, rules: list[dict[str, Any]] | ProviderError) -> bool:
    """Whether Graph shows rules that Exchange knows, and no others besides the service's."""
    if shown is None or isinstance(shown, ProviderError) or isinstance(rules, ProviderError):
        return False
    return shown <= {rule_id(row) for row in rules}


def _mailbox(row: dict[str, Any], contacts: Mapping[str, str]) -> Mailbox:
    forwards = text(row.get("ForwardingAddress"))
    behalf = row.get("GrantSendOnBehalfTo")
    return Mailbox(
        id=text(row.get("ExternalDirectoryObjectId")),
        address=text(row.get("PrimarySmtpAddress")).lower(),
        upn=text(row.get("UserPrincipalName")),
        kind=text(row.get("RecipientTypeDetails")),
        forwarding=Forwarding(
            address=contacts.get(forwards.lower(), forwards) or None,
            smtp_address=re.sub(r"^smtp:", "", text(row.get("ForwardingSmtpAddress")), flags=re.IGNORECASE) or None,
            keep_copy=row.get("DeliverToMailboxAndForward") is True,
        ),
        send_on_behalf=tuple(text(one).lower() for one in behalf) if isinstance(behalf, list) else (),
        changed_at=when(row.get("WhenChangedUTC")),
        raw=row,
    )
