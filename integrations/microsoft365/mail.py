"""``mail`` for Microsoft 365: Exchange Online's cmdlets, and Microsoft Graph for messages.

Cmdlets are described under learn.microsoft.com/powershell/module/exchange/ (in lower case, as below).

================ ============================================ ==========================================================
method           permission                                   page
================ ============================================ ==========================================================
rules            Exchange.ManageAsApp + Exchange role         get-inboxrule
set_rule_enabled the same                                     enable-inboxrule, disable-inboxrule
remove_rule      the same                                     remove-inboxrule
forwarding       the same                                     get-mailbox
set_forwarding   the same                                     set-mailbox
delegates        the same                                     get-mailboxpermission, get-recipientpermission,
                                                              get-mailboxfolderpermission
remove_delegate, the same                                     remove-…, add-… of the same
add_delegate
appearance       the same                                     get-mailbox, get-mailboxstatistics
set_hidden,      the same                                     set-mailbox
set_shared
automatic_reply  the same                                     get-mailboxautoreplyconfiguration, set-… of the same
meetings,        Calendars.ReadWrite (Graph)                  learn.microsoft.com/graph/api/user-list-events, event-cancel,
leave_meeting                                                 event-decline
mobile_devices   the same                                     get-mobiledevice
sent             Mail.ReadBasic.All (Graph), and Exchange     learn.microsoft.com/graph/api/user-list-messages,
                 as above                                     get-messagetracev2
================ ============================================ ==========================================================

Known limits:
    - Any change to a rule through Exchange deletes rules that live only in Outlook on somebody's computer.
    - Folder rights are read for inbox and calendar, where delegates are made; other folders are not asked. In a mailbox of
      another language they are found by their kind (get-mailboxfolderstatistics).
    - ``sent`` merges Sent Items with the message trace, because an intruder empties Sent Items; the trace goes 90 days
      back and has no entry for mail that never left the mailbox's server.
    - A series is cancelled as a whole, past meetings of it too, as the vendor's own cmdlet does it (remove-calendarevents).
    - What an automatic reply says comes back as HTML; two that say the same are told apart by their tags alone.
    - ``Delegate Rule -<n>`` (made by Outlook for calendar delegates) is listed and cannot be disabled: Rejected.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from integrations.microsoft365._inbox_rules import inbox_rule, is_system, rule_id
from integrations.microsoft365._read import at, odata_time, text, when
from integrations.microsoft365.exchange import Exchange
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import build
from tenantry.capabilities import (
    Appearance,
    AutomaticReply,
    Delegate,
    Forwarding,
    InboxRule,
    Meeting,
    MobileDevice,
    SentMessage,
)
from tenantry.errors import TargetNotFound, VendorFault
from tenantry.task import utc

__all__ = ["Microsoft365Mail", "granted", "trustee"]

_SELF: Final = frozenset({"nt authority\\self", "default", "anonymous"})
_FOLDERS: Final = ("Inbox", "Calendar")
_ALL: Final = {"ResultSize": "Unlimited"}
"""Without it a list may be a page of one, with a warning and a next link."""

_TRACE_REACH: Final = timedelta(days=90) - timedelta(minutes=1)
_TRACE_SPAN: Final = timedelta(days=10)
_TRACE_ROWS: Final = 5000
"""Limits of get-messagetracev2: how far back, how long one query's span, how many rows."""

_CALENDAR: Final = "Calendars.ReadWrite"
_EVENT: Final = (
    "id,subject,start,end,type,recurrence,attendees,organizer,isOrganizer,isCancelled,responseStatus,seriesMasterId"
)
_KINDS: Final[Mapping[str, Literal["regular", "shared"]]] = {"UserMailbox": "regular", "SharedMailbox": "shared"}
_STATES: Final = {"Disabled": "off", "Enabled": "on", "Scheduled": "scheduled"}
_AUDIENCES: Final = {"None": "none", "Known": "known", "All": "all"}
_BYTES: Final = re.compile(r"\(([\d,.\s]+) bytes\)")
"""Sizes are text: ``1.2 GB (1,288,490,188 bytes)``."""

