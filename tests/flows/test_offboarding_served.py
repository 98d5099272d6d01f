"""A client leaves while the service runs, in Prefect from its own form; afterwards a search over everything that Tenantry and its Prefect server keep
finds nothing of theirs but the certificate, which lists what is retained: a backup, until its day."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr

from console import labtenant
from tenantry.errors import Conflict, NotFound
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.risk.register import RiskRegister
from tenantry.run import RunState, Status
from tests.flows.stand import ENDED, Stand
from tests.support.canary import leaks
from tests.support.departing import Counterparts, Departing, departing
from tests.support.leaving import age_key
from tests.support.tools import needs_program
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(600), pytest.mark.torture]  # longer than `make test` has room for

NAME: Final = "south"
CANARY: Final = "canary-8b27e1-of-south"


@pytest.fixture
def client(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Departing]:
    needs_program("age-keygen")
    monkeypatch.setenv("TENANTRY_HOME", str(stand.home.path))
    before = stand.home.estate.read_text(encoding="utf-8")
    _, recipient = age_key(tmp_path)
    with (
        Counterparts.started(tmp_path) as there,
        departing(there, Home(stand.home.path), recipient, name=NAME, to="folder") as made,
    ):
        yield made
    stand.home.estate.write_text(before, encoding="utf-8")


def known(client: Departing, stand: Stand) -> None:
    """The client's canary in every kind of place."""
    client.edit(lambda file: file.update(display_name=CANARY))
    client.edit(lambda file: file["contacts"][0].update(name=CANARY))
    client.edit(lambda file: file["offboarding"].update(by_hand=[f"Tickets of {CANARY}"]))
    with stand.opened() as installation:
        installation.vault.put(NAME, "notes/old", SecretStr(CANARY), kind="password")
        installation.journal.append(NAME, [Event("note", {"text": CANARY, "by": "sam"})])
        installation.evidence.put(NAME, "seen.txt", lambda: [CANARY.encode()])
        RiskRegister(installation.journal, NAME).add(CANARY, likelihood="high", impact="high", by="sam")


def rested(stand: Stand, run: str) -> RunState | None:
    """The run when nobody carries it; looked at twice a second, because each look reads the whole record of it."""
    time.sleep(0.5)
    with contextlib.suppress(NotFound), stand.opened() as installation:  # a form's run is recorded when it begins
        if not installation.journal.live(run):
            return installation.state(run)
    return None


def test_nothing_of_a_client_who_left_is_found_with_us_or_with_prefect(
    stand: Stand, client: Departing, tmp_path: Path
) -> None:
    known(client, stand)
    client.served = True
    for runbook in ("client_offboarding", "plain"):
        stand.offer(runbook)
    # Somebody fills another form for this client, with the canary in it; that run is called off.
    other = stand.start("plain", {"tenant": NAME, "account": f"{CANARY}@south.example"})
    stand.wait_for(other, *ENDED, "PAUSED")
    stand.command("cancel", other)
    backup = ("backup", "-o", str(tmp_path / "b.tnb"), "--keep", "30")
    kept_until = client.desk.json(*backup, given="correct horse battery staple\n")["keep_until"]
    run = stand.start("client_offboarding", {"tenant": NAME})
    seen: list[Any] = []

    def on() -> bool:
        state = rested(stand, run)
        if state is None:
            return False
        seen[:] = [(gate.step, gate.item) for gate in state.open_gates()]
        for step in dict.fromkeys(gate.step for gate in state.open_gates()):
            if step in ("authority", "accepted"):
                client.word(run, step)
            elif step == "deliver":
                client.deliver(run)
            elif step == "run.start":
                stand.answer(run)
            else:
                if step == "outside":
                    client.lab.sink_token = "none"
                # Answered in the look before, perhaps, and nobody has carried the run on yet.
                with contextlib.suppress(Conflict):
                    client.answer(run, step)
        return state.ended is not None

    until(on, lambda: f"{seen}; {client.stuck(run)}; {stand.worker_log()}", seconds=400)
    assert stand.state(run).ended is Status.COMPLETED, client.stuck(run)
    [backups] = [one for one in stand.state(run).item("inventory", None).output["held"] if "backups" in one["id"]]
    assert backups["count"] == 1
    stand.wait_for(run, *ENDED)
    home = stand.home.path
    before = leaks(home, {"canary": CANARY})
    for place in (f"tenants/{NAME}.yaml", "prefect/prefect.db", f"offboarding/{NAME}"):
        assert any(place in one for one in before), (place, before)

    with_service(client, stand)
    for act in (client.verify, client.validate, client.attest):
        act()
    signed = client.desk.json("offboarding", "show", NAME)["attested"]
    assert signed
    predicate = client.desk.json("attestation", "verify", str(client.attest()))["predicate"]
    assert [one["until"] for one in predicate["legal"]["retained"]] == [kept_until], "the backup alone has it still"
    told = {Path(one.partition(" in ")[2]) for one in leaks(home, {"canary": CANARY})}
    # The MSP keeps what it certified, for whom: the client's name stands in the certificate, and what people answered for.
    kept = Path(signed["file"]).parent
    assert all(one.is_relative_to(kept) for one in told), told
    assert client.desk.json("journal", "verify")["ok"]
    for kind in ("flow_runs", "artifacts", "logs", "events"):
        shown = stand.api.post(f"/{kind}/filter", json={})
        assert isinstance(shown, httpx.Response)
        assert CANARY not in shown.text, kind
        assert f"tenant:{NAME}" not in shown.text, kind


def with_service(client: Departing, stand: Stand) -> None:
    """Deleted while the service runs: where somebody reads a database it says so, and the same is done again."""

    def closed() -> bool:
        code = stand.code(labtenant.ENGINEER)
        result = client.desk("offboarding", "close", NAME, "--as", labtenant.ENGINEER, "--json", given=code)
        assert result.exit_code in (0, 4), result.stderr
        return result.exit_code == 0

    until(closed, lambda: stand.worker_log(), seconds=120)
