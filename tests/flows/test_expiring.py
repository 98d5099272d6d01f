"""Whoever has to replace a credential hears of it in time: once for each reminder, whatever is begun again, and what is replaced by itself only when it was not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.assembly import Installation
from flows.expiring import EVENT, RUNBOOK, Expiring
from tenantry.home import Home
from tenantry.names import MSP
from tenantry.run import RunState, Status
from tests.flows.test_sweep_schedule import At, Scheduled, later
from tests.support.canary import leaks

TENANT = """\
name: acme
display_name: Acme
contacts:
  - {id: jo, name: Jo, email: jo@acme.example, role: primary}
  - {id: max, name: Max, email: max@acme.example, role: executive}
providers:
  m365:
    vendor: microsoft365
    settings: {tenant_id: 11111111-2222-3333-4444-555555555555, client_id: 66666666-7777-8888-9999-000000000000}
    secrets: {client_secret: "vault:acme/m365/client-secret"}
  mail:
    vendor: messages
    settings: {via: smtp, host: smtp.acme.example, user: incident, sender: incident@acme.example}
    secrets: {password: "vault:acme/mail/password"}
"""
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CANARY = "canary-of-a-credential-that-expires"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    home = Home(tmp_path / "home").ensure()
    (home.tenants / "acme.yaml").write_text(TENANT, encoding="utf-8")
    with Installation.open(home) as opened:
        opened.journal.clock = At(NOON)
        opened.vault.create_tenant_key("acme")
        yield opened


def put(installation: Installation, name: str, days: float, tenant: str = "acme") -> None:
    installation.vault.put(tenant, name, CANARY, expires_at=NOON + days * DAY)


async def begun(installation: Installation) -> list[RunState]:
    """By a process that has just been started."""
    scheduled = Scheduled()
    ids = await Expiring(installation, scheduled).look()
    assert ids == [one.run_id for one in scheduled.runs]
    return scheduled.runs


async def test_once_each_more_often_as_it_nears_and_then_weekly(installation: Installation) -> None:
    put(installation, "mail/password", 31)
    told: list[tuple[int, str, bool]] = []
    for day in range(31 + 22):
        for state in await begun(installation):
            told.append((31 - day, state.params["level"], state.params["expired"]))
        assert await begun(installation) == []  # another process, a moment later: it is in the record
        later(installation, DAY)
    assert [left for left, _, _ in told] == [30, 14, 7, 3, 1, 0, -7, -14, -21]
    assert [level for _, level, _ in told] == ["remind"] * 3 + ["escalate"] * 6
    assert [expired for _, _, expired in told] == [False] * 5 + [True] * 4
    assert leaks(installation.home.path, {"credential": CANARY}) == []


async def test_what_it_says(installation: Installation) -> None:
    put(installation, "mail/password", 7)
    (state,) = await begun(installation)
    assert (state.runbook, state.tenant, state.mode) == (RUNBOOK, "acme", "run")
    assert (state.requester["via"], state.requester["proven"]) == ("reminder", False)
    assert dict(state.params) == {
        "credential": "mail/password",
        "provider": "mail/password",
        "state": "expires in 7 days",
        "expired": False,
        "at": "2027-03-08 12:00 UTC",
        "by_itself": False,
        "level": "remind",
        "contacts": [],
    }


async def test_of_several_that_were_missed_the_latest_is_sent(installation: Installation) -> None:
    put(installation, "mail/password", 30)
    later(installation, 29.25 * DAY)  # six in the evening of the last day but one
    (state,) = await begun(installation)
    assert (state.params["state"], state.params["level"]) == ("expires in 0 days", "escalate")


async def test_a_new_version_ends_it(installation: Installation) -> None:
    put(installation, "mail/password", 3)
    assert len(await begun(installation)) == 1
    put(installation, "mail/password", 300)
    later(installation, 10 * DAY)
    assert await begun(installation) == []


async def test_what_is_replaced_by_itself_is_told_of_when_it_was_not(installation: Installation) -> None:
    estate = installation.home.path / "estate.yaml"
    put(installation, "m365/client-secret", 20)
    estate.write_text("rotation: {enabled: true, hour: 0}\n", encoding="utf-8")
    assert await begun(installation) == []
    later(installation, 13 * DAY)
    (state,) = await begun(installation)
    assert state.params["by_itself"] is True
    estate.unlink()
    put(installation, "m365/client-secret", 33)  # another version, twenty days before its end
    (state,) = await begun(installation)  # the estate wants nothing replaced by itself: a person has to
    assert state.params["state"] == "expires in 20 days"


async def test_contacts_whom_the_file_names_and_in_the_end_their_executive(installation: Installation) -> None:
    path = installation.home.tenants / "acme.yaml"
    path.write_text(f"{TENANT}rotation: {{remind: [jo]}}\n", encoding="utf-8")
    put(installation, "vpn/psk", 7)
    (state,) = await begun(installation)
    assert (state.params["contacts"], state.params["provider"]) == (["jo"], "")
    later(installation, 4 * DAY)
    (state,) = await begun(installation)
    assert state.params["contacts"] == ["jo", "executive"]


async def test_by_day_and_once_an_hour(installation: Installation) -> None:
    put(installation, "mail/password", 3)
    later(installation, timedelta(hours=19))  # seven in the morning
    assert await begun(installation) == []
    later(installation, timedelta(hours=1))
    now = [0.0]
    expiring = Expiring(installation, Scheduled(), clock=lambda: now[0])
    assert len(await expiring.look()) == 1
    put(installation, "api/token", 3)
    assert await expiring.look() == []
    now[0] = 3601.0
    assert len(await expiring.look()) == 1


async def test_of_candidates_and_of_the_platforms_own_no_person_is_told(installation: Installation) -> None:
    for name in ("rotations/mail/password", "contacts/jo/totp"):
        put(installation, name, 3)
    assert await begun(installation) == []


async def test_a_broken_file_of_one_client_keeps_nobody_elses_waiting(installation: Installation) -> None:
    broken = installation.home.tenants / "aaaa.yaml"
    broken.write_text("name: aaaa\ndisplay_name: A\n", encoding="utf-8")
    installation.vault.create_tenant_key("aaaa")
    put(installation, "x", 3, "aaaa")
    broken.write_text("name: [", encoding="utf-8")  # an operator's slip, after it was stored
    put(installation, "mail/password", 3)
    assert [one.tenant for one in await begun(installation)] == ["acme"]


async def test_the_estates_own_are_said_in_its_tree_once(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    put(installation, "smtp-password", 3, MSP)
    with caplog.at_level(logging.WARNING, "flows.expiring"):
        for _ in range(3):
            assert await begun(installation) == []
    assert len([one for one in caplog.records if "smtp-password" in one.getMessage()]) == 1
    (entry,) = installation.journal.of(MSP, EVENT)
    assert entry.payload is not None
    assert (entry.payload["secret"], entry.payload["level"]) == ("smtp-password", "escalate")
    later(installation, 3 * DAY)
    await begun(installation)
    assert len(installation.journal.of(MSP, EVENT)) == 2
    assert CANARY not in repr(installation.journal.of(MSP, EVENT)) + caplog.text


def test_a_run_that_reminds_is_an_ordinary_one(installation: Installation) -> None:
    runbook = installation.catalog.get(RUNBOOK)
    assert [step.with_["when_in_doubt"] for step in runbook.steps] == ["leave", "leave"]  # never sent twice
    assert Status.COMPLETED.value == "completed"
