"""What the attacker sent in a person's name, for the timeline.

A mailbox's sent items say what was sent and when, not from where; the audit log counts from where. The rule: a mailing (one
subject, 5 messages or 10 recipients or more, after the attacker's first act) is attributed to the attacker if the audit log
counts at least as many messages sent from the attacker's addresses; otherwise it is uncertain. What else was sent meanwhile
is one uncertain event for each account: a single forged invoice among the person's own mail looks like nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tenantry.task import utc
from tenantry.timeline.attacker import AttackerEvent

if TYPE_CHECKING:
    from tasks.incident.find_other_victims import Victims
    from tasks.logs.collect_audit import AuditRecords
    from tasks.mail.collect_sent import Sent, SentMessages

__all__ = ["SENT_ITEMS", "sent_events"]

SENT_ITEMS: Final = "sent items of the mailbox"
MAILING_MESSAGES: Final = 5
MAILING_RECIPIENTS: Final = 10
MAX_EVENTS: Final = 100

_SENDING: Final = frozenset({"send", "sendas", "sendonbehalf"})
"""https://learn.microsoft.com/purview/audit-mailboxes#mailbox-actions-for-user-mailboxes-and-shared-mailboxes"""


def sent_events(sent: SentMessages, audit: AuditRecords, victims: Victims) -> list[AttackerEvent]:
    """Mailings, and what else was sent, since the attacker's first act; empty when that is not known."""
    if victims.window_start is None:
        return []
    start = utc(victims.window_start)
    names = {victim.id: victim.upn for victim in victims.accounts}
    from_attacker = sum(
        count
        for ip in victims.attacker_ips
        for operation, count in audit.operations_by_ip.get(ip, {}).items()
        if operation.lower().rstrip(".") in _SENDING
    )
    by_account: dict[str, list[Sent]] = {}
    for message in sorted(sent.messages, key=lambda message: (message.at, message.id)):
        if utc(message.at) >= start:
            by_account.setdefault(message.account_id, []).append(message)
    events: list[AttackerEvent] = []
    for account, messages in by_account.items():
        events += _account(names.get(account, account), messages, from_attacker, sent.messages_omitted)
    events.sort(key=lambda event: (event.at, event.source_id))
    return events[:MAX_EVENTS]


def _account(upn: str, messages: list[Sent], from_attacker: int, omitted: int) -> Iterator[AttackerEvent]:
    by_subject: dict[str, list[Sent]] = {}
    for message in messages:
        by_subject.setdefault(message.subject.strip().casefold(), []).append(message)
    rest: list[Sent] = []
    older = f"; {omitted} older messages were not looked at one by one" if omitted else ""
    left = from_attacker
    # The largest first: what the log counts cannot stand for more messages than it counted.
    for group in sorted(by_subject.values(), key=lambda group: (-len(group), group[0].at, group[0].id)):
        if len(group) < MAILING_MESSAGES and sum(message.recipients for message in group) < MAILING_RECIPIENTS:
            rest += group
            continue
        sure = left >= len(group)
        if sure:
            left -= len(group)
            why = f"the audit log counts {from_attacker} sent from the attacker's addresses"
        else:
            why = "the audit log does not say from where"
        subject = group[0].subject or "(no subject)"
        yield _event(upn, group, f"Sent {_messages(group)} “{subject}” as {upn}", why + older, certain=sure)
    if rest:
        rest.sort(key=lambda message: (message.at, message.id))
        why = "the person's own among them; which are the attacker's is not known"
        yield _event(upn, rest, f"{_messages(rest).capitalize()} sent as {upn} meanwhile", why + older, certain=False)


def _event(upn: str, group: list[Sent], title: str, why: str, *, certain: bool) -> AttackerEvent:
    first, last = group[0], group[-1]
    outside = sum(message.outside for message in group)
    recipients = sum(message.recipients for message in group)
    until = f"until {utc(last.at):%Y-%m-%d %H:%M:%S} UTC; " if len(group) > 1 else ""
    return AttackerEvent(
        at=utc(first.at),
        title=title,
        detail=f"{until}{recipients} recipients, {outside} outside; {why}",
        source=SENT_ITEMS,
        source_id=first.internet_message_id or first.id,
        certainty="attributed" if certain else "uncertain",
        kind="phishing" if certain else "sent",
        target=upn,
        techniques=_techniques(group),
    )


def _techniques(group: Iterable[Sent]) -> tuple[str, ...]:
    """Within the company: internal spearphishing; outside: phishing."""
    listed = list(group)
    inside = any(message.recipients > message.outside for message in listed)
    outside = any(message.outside for message in listed)
    return (*(("T1534",) if inside else ()), *(("T1566",) if outside else ()))


def _messages(group: list[Sent]) -> str:
    return "1 message" if len(group) == 1 else f"{len(group)} messages"
