"""A reminder of a credential, from the vault to the messages: written to whom the file names, once, whatever ends the process that sends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.expiring import RUNBOOK, Expiring
from tenantry.run import RunState, Status
from tests.flows.test_sweep_schedule import Scheduled
from tests.support.canary import leaks
from tests.support.faults import Job, Kill, Zygote
from tests.support.taken_on import Client, client

SIGKILLED = -9
CANARY = "canary-of-a-token-that-a-person-replaces"
EXECUTIVE = "executive@acme-board.example"


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("tests.support.taken_on", "integrations.lab.provider") as made:
        yield made


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with client(
        tmp_path_factory.mktemp("home"), more={"rotation": {"remind": ["owner"]}}, kept=("sink/token",)
    ) as made:
        yield made


async def begun(acme: Client, name: str) -> RunState:
    """A reminder of a credential that has two days left."""
    clock = acme.installation.journal.clock
    while clock.now().hour < 8:  # people are written to by day
        acme.later(hours=1)
    acme.installation.vault.put(acme.name, name, SecretStr(CANARY), expires_at=clock.now() + timedelta(days=2))
    scheduled = Scheduled()
    await Expiring(acme.installation, scheduled).look()
    (state,) = [one for one in scheduled.runs if one.params["credential"] == name]
    return state


def sent(acme: Client, name: str) -> list[tuple[str, str]]:
    """Channel and text of each message about it."""
    return [(one["channel"], str(one)) for one in acme.lab.sink.messages if name in str(one)]


async def test_it_is_written_to_those_whom_the_file_names_and_told_to_the_msp(acme: Client) -> None:
    state = await begun(acme, "vpn/token")
    assert state.runbook == RUNBOOK
    assert (await acme.carry(state.run_id)).ended is Status.COMPLETED
    assert (await acme.carry(state.run_id)).ended is Status.COMPLETED  # carried again, it is over
    (mail,) = [text for channel, text in sent(acme, "vpn/token") if channel == "mail"]
    (chat,) = [text for channel, text in sent(acme, "vpn/token") if channel == "chat"]
    assert EXECUTIVE in mail, "with two days left it is the escalation"
    assert "tenantry" not in mail
    assert "tenantry vault put --tenant acme vpn/token" in chat
    assert leaks(acme.installation.home.path, {"credential": CANARY}) == []
    assert CANARY not in str(acme.lab.sink.messages)


@pytest.mark.parametrize(
    "kill",
    [
        Kill("write_before", 1),
        Kill("write_during", 1),
        Kill("write_after", 1),
        Kill("append_before", 1, what="step.outcome client"),
        Kill("append_after", 1, what="step.intent msp"),
    ],
    ids=lambda kill: f"{kill.where} {kill.what}",
)
async def test_killed_it_is_not_sent_again(acme: Client, zygote: Zygote, kill: Kill, tmp_path: Path) -> None:
    name = f"token/{tmp_path.name}"
    state = await begun(acme, name)

    def attempt(kill: Kill) -> int:
        job = Job(
            folder=str(acme.installation.home.path),
            run_id=state.run_id,
            base_url=acme.base_url,
            scenario="clean",
            seed=1,
            users=20,
            kill=asdict(kill),
            installed=True,
        )
        return zygote.run(job)[0]

    assert attempt(kill) == SIGKILLED
    assert attempt(Kill()) == 0
    assert acme.installation.state(state.run_id).ended is Status.COMPLETED
    assert sorted(channel for channel, _ in sent(acme, name)) == ["chat", "mail"]
    assert acme.lab.sink.duplicates == [], "it was posted again, and only the other side's key kept it from being two"
