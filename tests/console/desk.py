"""A home to try commands in, a lab behind it, and runs carried by the engine alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner, Result

from console import labtenant
from console.main import cli
from flows.assembly import Installation
from integrations.lab import Lab, LabServer
from tenantry.journal import MSP, Record
from tenantry.run import Engine, Policy, RunState

TENANT = "acme"

SMALL = """\
id: small
version: 1
title: Two questions and an effect
kind: incident
subject: ${params.account}
params:
  account: {type: account, title: The account}
  when: {type: datetime, required: false, title: When}
  level: {type: choice, choices: [low, high], default: low, title: Level}
phases: [assemble, contain]
steps:
  - {id: team, title: Team, phase: assemble, uses: incident.assemble_team}
  - id: confirmed
    title: Confirmed
    phase: assemble
    uses: human.confirm
    with: {question: "Does the client confirm it?", role: lead}
  - id: block
    title: Block sign-in
    phase: contain
    uses: identity.disable_sign_in
    needs: [team]
    approve: {role: approver, four_eyes: true, expires_in: 4h}
    with: {account: "${params.account}"}
"""

PLAIN = """\
id: plain
version: 1
title: An effect
kind: incident
params:
  account: {type: account, title: The account}
phases: [contain]
steps:
  - id: block
    title: Block sign-in
    phase: contain
    uses: identity.disable_sign_in
    with: {account: "${params.account}"}
"""


class Desk:
    """Commands in one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.runner = CliRunner()
        self.lab: Lab | None = None
        self._used: dict[str, int] = {}

    def __call__(self, *args: str, given: str | bytes | None = None) -> Result:
        """Run a command line with that on stdin."""
        return self.runner.invoke(cli, list(args), input=given if given is not None else "")

    def json(self, *args: str, code: int = 0, given: str | bytes | None = None) -> Any:
        """Run a command with ``--json``: the exit code is that, and stdout is one JSON document and nothing else."""
        result = self(*args, "--json", given=given)
        assert result.exit_code == code, (args, result.exit_code, result.stdout, result.stderr)
        return json.loads(result.stdout)

    def refused(self, *args: str, code: int, given: str | bytes | None = None) -> str:
        """Run a command that must fail with that exit code: nothing on stdout; the sentence on stderr."""
        result = self(*args, given=given)
        assert result.exit_code == code, (args, result.exit_code, result.stdout, result.stderr)
        assert result.stdout == ""
        said = [line for line in result.stderr.splitlines() if line.startswith("tenantry: ")]
        assert len(said) == 1, result.stderr
        assert "Traceback" not in result.stderr
        return said[0].removeprefix("tenantry: ")

    @contextmanager
    def opened(self) -> Iterator[Installation]:
        with Installation.open() as installation:
            yield installation

    def runbook(self, text: str) -> None:
        """An operator's own runbook."""
        name = text.splitlines()[0].removeprefix("id: ")
        folder = self.home / "runbooks"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def register(self, base_url: str, lab: Lab, tenant: str = TENANT) -> labtenant.Registered:
        with self.opened() as installation:
            return labtenant.register(installation, tenant, base_url, lab)

    def code(self, person: str) -> str:
        """A code of a lab's person that was not used yet; two for each in any half minute."""
        with self.opened() as installation:
            good = labtenant.codes(installation, person)
        place = self._used.get(person, 0) + 1
        self._used[person] = place
        return good[place].get_secret_value()

    def wrong_code(self, person: str) -> str:
        with self.opened() as installation:
            good = {code.get_secret_value() for code in labtenant.codes(installation, person)}
        return next(text for text in ("000000", "111111", "222222", "333333") if text not in good)

    def records(self, run_id: str) -> list[Record]:
        with self.opened() as installation:
            return installation.journal.records(run_id)

    def events(self, run_id: str, name: str) -> list[dict[str, Any]]:
        return [dict(record.data) for record in self.records(run_id) if record.event == name]

    def runs(self) -> list[str]:
        with self.opened() as installation:
            return [index.run_id for index in installation.journal.runs()]

    def estate_events(self) -> list[str]:
        with self.opened() as installation:
            return [record.event for record in installation.journal.tail(MSP)]


def totp(uri: str) -> pyotp.TOTP:
    made = pyotp.parse_uri(uri)
    assert isinstance(made, pyotp.TOTP)
    return made


def carry(
    installation: Installation, run_id: str, *, follow: Any = None, wait: bool = True
) -> RunState:  # as flows.launch.resume
    """Carry a run by the engine, without Prefect."""
    state = installation.state(run_id)
    if state.ended is not None or not wait:
        return state

    async def work() -> RunState:
        async with installation.access(state.tenant, state.mode) as access:
            policy = Policy(patience_scale=0.02, backoff=0.001, settle=0.0)
            return await Engine(installation.surroundings(), access, policy=policy, observe=follow).run(state.run_id)

    return asyncio.run(work())


@contextmanager
def lab_behind(desk: Desk, tenant: str = TENANT) -> Iterator[Lab]:
    """A lab over HTTP, registered as the tenant."""
    lab = labtenant.lab_for(tenant, users=40)
    with LabServer(lab) as server:
        desk.register(server.base_url, lab, tenant)
        desk.lab = lab
        yield lab


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An empty home."""
    home = tmp_path / "home"
    monkeypatch.setenv("TENANTRY_HOME", str(home))
    return Desk(home)


@pytest.fixture
def stand(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A home with a lab as its tenant, two small runbooks, and runs that the engine carries without Prefect."""
    monkeypatch.setattr("flows.launch.resume", carry)
    with lab_behind(desk):
        desk.runbook(SMALL)
        desk.runbook(PLAIN)
        yield desk