_MESSAGE: Final = "id,subject,toRecipients,ccRecipients,bccRecipients,sentDateTime,internetMessageId"


class Microsoft365Mail:
    """Implements :class:`tenantry.capabilities.Mail`."""

    def __init__(self, exchange: Exchange, graph: Graph) -> None:
        self._exchange = exchange
        self._graph = graph

    # --- rules --------------------------------------------------------------------------------------------------------

    async def rules(self, mailbox: str) -> Sequence[InboxRule]:
        """All rules. Hidden are those that only the listing with hidden rules has.

        The service's own rules are left out, unless one of that name sends mail on or deletes it: theirs never do, and a
        name is easily borrowed.
        """
        everything, visible = await asyncio.gather(
            self._exchange.read("Get-InboxRule", {"Mailbox": mailbox, "IncludeHidden": True, **_ALL}, mailbox=mailbox),
            self._exchange.read("Get-InboxRule", {"Mailbox": mailbox, **_ALL}, mailbox=mailbox),
        )
        shown = {rule_id(row) for row in visible}
        rows = {rule_id(row): row for row in [*everything, *visible]}
        return [inbox_rule(row, hidden=key not in shown) for key, row in rows.items() if not is_system(row)]

    async def set_rule_enabled(self, mailbox: str, rule_id: str, enabled: bool) -> None:
        """Raises TargetNotFound."""
        await self._exchange.write(
            "Enable-InboxRule" if enabled else "Disable-InboxRule", _rule_parameters(mailbox, rule_id), mailbox=mailbox
        )

    async def remove_rule(self, mailbox: str, rule_id: str) -> None:
        """Absent counts as removed."""
        await self._remove("Remove-InboxRule", _rule_parameters(mailbox, rule_id), mailbox)

    # --- forwarding ---------------------------------------------------------------------------------------------------

    async def forwarding(self, mailbox: str) -> Forwarding:
        """Forwarding of the mailbox itself."""
        row = await self._mailbox(mailbox)
        if "ForwardingSmtpAddress" not in row or "ForwardingAddress" not in row:
            raise VendorFault("Exchange did not tell the mailbox's forwarding", vendor="microsoft365")
        return Forwarding(
            address=text(row["ForwardingAddress"]) or None,
            smtp_address=re.sub(r"^smtp:", "", text(row["ForwardingSmtpAddress"]), flags=re.IGNORECASE) or None,
            keep_copy=row.get("DeliverToMailboxAndForward") is True,
        )

    async def set_forwarding(self, mailbox: str, forwarding: Forwarding) -> None:
        """Set all three values at once."""
        parameters = {
            "Identity": mailbox,
            "ForwardingAddress": forwarding.address,
            "ForwardingSmtpAddress": forwarding.smtp_address,
            "DeliverToMailboxAndForward": forwarding.keep_copy,
        }
        await self._exchange.write("Set-Mailbox", parameters, mailbox=mailbox)

    # --- delegates ----------------------------------------------------------------------------------------------------

    async def delegates(self, mailbox: str) -> Sequence[Delegate]:
        """Rights on the mailbox, on sending in its name, and on the folders that matter."""
        whole, sending, *folders = await asyncio.gather(
            self._exchange.read("Get-MailboxPermission", {"Identity": mailbox, **_ALL}, mailbox=mailbox),
            self._exchange.read("Get-RecipientPermission", {"Identity": mailbox, **_ALL}, mailbox=mailbox),
            *(self._folder_rights(mailbox, folder) for folder in _FOLDERS),
        )
        found = [
            Delegate(kind="full_access", trustee=trustee(row.get("User")), rights=_rights(row), raw=row)
            for row in whole
            if granted(row, "User")
        ]
        found += [
            Delegate(kind="send_as", trustee=trustee(row.get("Trustee")), rights=_rights(row), raw=row)
            for row in sending
            if granted(row, "Trustee")
        ]
        for folder, rows in folders:
            found += [
                Delegate(kind="folder", trustee=trustee(row.get("User")), rights=_rights(row), folder=folder, raw=row)
                for row in rows
                if granted(row, "User") and _rights(row) != ("None",)
            ]
        return found

    async def remove_delegate(self, mailbox: str, delegate: Delegate) -> None:
        """Absent counts as removed."""
        if delegate.kind == "full_access":
            await self._remove(
                "Remove-MailboxPermission",
                {
                    "Identity": mailbox,
                    "User": delegate.trustee,
                    "AccessRights": list(delegate.rights),
                    "InheritanceType": "All",
                    "Confirm": False,
                },
                mailbox,
            )
        elif delegate.kind == "send_as":
            await self._remove(
                "Remove-RecipientPermission",
                {
                    "Identity": mailbox,
                    "Trustee": delegate.trustee,
                    "AccessRights": list(delegate.rights),
                    "Confirm": False,
                },
                mailbox,
            )
        else:
            await self._remove(
                "Remove-MailboxFolderPermission",
                {"Identity": _folder_identity(mailbox, delegate.folder), "User": delegate.trustee, "Confirm": False},
                mailbox,
            )

    async def add_delegate(self, mailbox: str, delegate: Delegate) -> None:
        """Give the same rights again."""
        rights = list(delegate.rights)
        if delegate.kind == "full_access":
            parameters: dict[str, Any] = {
                "Identity": mailbox,
                "User": delegate.trustee,
                "AccessRights": rights,
                "InheritanceType": "All",
                "AutoMapping": False,
                "Confirm": False,
            }
            await self._exchange.write("Add-MailboxPermission", parameters, mailbox=mailbox)
        elif delegate.kind == "send_as":
            parameters = {"Identity": mailbox, "Trustee": delegate.trustee, "AccessRights": rights, "Confirm": False}
            await self._exchange.write("Add-RecipientPermission", parameters, mailbox=mailbox)
        else:
            parameters = {
                "Identity": _folder_identity(mailbox, delegate.folder),
                "User": delegate.trustee,
                "AccessRights": rights,
                "Confirm": False,
            }
            await self._exchange.write("Add-MailboxFolderPermission", parameters, mailbox=mailbox)

    # --- what others see of it ----------------------------------------------------------------------------------------

    async def appearance(self, mailbox: str) -> Appearance:
        """Address, kind, visibility and size."""
        row, statistics = await asyncio.gather(
            self._mailbox(mailbox),
            self._exchange.read("Get-MailboxStatistics", {"Identity": mailbox}, mailbox=mailbox),
        )
        if not isinstance(row.get("HiddenFromAddressListsEnabled"), bool) or "RecipientTypeDetails" not in row:
            raise VendorFault("Exchange did not tell what others see of the mailbox", vendor="microsoft365")
        size = _BYTES.search(text(statistics[0].get("TotalItemSize"))) if len(statistics) == 1 else None
        return Appearance(
            address=text(row.get("PrimarySmtpAddress")).lower(),
            kind=_KINDS.get(text(row["RecipientTypeDetails"]), "other"),
            hidden=row["HiddenFromAddressListsEnabled"],
            synced=row.get("IsDirSynced") is True,
            size=int(re.sub(r"\D", "", size[1])) if size else None,
            raw={"mailbox": row, "statistics": statistics},
        )

    async def set_hidden(self, mailbox: str, hidden: bool) -> None:
        """Raises Rejected for a mailbox whose attributes are written on premises."""
        parameters = {"Identity": mailbox, "HiddenFromAddressListsEnabled": hidden}
        await self._exchange.write("Set-Mailbox", parameters, mailbox=mailbox)

    async def set_shared(self, mailbox: str, shared: bool) -> None:
        """The account stays, and can sign in unless that is blocked."""
        parameters = {"Identity": mailbox, "Type": "Shared" if shared else "Regular"}
        await self._exchange.write("Set-Mailbox", parameters, mailbox=mailbox)

    async def automatic_reply(self, mailbox: str) -> AutomaticReply:
        """As Outlook shows it."""
        rows = await self._exchange.read("Get-MailboxAutoReplyConfiguration", {"Identity": mailbox}, mailbox=mailbox)
        state = _STATES.get(text(rows[0].get("AutoReplyState"))) if len(rows) == 1 else None
        audience = _AUDIENCES.get(text(rows[0].get("ExternalAudience"))) if len(rows) == 1 else None
        if state is None or audience is None:
            raise VendorFault("Exchange did not tell the mailbox's automatic reply", vendor="microsoft365")
        scheduled = state == "scheduled"
        return AutomaticReply.model_validate(
            {
                "state": state,
                "inside": text(rows[0].get("InternalMessage")),
                "outside": text(rows[0].get("ExternalMessage")),
                "audience": audience,
                "since": when(rows[0].get("StartTime")) if scheduled else None,
                "until": when(rows[0].get("EndTime")) if scheduled else None,
            }
        )

    async def set_automatic_reply(self, mailbox: str, reply: AutomaticReply) -> None:
        """All of it at once."""
        parameters: dict[str, Any] = {
            "Identity": mailbox,
            "AutoReplyState": next(name for name, ours in _STATES.items() if ours == reply.state),
            "InternalMessage": reply.inside,
            "ExternalMessage": reply.outside,
            "ExternalAudience": next(name for name, ours in _AUDIENCES.items() if ours == reply.audience),
        }
        if reply.since is not None and reply.until is not None:
            parameters |= {"StartTime": odata_time(reply.since), "EndTime": odata_time(reply.until)}
        await self._exchange.write("Set-MailboxAutoReplyConfiguration", parameters, mailbox=mailbox)

    # --- meetings -----------------------------------------------------------------------------------------------------

    async def meetings(self, mailbox: str, since: datetime) -> Sequence[Meeting]:
        """Of the default calendar. Series are listed by their first meeting, however long ago it was, so all of the calendar's rows are read."""
        found = []
        path = f"/users/{segment(mailbox)}/events"
        for row in await self._graph.whole(path, params={"$select": _EVENT, "$top": "250"}, needs=_CALENDAR):
            if row.get("isCancelled") is True or not row.get("attendees") or row.get("seriesMasterId"):
                continue
            meeting = _meeting(row)
            if meeting.until is None or meeting.until >= utc(since):
                found.append(meeting)
        return found

    async def leave_meeting(self, mailbox: str, meeting: Meeting, comment: str) -> None:
        """Absent counts as left."""

        def make(sdk: Any) -> Any:
            event = sdk.user(mailbox).events.by_event_id(meeting.id)
            if meeting.organized:
                body = sdk.plain(
                    "users.item.events.item.cancel.cancel_post_request_body", "CancelPostRequestBody", comment=comment
                )
                return event.cancel.to_post_request_information(body)
            body = sdk.plain(
                "users.item.events.item.decline.decline_post_request_body",
                "DeclinePostRequestBody",
                comment=comment,
                send_response=True,
            )
            return event.decline.to_post_request_information(body)

        try:
            await self._graph.send(await build(f"{self._graph.base_url}/v1.0", make), needs=_CALENDAR)
        except TargetNotFound:
            return

    # --- phones and messages ------------------------------------------------------------------------------------------

    async def mobile_devices(self, mailbox: str) -> Sequence[MobileDevice]:
        """Phones that synchronise the mailbox."""
        rows = await self._exchange.read("Get-MobileDevice", {"Mailbox": mailbox, **_ALL}, mailbox=mailbox)
        return [
            MobileDevice(
                id=text(row.get("Guid") or row.get("Identity")),
                name=text(row.get("FriendlyName") or row.get("DeviceModel") or row.get("DeviceId")),
                first_sync=when(row.get("FirstSyncTime") or row.get("WhenCreatedUTC")),
                raw=row,
            )
            for row in rows
        ]

    async def sent(self, mailbox: str, since: datetime, until: datetime) -> AsyncIterator[SentMessage]:
        """What was sent, newest first: Sent Items, and what only the message trace still knows (its ``id`` is the
        trace's, its ``raw`` the trace's rows). Holds the span's messages of this one mailbox in memory."""
        found: dict[str, SentMessage] = {}
        params = {
            "$filter": f"sentDateTime ge {odata_time(since)} and sentDateTime le {odata_time(until)}",
            "$orderby": "sentDateTime desc",
            "$select": _MESSAGE,
            "$top": "250",
        }
        path = f"/users/{segment(mailbox)}/mailFolders/sentitems/messages"
        async for row in self._graph.rows(path, params=params, needs="Mail.ReadBasic.All"):
            message = _message(row)
            found[message.internet_message_id or message.id] = message
        traces: dict[str, list[dict[str, Any]]] = {}
        async for row in self._traces(mailbox, since, until):
            key = text(row.get("MessageId") or row.get("MessageTraceId"))
            if key not in found:
                traces.setdefault(key, []).append(row)
        everything = [*found.values(), *(_traced(key, rows) for key, rows in traces.items())]
        for message in sorted(everything, key=lambda one: one.at, reverse=True):
            yield message

    async def _traces(self, mailbox: str, since: datetime, until: datetime) -> AsyncIterator[dict[str, Any]]:
        """The message trace's rows, one for each recipient, newest first; from all addresses of the mailbox."""
        senders = _smtp_addresses(await self._mailbox(mailbox))
        now = datetime.now(UTC)
        end = min(utc(until), now)
        begin = max(utc(since), now - _TRACE_REACH)
        after: str | None = None
        while begin < end:
            start = max(begin, end - _TRACE_SPAN)
            parameters: dict[str, Any] = {
                "StartDate": odata_time(start),
                "EndDate": odata_time(end),
                "SenderAddress": senders,
                "ResultSize": _TRACE_ROWS,
            }
            if after is not None:
                parameters["StartingRecipientAddress"] = after
            rows = await self._exchange.read("Get-MessageTraceV2", parameters, mailbox=mailbox)
            for row in rows:
                yield row
            last = rows[-1] if len(rows) >= _TRACE_ROWS else {}
            at_last = when(last.get("Received"))
            if at_last is not None and (at_last, last.get("RecipientAddress")) != (end, after):
                end, after = at_last, text(last.get("RecipientAddress"))
            else:
                end, after = start, None

    async def probe(self) -> None:
        """Run a cmdlet that changes nothing and is about no mailbox: raises PermissionMissing without the Exchange role."""
        await self._exchange.read("Get-OrganizationConfig", {})

    # --- helpers ------------------------------------------------------------------------------------------------------

    async def _mailbox(self, mailbox: str) -> dict[str, Any]:
        rows = await self._exchange.read("Get-Mailbox", {"Identity": mailbox}, mailbox=mailbox)
        if not rows:
            raise TargetNotFound(f"no mailbox {mailbox}", vendor="microsoft365")
        if len(rows) > 1:  # some cmdlets answer an identity that they do not know with everything
            raise VendorFault("Exchange answered with other mailboxes than the one asked for", vendor="microsoft365")
        return rows[0]

    async def _remove(self, cmdlet: str, parameters: Mapping[str, Any], mailbox: str) -> None:
        try:
            await self._exchange.write(cmdlet, parameters, mailbox=mailbox)
        except TargetNotFound:
            return

    async def _folder_rights(self, mailbox: str, folder: str) -> tuple[str, list[dict[str, Any]]]:
        """The folder's name in this mailbox, and the rights on it."""
        name = folder
        try:
            return name, await self._rights_on(mailbox, name)
        except TargetNotFound:
            pass  # a mailbox of another language has another name for it
        kind = {"Identity": mailbox, "FolderScope": folder}
        for row in await self._exchange.read("Get-MailboxFolderStatistics", kind, mailbox=mailbox):
            if row.get("FolderType") == folder:
                name = text(row.get("FolderPath")).strip("/").replace("/", "\\")
                return name, await self._rights_on(mailbox, name)
        return name, []

    async def _rights_on(self, mailbox: str, folder: str) -> list[dict[str, Any]]:
        identity = _folder_identity(mailbox, folder)
        return await self._exchange.read("Get-MailboxFolderPermission", {"Identity": identity}, mailbox=mailbox)


