from __future__ import annotations

from datetime import datetime, timedelta

from tasks.incident._sent import sent_events
from tasks.incident.find_other_victims import FindOtherVictims, Victims
from tasks.incident.summarize import Summarize
from tasks.logs.collect_audit import AuditRecords, CollectAudit
from tasks.mail.collect_sent import CollectSent, Sent, SentMessages
from tests.support.incident import BEGAN, EVIL, audit, read, story

from .test_attribute_artifacts import attributed
from .test_profile_sign_ins import profile

MAILING = "Updated remittance"


def message(n: int, at: datetime, subject: str = MAILING, recipients: int = 1, outside: int = 0) -> Sent:
    return Sent(
        id=f"m-{n}",
        account_id="id-alice",
        at=at,
        subject=subject,
        recipients=recipients,
        outside=outside,
        internet_message_id=f"<m-{n}@acme.example>",
    )


async def given(messages: list[Sent], *, sends: int = 0, ip: str = EVIL) -> tuple[SentMessages, AuditRecords, Victims]:
    tenant = story()
    tenant.logs.record_list += [audit(f"a-s{n}", "Send", BEGAN + timedelta(hours=3), ip, {}) for n in range(sends)]
    sent = SentMessages(
        read_from=BEGAN,
        total=len(messages),
        messages=messages,
        messages_omitted=0,
        outside_recipients={},
        outside_recipients_omitted=0,
        evidence=[],
    )
    return (
        sent,
        await read(tenant, CollectAudit, accounts=["id-alice"]),
        await read(tenant, FindOtherVictims, account="id-alice", attacker_ips=[EVIL], window_start=BEGAN),
    )


def mailing(count: int) -> list[Sent]:
    return [message(n, BEGAN + timedelta(hours=3, seconds=7 * n)) for n in range(count)]


async def test_a_mailing_that_the_audit_log_counts_is_the_attackers():
    [event] = sent_events(*await given(mailing(6), sends=6))
    assert event.certainty == "attributed"
    assert (event.kind, event.target, event.techniques) == ("phishing", "alice@acme.example", ("T1534",))
    assert event.at == BEGAN + timedelta(hours=3)
    assert event.source_id == "<m-0@acme.example>"
    assert "6 messages" in event.title
    assert "the audit log counts 6" in event.detail


async def test_one_that_it_does_not_count_may_be_the_persons():
    [event] = sent_events(*await given(mailing(6), sends=5))
    assert event.certainty == "uncertain"
    [other] = sent_events(*await given(mailing(6), sends=6, ip="192.0.2.10"))
    assert other.certainty == "uncertain"


async def test_what_is_counted_once_stands_for_one_mailing():
    messages = mailing(6) + [message(n, BEGAN + timedelta(hours=5), "Your invoice") for n in range(10, 15)]
    first, second = sent_events(*await given(messages, sends=8))
    assert (first.certainty, second.certainty) == ("attributed", "uncertain")


async def test_many_recipients_of_one_message_are_a_mailing_too():
    [event] = sent_events(*await given([message(1, BEGAN + timedelta(hours=1), recipients=40, outside=40)], sends=1))
    assert (event.certainty, event.techniques) == ("attributed", ("T1566",))


async def test_the_rest_is_one_uncertain_event():
    messages = [message(n, BEGAN + timedelta(hours=n), f"About {n}", outside=n % 2) for n in range(1, 5)]
    [event] = sent_events(*await given(messages, sends=9))
    assert event.certainty == "uncertain"
    assert event.title == "4 messages sent as alice@acme.example meanwhile"
    assert "which are the attacker's is not known" in event.detail


async def test_messages_that_were_left_out_are_counted():
    sent, log, victims = await given(mailing(6), sends=6)
    [event] = sent_events(sent.model_copy(update={"messages_omitted": 31}), log, victims)
    assert "31 older messages were not looked at" in event.detail


async def test_what_was_sent_before_is_the_persons():
    early = [message(n, BEGAN - timedelta(hours=1, seconds=n)) for n in range(8)]
    assert sent_events(*await given(early, sends=8)) == []


async def test_without_a_known_beginning_nothing_is_said():
    sent, log, victims = await given(mailing(6), sends=6)
    assert sent_events(sent, log, victims.model_copy(update={"window_start": None})) == []


async def test_they_stand_in_the_summary():
    tenant = story()
    page = await read(
        tenant,
        Summarize,
        profile=await profile(tenant),
        victims=await read(tenant, FindOtherVictims, account="id-alice", attacker_ips=[EVIL], window_start=BEGAN),
        artifacts=await attributed(tenant),
        sent=await read(tenant, CollectSent, accounts=["id-alice"], window_start=BEGAN),
        audit=await read(tenant, CollectAudit, accounts=["id-alice"]),
    )
    [event] = page.attacker_events
    assert event.certainty == "uncertain"
    assert event.target == "alice@acme.example"
