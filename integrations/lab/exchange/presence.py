"""Cmdlets about what a mailbox is to others: how large it is, and what it answers by itself.

Sources: ExchangePowerShell reference, get-mailboxstatistics, get-mailboxautoreplyconfiguration, set-mailboxautoreplyconfiguration.
"""

from __future__ import annotations

from typing import Any

from integrations.lab.clock import parse_iso
from integrations.lab.exchange.cmdlets import cmdlets
from integrations.lab.exchange.command import Command, Row, invalid
from integrations.lab.mailbox import Mailbox

_STATES = ("Disabled", "Enabled", "Scheduled")
_AUDIENCES = ("None", "Known", "All")
_TIMES = ("StartTime", "EndTime")


@cmdlets.add("Get-MailboxStatistics", {"Identity": str}, required="Identity")
def get_statistics(command: Command) -> list[Row]:
    """Sizes as text, as the module prints them."""
    box = command.mailbox()
    return [
        {
            "DisplayName": command.tenant.directory.peek(box.owner).props["displayName"],
            "MailboxGuid": box.guid,
            "ItemCount": len(box.messages),
            "TotalItemSize": f"{box.size / 2**30:.4g} GB ({box.size:,} bytes)",
        }
    ]


@cmdlets.add("Get-MailboxAutoReplyConfiguration", {"Identity": str, "ResultSize": object}, required="Identity")
def get_reply(command: Command) -> list[Row]:
    """What the mailbox answers by itself."""
    box = command.mailbox()
    return [
        {
            "Identity": command.tenant.directory.upn_of(box.owner),
            "MailboxOwnerId": command.tenant.directory.peek(box.owner).props["displayName"],
            **box.reply.view(command.now),
        }
    ]


@cmdlets.add(
    "Set-MailboxAutoReplyConfiguration",
    {
        "Identity": str,
        "AutoReplyState": str,
        "InternalMessage": str,
        "ExternalMessage": str,
        "ExternalAudience": str,
        "StartTime": str,
        "EndTime": str,
        "Confirm": bool,
    },
    required="Identity",
)
def set_reply(command: Command) -> list[Row]:
    """Only what is given changes."""
    box = command.mailbox()
    changes: dict[str, Any] = {}
    for name, known in (("AutoReplyState", _STATES), ("ExternalAudience", _AUDIENCES)):
        if command.has(name):
            changes[name] = _one_of(command, name, known)
    for name in ("InternalMessage", "ExternalMessage"):
        if command.has(name):
            changes[name] = command.arg(name)
    changes |= {name: _time(command, name) for name in _TIMES if command.has(name)}
    seen = {**box.reply.props, **changes}
    if seen["AutoReplyState"] == "Scheduled" and not seen["StartTime"] < seen["EndTime"]:
        raise invalid("The start time must be before the end time.")
    _write(command, box, changes)
    return []


def _one_of(command: Command, name: str, known: tuple[str, ...]) -> str:
    found = next((one for one in known if one.lower() == str(command.arg(name)).lower()), None)
    if found is None:
        raise invalid(f"Cannot bind parameter '{name}': one of {', '.join(known)} is expected.")
    return found


def _time(command: Command, name: str) -> str:
    try:
        parse_iso(command.arg(name))
    except ValueError:
        raise invalid(f"Cannot convert value '{command.arg(name)}' to type System.DateTime.") from None
    return str(command.arg(name))


def _write(command: Command, box: Mailbox, changes: dict[str, Any]) -> None:
    before = box.reply.write(changes, command.now, command.lab.faults.lag)
    command.wrote(f"users/{command.tenant.directory.upn_of(box.owner)}/mailbox/autoReply", before, changes)