def _folder_identity(mailbox: str, folder: str | None) -> str:
    return f"{mailbox}:\\{folder or ''}"


def _rule_parameters(mailbox: str, rule_id: str) -> dict[str, Any]:
    return {
        "Identity": rule_id,
        "Mailbox": mailbox,
        "Force": True,
        "AlwaysDeleteOutlookRulesBlob": True,
        "Confirm": False,
    }


def granted(row: dict[str, Any], name: str) -> bool:
    """Explicitly given to somebody else, and not a denial."""
    if row.get("IsInherited") is True or row.get("Deny") is True or row.get("AccessControlType") == "Deny":
        return False
    who = trustee(row.get(name))
    return bool(who) and who not in _SELF


def trustee(value: Any) -> str:
    """Who has a right, lower case."""
    if isinstance(value, dict):  # folder permissions name the person in parts
        value = value.get("UserPrincipalName") or value.get("PrimarySmtpAddress") or value.get("DisplayName")
    return text(value).lower()


def _rights(row: dict[str, Any]) -> tuple[str, ...]:
    value = row.get("AccessRights")
    entries = value if isinstance(value, list) else text(value).split(",")
    return tuple(text(entry).strip() for entry in entries if text(entry).strip())


def _meeting(row: dict[str, Any]) -> Meeting:
    """An event or the first of a series. Times are UTC: that is what Graph gives unless it is asked for another zone."""
    starts, ends = (_moment(row.get(name)) for name in ("start", "end"))
    if starts is None or ends is None:
        raise VendorFault("Graph did not tell when a meeting is", vendor="microsoft365")
    series = row.get("type") == "seriesMaster"
    within = (row.get("recurrence") or {}).get("range") or {}
    if series:
        # A number of meetings may end on any day: such a series counts as one without end.
        last = when(within.get("endDate")) if within.get("type") == "endDate" else None
        ends = None if last is None else last + timedelta(days=1)
    return Meeting(
        id=text(row.get("id")),
        subject=text(row.get("subject")),
        starts_at=starts,
        until=ends,
        series=series,
        organizer=_email(row.get("organizer")),
        organized=row.get("isOrganizer") is True,
        declined=(row.get("responseStatus") or {}).get("response") == "declined",
        attendees=tuple(_email(one) for one in row["attendees"]),
        raw=row,
    )


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, dict) or value.get("timeZone") != "UTC":
        return None
    return when(value.get("dateTime"))


