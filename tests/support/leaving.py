"""A client that leaves, on a lab over real HTTP: commands of one home, a contact with a code, people who answer."""

from __future__ import annotations

import asyncio
import copy
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pyotp
import pytest
import yaml
from pydantic import SecretStr

from console import labtenant
from flows.assembly import Installation
from flows.recording import prepare
from integrations.lab import Lab, LabServer
from tenantry.decisions import approval_purpose, decide_all
from tenantry.journal import Event
from tenantry.people import Authenticated
from tenantry.run import Engine, RunState, Status
from tests.console.desk import TENANT, Desk
from tests.support.taken_on import POLICY, MovedOn

CANARY: Final = "canary-4d1f9c77-of-acme"
_BY_ROLE: Final = {"approver": labtenant.APPROVER, "lead": labtenant.LEAD, "engineer": labtenant.ENGINEER}


class Leaver:
    """The client, and everybody who has a part in their leaving."""

    def __init__(
        self, desk: Desk, lab: Lab, base_url: str, place: Path, recipient: str, more: Mapping[str, Any]
    ) -> None:
        self.desk, self.lab, self.place, self.name = desk, lab, place, TENANT
        desk.register(base_url, lab)
        offboarding = {
            "deliver_to": {"folder": str(place)},
            "age_recipients": [recipient],
            "by_hand": ["Tickets"],
            "retained": [{"what": "Invoices", "where": "accounting", "law": "AO 147", "until": "2036-12-31"}],
            **more,
        }
        self.edit(lambda file: file.update(offboarding=offboarding))
        self.phone: pyotp.TOTP | None = None
        self.past = timedelta()

    served = False
    """A service writes the same record: what is answered there a minute ahead of its clock, it takes up a minute later."""

    @property
    def file(self) -> Path:
        return self.desk.home / "tenants" / f"{self.name}.yaml"

    def edit(self, how: Callable[[dict[str, Any]], Any]) -> None:
        """Change the client's file, as an operator does."""
        text = self.file.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
        how(data)
        self.file.write_text(f"{text.splitlines()[0]}\n{yaml.safe_dump(data, sort_keys=False)}", encoding="utf-8")

    @contextmanager
    def opened(self) -> Iterator[Installation]:
        """The home, on a day of its own: each look is a minute later, so that codes are new ones."""
        with self.desk.opened() as installation:
            self.past += timedelta(minutes=1)
            clock = MovedOn()
            clock.past = self.past
            if not self.served:
                installation.journal.clock = clock
            installation.contacts._clock = clock.now
            yield installation

    # --- the run ------------------------------------------------------------------------------------------------------

    def enroll(self) -> None:
        with self.opened() as installation:
            made = installation.contacts.enroll(self.name, "owner", by={"person": labtenant.LEAD})
        found = pyotp.parse_uri(made.otpauth_uri.get_secret_value())
        assert isinstance(found, pyotp.TOTP)
        self.phone = found

    def begin(self, mode: str = "run", run: str | None = None) -> str:
        with self.opened() as installation:
            requester = {"person": labtenant.LEAD, "proven": True, "via": "test"}
            return prepare(installation, "client_offboarding", self.name, {}, mode, requester, run)

    def carry(self, run: str) -> RunState:
        with self.opened() as installation:

            async def carried() -> RunState:
                async with installation.access(self.name, installation.state(run).mode) as access:
                    return await Engine(installation.surroundings(), access, policy=POLICY).run(run)

            return asyncio.run(carried())

    def waits(self, run: str) -> list[str]:
        with self.opened() as installation:
            return [gate.step for gate in installation.state(run).open_gates()]

    def answer(self, run: str, step: str, decision: str = "approve") -> None:
        """By somebody of the role."""
        with self.opened() as installation:
            state = installation.state(run)
            gates = [gate for gate in state.open_gates() if gate.step == step]
            person = installation.people.get(_BY_ROLE[gates[0].request["role"]])
            proof = Authenticated(person, installation.journal.clock.now(), "totp", approval_purpose(run))
            decide_all(installation.journal, installation.people, state, gates, proof, decision, "looked at")  # type: ignore[arg-type]  # one of the two

    def word(self, run: str, step: str, *, deny: bool = False, manifest: str = "", by: str = "owner") -> None:
        """As `tenantry offboarding word`."""
        with self.opened() as installation:
            state = installation.state(run)
            [gate] = [gate for gate in state.open_gates() if gate.step == step]
            assert self.phone is not None
            code = SecretStr(self.phone.at(installation.contacts._clock()))
            installation.contacts.verify(self.name, by, code, purpose=f"offboarding:{run}:{step}")
            said: dict[str, Any] = {
                "item": gate.item,
                "digest": gate.digest,
                "by": f"contact {by}",
                "reason": "said so",
            }
            said["decision"] = "deny" if deny else "approve"
            installation.journal.append(self.name, [Event("step.arrived", said, run, step, state.attempt)])

    def deliver(self, run: str) -> Any:
        return self.desk.json("offboarding", "deliver", run)

    def kill_access(self) -> None:
        """What the client's administrator does."""
        self.lab.sink_token, self.lab.cloud_token = "none", "none"

    def until_delivered(self) -> str:
        """A run whose package lies at the client's place, and waits for them to accept it."""
        run = self.begin()
        self.carry(run)
        self.word(run, "authority")
        self.carry(run)
        self.answer(run, "people_know")
        self.carry(run)
        self.deliver(run)
        self.carry(run)
        return run

    def until_left(self) -> str:
        """A run that waits for the administrator's acts; the client accepted, and what could leave by itself did."""
        run = self.until_delivered()
        self.word(run, "accepted")
        self.carry(run)
        self.answer(run, "leave")
        self.carry(run)
        return run

    def until_ready(self) -> str:
        """A run that went through."""
        run = self.until_left()
        self.kill_access()
        self.answer(run, "outside")
        self.carry(run)
        self.answer(run, "ready")
        assert self.carry(run).ended is Status.COMPLETED
        return run

    # --- after it -----------------------------------------------------------------------------------------------------

    def close(self, code: int = 0) -> Any:
        return self._by("close", labtenant.ENGINEER, code=code)

    def verify(self, code: int = 0) -> Any:
        return self._by("verify", labtenant.LEAD, code=code)

    def validate(self, *more: str, code: int = 0) -> Any:
        return self._by("validate", labtenant.APPROVER, "--reason", "as agreed", *more, code=code)

    def _by(self, act: str, person: str, *more: str, code: int = 0) -> Any:
        given = self.desk.code(person)
        if code:
            result = self.desk("offboarding", act, self.name, "--as", person, *more, "--json", given=given)
            assert result.exit_code == code, (act, result.exit_code, result.stdout, result.stderr)
            return result.stderr
        return self.desk.json("offboarding", act, self.name, "--as", person, *more, given=given)

    def attest(self) -> Path:
        return Path(self.desk.json("offboarding", "attest", self.name)["file"])


