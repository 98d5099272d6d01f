"""A message is an effect: sent once, asked about when nobody knows, never a second time by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tenantry.capabilities import Message
from tenantry.discovery import TaskRegistry
from tenantry.errors import InDoubt, Throttled
from tenantry.places import SHIPPED
from tenantry.run import Status
from tenantry.runbook.templates import Templates
from tests.support.stand import QUICK, Access, Stand

TEXT = """\
id: tell
version: 1
title: Tell the client
kind: incident
phases: [confirm]
params: {}
steps:
  - id: tell
    phase: confirm
    uses: messenger.notify
    with:
      template: incident_closed
      to: [primary]
      channel: chat
      facts: {client: Acme, reference: r, accounts: [], dwell_minutes: 1, containment_minutes: 1, not_known: []}
"""


class Channel:
    """Cannot be asked. ``trouble`` happens to the next posts, in order; an InDoubt after the message has arrived."""

    def __init__(self, *trouble: Exception) -> None:
        self.arrived: list[Message] = []
        self.trouble = list(trouble)

    async def sent(self, key: str, channel: str = "mail") -> bool | None:
        return None

    async def send(self, message: Message) -> None:
        trouble = self.trouble.pop(0) if self.trouble else None
        if not isinstance(trouble, Throttled):
            self.arrived.append(message)
        if trouble is not None:
            raise trouble


@pytest.fixture
def stand(tmp_path: Path):
    stand = Stand(tmp_path, TaskRegistry.discover(entry_points=False))
    stand.person("ann", "approver")
    yield stand
    stand.close()


def on(channel: Channel) -> Access:
    return Access(subject={"name": "acme", "contacts": []}, capabilities={"messenger": channel})


async def test_throttling_slows_and_asks_nobody(stand):
    stand.create(TEXT)
    channel = Channel(*[Throttled("slow", retry_after=0.01)] * 20)
    assert (await stand.run("run-1", on(channel))).ended is Status.COMPLETED
    assert len(channel.arrived) == 1
    slowed = stand.view()["steps"][0]["throttled"]
    assert slowed["times"] == 20
    assert 0.1 < slowed["seconds"] < 10


async def test_a_run_that_gave_up_on_throttling_goes_on_without_a_question(stand):
    stand.create(TEXT)
    channel = Channel(*[Throttled("slow")] * 4)
    assert (await stand.run("run-1", on(channel), replace(QUICK, throttle_patience=0))).stopped is Status.PAUSED
    assert (await stand.run("run-1", on(channel))).ended is Status.COMPLETED
    assert len(channel.arrived) == 1


async def test_in_doubt_a_person_says_that_it_arrived(stand):
    stand.create(TEXT)
    channel = Channel(InDoubt("no answer"))
    state = await stand.run("run-1", on(channel))
    assert state.stopped is Status.WAITING
    (gate,) = state.open_gates()
    assert "deny if it arrived" in gate.request["reasons"][0]
    stand.answer("run-1", "ann", "deny", reason="they have it")
    assert (await stand.run("run-1", on(channel))).stopped is Status.PAUSED
    assert stand.view()["steps"][0]["error"]["code"] == "approval_denied"
    assert len(channel.arrived) == 1


async def test_in_doubt_a_person_has_it_sent_again_and_is_asked_each_time(stand):
    stand.create(TEXT)
    channel = Channel(InDoubt("no answer"), InDoubt("no answer"))
    for tries in (1, 2):
        assert (await stand.run("run-1", on(channel))).stopped is Status.WAITING
        assert len(channel.arrived) == tries
        stand.answer("run-1", "ann", reason="it did not come")
    assert (await stand.run("run-1", on(channel))).ended is Status.COMPLETED
    assert len(channel.arrived) == 3


async def test_a_resume_after_it_was_sent_sends_nothing(stand):
    stand.create(TEXT)
    channel = Channel()
    await stand.run("run-1", on(channel))
    await stand.run("run-1", on(channel))
    assert len(channel.arrived) == 1


@pytest.mark.parametrize("name", Templates([SHIPPED / "messages"]).names())
def test_templates_can_be_written(name):
    templates = Templates([SHIPPED / "messages"])
    facts = dict.fromkeys(templates.facts_needed(name), "2026-11-22T10:00:00Z")
    lists = {"accounts", "removed", "caveats", "not_known", "what_happened", "what_we_did", "next_steps", "exposed"}
    lists |= {"down", "unknown", "recovered", "lines", "away", "stuck"}
    facts |= {fact: ["one", "two"] for fact in facts if fact in lists}
    finding = {"title": "Inbox rule", "entity": "anna", "summary": "it sends mail outside", "remedy": "Ask her."}
    facts |= {fact: [finding, finding] for fact in facts if fact == "findings"}
    policy = {"title": "Second factors", "why": "1 of 9 has none", "about": ["anna"], "remedy": "Ask for one."}
    facts |= {fact: [policy, policy] for fact in facts if fact == "policies"}
    risk = {"risk": "r1", "title": "One firewall", "level": "low", "owner": "ann", "review_on": "2026-11-20", "days": 2}
    facts |= {fact: [risk, risk] for fact in facts if fact == "risks"} | {"total": 3}
    facts |= {"question": "Stop it?\nSubject: forged", "meanwhile": None}
    rendered = templates.render(name, facts)
    assert "{" not in rendered.text
    assert not [line for line in rendered.text.splitlines() if line.startswith("Subject")]


@pytest.mark.parametrize("name", ["cloud_key_closed", "host_closed", "incident_closed", "incident_report"])
def test_the_report_to_the_client_names_the_work_that_found_it(name):
    templates = Templates([SHIPPED / "messages"])
    needed = templates.facts_needed(name)
    lists = {"accounts", "not_known", "what_happened", "what_we_did", "next_steps"}
    facts = {fact: ["one"] if fact in lists else "2026-11-22T10:00:00Z" for fact in needed}
    assert "reference 7f-onboarding" in templates.render(name, {**facts, "found_by": "7f-onboarding"}).text
    for nobody in (facts, {**facts, "found_by": None}):
        assert "found by our work" not in templates.render(name, nobody).text