def _email(value: Any) -> str:
    return text(((value or {}).get("emailAddress") or {}).get("address")).lower()


def _smtp_addresses(row: dict[str, Any]) -> list[str]:
    """Every address that the mailbox sends from, lower case."""
    listed = row.get("EmailAddresses")
    found = [text(row.get("PrimarySmtpAddress"))]
    for entry in listed if isinstance(listed, list) else []:
        kind, mark, value = text(entry).partition(":")
        if mark and kind.lower() == "smtp":
            found.append(value)
    return list(dict.fromkeys(one.lower() for one in found if one))


def _traced(key: str, rows: list[dict[str, Any]]) -> SentMessage:
    people = dict.fromkeys(text(row.get("RecipientAddress")).lower() for row in rows)
    return SentMessage.model_construct(
        id=text(rows[0].get("MessageTraceId")),
        at=min(at(row.get("Received")) for row in rows),
        subject=text(rows[0].get("Subject")),
        recipients=tuple(person for person in people if person),
        internet_message_id=key,
        raw={"trace": rows},
    )


def _message(row: dict[str, Any]) -> SentMessage:
    people = [
        text((entry.get("emailAddress") or {}).get("address")).lower()
        for name in ("toRecipients", "ccRecipients", "bccRecipients")
        for entry in row.get(name) or ()
    ]
    return SentMessage.model_construct(
        id=text(row.get("id")),
        at=at(row.get("sentDateTime")),
        subject=text(row.get("subject")),
        recipients=tuple(dict.fromkeys(person for person in people if person)),
        internet_message_id=text(row.get("internetMessageId")),
        raw=row,
    )