class Stages:
    """Homes as they were at each stage of one run, to go on from; the lab is the same one."""

    NAMES = ("ordered", "to_deliver", "to_accept", "left", "ready")

    def __init__(self, client: Leaver, folder: Path) -> None:
        self.client, self._folder = client, folder
        self.tokens = (client.lab.sink_token, client.lab.cloud_token)
        self.run = client.begin()
        client.carry(self.run)
        self._keep("ordered")
        client.word(self.run, "authority")
        client.carry(self.run)
        client.answer(self.run, "people_know")
        client.carry(self.run)
        self._keep("to_deliver")
        client.deliver(self.run)
        client.carry(self.run)
        self._keep("to_accept")
        [self.manifest] = [gate["manifest"] for gate in self._asked()]
        client.word(self.run, "accepted")
        client.carry(self.run)
        client.answer(self.run, "leave")
        client.carry(self.run)
        self._keep("left")
        client.kill_access()
        client.answer(self.run, "outside")
        client.carry(self.run)
        client.answer(self.run, "ready")
        assert client.carry(self.run).ended is Status.COMPLETED
        self._keep("ready")

    def _asked(self) -> list[dict[str, Any]]:
        with self.client.opened() as installation:
            gates = installation.state(self.run).open_gates()
            return [dict(gate.request["bound"]["arguments"]) for gate in gates]

    def _keep(self, stage: str) -> None:
        shutil.copytree(self.client.desk.home, self._folder / stage)

    def at(self, stage: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Leaver:
        """The client at that stage, in a home of its own."""
        home = folder / "home"
        shutil.copytree(self._folder / stage, home)
        monkeypatch.setenv("TENANTRY_HOME", str(home))
        found = copy.copy(self.client)
        found.desk = Desk(home)
        self.client.lab.sink_token, self.client.lab.cloud_token = (
            self.tokens if stage in ("ordered", "to_deliver", "to_accept", "left") else ("none", "none")
        )
        return found


def age_key(folder: Path) -> tuple[Path, str]:
    """The client's own: made by Debian's age-keygen."""
    made = folder / "client.key"
    subprocess.run(["age-keygen", "-o", str(made)], check=True, capture_output=True)
    public = next(line for line in made.read_text().splitlines() if "public key" in line)
    return made, public.rpartition(" ")[2]


@contextmanager
def leaver(desk: Desk, folder: Path, recipient: str, **more: Any) -> Iterator[Leaver]:
    """A home with a client that is to leave."""
    lab = labtenant.lab_for(TENANT, scenario="quiet", users=20, application="here")
    with LabServer(lab) as server:
        found = Leaver(desk, lab, server.base_url, folder / "theirs", recipient, more)
        found.enroll()
        yield found
