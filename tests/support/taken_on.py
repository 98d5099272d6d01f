"""A client who is taken on, on a lab over real HTTP: their file, the people of the MSP, a contact with a code, and an engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyotp
import yaml
from pydantic import SecretStr

from console import labtenant
from flows.assembly import Installation
from flows.recording import prepare
from integrations.lab import Lab, LabServer
from tasks.vault.expect_credentials import Credential, ExpectCredentialsParams
from tenantry.contacts import Contacts
from tenantry.decisions import approval_purpose, decide_all
from tenantry.drop import Expected, Question
from tenantry.drop.seal import seal
from tenantry.home import Home
from tenantry.people import Authenticated
from tenantry.risk.register import Register, RiskRegister
from tenantry.run import Engine, Gate, Policy, RunState
from tests.support.faults import Job
from tests.support.kills import Kill, Killer, arm_requests, counted_put, kill_at_append

RUNBOOK: Final = "client_onboarding"
APP: Final = "m365/client-secret"
POLICY: Final = Policy(patience_scale=0.02, backoff=0.001, backoff_cap=0.01, settle=0.0)
KILLED: Final = replace(POLICY, effect_timeout_cap=2.0)
"""Whoever resumes a killed run waits out the deadline of what was on its way."""
AGREED: Final[Mapping[str, Any]] = {
    "document": "agreement-2026.pdf",
    "document_sha256": "ab" * 32,
    "sla": {"critical": {"acknowledge_minutes": 15, "contain_minutes": 60}},
}
TEAM: Final = {"lead": labtenant.LEAD, "engineers": [labtenant.ENGINEER], "on_call": [labtenant.ENGINEER]}
_BY_ROLE: Final = {"approver": labtenant.APPROVER, "lead": labtenant.LEAD, "engineer": labtenant.ENGINEER}


class MovedOn:
    """The machine's clock, set forward."""

    def __init__(self) -> None:
        self.past = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.past

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000


class Client:
    """One client of a home.

    Args:
        more: entries of the tenant's file besides the lab's.
        kept: secrets that lie in the vault already.
    """

    def __init__(
        self,
        installation: Installation,
        name: str,
        base_url: str,
        lab: Lab,
        more: Mapping[str, Any] | None = None,
        kept: Collection[str] = (),
    ) -> None:
        self.installation, self.name, self.lab, self.base_url = installation, name, lab, base_url
        labtenant.register(installation, name, base_url, lab)
        self.edit(lambda file: file["agreement"].update(AGREED))
        self.edit(lambda file: file["insurer"].update(required_controls=["MFA for everybody"]))
        self.edit(lambda file: file.update(more or {}))
        self.secrets = {
            "m365/client-secret": lab.client_secret,
            "sink/token": lab.sink_token,
            "cloud/token": lab.cloud_token,
        }
        for secret in self.secrets:
            if secret not in kept:
                installation.vault.delete(name, secret)
        if not isinstance(installation.journal.clock, MovedOn):  # that of the home's first client
            installation.journal.clock = MovedOn()
            home, vault = installation.home, installation.vault
            installation.contacts = Contacts(home, vault, installation._contact_event, installation.journal.clock.now)
        self.clock: Any = installation.journal.clock
        self._phone: pyotp.TOTP | None = None
        self._used = ""
        self.seen: list[str] = []

    @property
    def file(self) -> Path:
        return self.installation.tenants.path(self.name)

    def edit(self, how: Callable[[dict[str, Any]], Any]) -> None:
        """Change the client's file, as an operator does."""
        text = self.file.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
        how(data)
        marker = text.splitlines()[0]
        self.file.write_text(f"{marker}\n{yaml.safe_dump(data, sort_keys=False)}", encoding="utf-8")

    def later(self, **parts: float) -> None:
        """Time goes by."""
        self.clock.past += timedelta(**parts)

    # --- runs ---------------------------------------------------------------------------------------------------------

    def begin(self, mode: str = "run", run_id: str | None = None, **params: Any) -> str:
        requester = {"person": labtenant.LEAD, "proven": True, "via": "test"}
        return prepare(self.installation, RUNBOOK, self.name, {**TEAM, **params}, mode, requester, run_id)

    async def carry(self, run: str, observe: Any = None, policy: Policy = POLICY) -> RunState:
        """As far as it goes."""
        state = self.installation.state(run)
        async with self.installation.access(state.tenant, state.mode, state.params) as access:
            return await Engine(self.installation.surroundings(), access, policy=policy, observe=observe).run(run)

    def waits(self, run: str) -> list[tuple[str, str | None]]:
        return [(gate.step, gate.item) for gate in self.installation.state(run).open_gates()]

    def outcomes(self, run: str) -> dict[str, str | None]:
        return {
            step["id"] + (f"[{step['item']}]" if step["item"] else ""): step["outcome"]
            for step in self.installation.view(run)["steps"]
        }

    def answer(self, run: str, step: str, decision: str = "approve") -> None:
        """By somebody of the role whose code was checked."""
        state = self.installation.state(run)
        [gate] = [gate for gate in state.open_gates() if gate.step == step]
        person = self.installation.people.get(_BY_ROLE[gate.request["role"]])
        at = self.installation.journal.clock.now()
        proof = Authenticated(person, at, "totp", approval_purpose(run))
        decide_all(self.installation.journal, self.installation.people, state, [gate], proof, decision, "checked")  # type: ignore[arg-type]  # one of the two

    def answer_all(self, run: str) -> None:
        """Whatever is asked is answered with yes, and whatever is expected handed over."""
        for step, _ in self.waits(run):
            if step.startswith("collect"):
                self.hand_over(run, step)
            else:
                if step == "enroll":
                    self.enroll()
                self.answer(run, step)
        self.clock.past = max(self.clock.past - timedelta(seconds=30), timedelta())  # what a code needed

    def risks(self) -> Register:
        return RiskRegister(self.installation.journal, self.name).read()

    # --- the contact --------------------------------------------------------------------------------------------------

    def enroll(self) -> None:
        """The primary contact is given a code, and shows it."""
        made = self.installation.contacts.enroll(self.name, "owner", by={"person": labtenant.LEAD})
        phone = pyotp.parse_uri(made.otpauth_uri.get_secret_value())
        assert isinstance(phone, pyotp.TOTP)
        self._phone = phone
        self.installation.contacts.verify(self.name, "owner", self.code(), purpose="onboarding")

    def code(self) -> str:
        """One that was not used before, at the earliest time at which there is one: each works once."""
        assert self._phone is not None
        if self._phone.at(self.clock.now()) == self._used:
            self.clock.past += timedelta(seconds=30)
        self._used = self._phone.at(self.clock.now())
        return self._used

    def expected(self, run: str, step: str) -> list[Credential]:
        """What a waiting step asks for, in the page's order."""
        return self._asked(run, step)[1].expect

    def _asked(self, run: str, step: str) -> tuple[Gate, ExpectCredentialsParams]:
        [gate] = [gate for gate in self.installation.state(run).open_gates() if gate.step == step]
        return gate, ExpectCredentialsParams.model_validate(gate.request["bound"]["arguments"])

    def hand_over(self, run: str, step: str, **instead: str) -> list[str]:
        """The contact uses the link of a waiting step, and hands over what is good, or what the test says instead. What it was."""
        state = self.installation.state(run)
        gate, params = self._asked(run, step)
        question = Question(run, gate.step, gate.item, gate.digest, state.attempt, (state.runbook, state.version))
        made = self.installation.drops.make(
            self.name,
            params.contact,
            [Expected(one.name, one.kind, one.title) for one in params.expect],
            life=timedelta(days=1),
            shown={"msp": "MSP", "client": self.name, "contact": params.contact},
            by={"person": labtenant.ENGINEER},
            question=question,
        )
        token = made.token.get_secret_value()
        proven = self.installation.drops.verify(made.drop.id, token, made.pin or SecretStr(self.code()))
        session = proven["session"]
        for place, one in enumerate(params.expect):
            value = instead.get(one.name.replace("/", "_").replace("-", "_"), self.secrets[one.name])
            self.seen.append(value)
            sealed = seal(value.encode(), made.drop.public, made.drop.id, one.name)
            self.installation.drops.take(made.drop.id, session, place, sealed)
        return [one.name for one in params.expect]

    def agree_and_enroll(self) -> Callable[[str], Any]:
        """What comes before any credential: the agreement is gone through, the contact enrolled."""

        async def work(run: str) -> None:
            await self.carry(run)
            self.answer(run, "agreed")
            await self.carry(run)
            self.enroll()
            self.answer(run, "enroll")
            await self.carry(run)

        return work

    def rotated(self) -> bool:
        """What was handed over of the application is refused, and what the vault has is accepted."""
        held = self.installation.vault.get_text(self.name, "m365/client-secret").get_secret_value()
        return held != self.secrets["m365/client-secret"]


async def attempt(job: Job, kill: Kill) -> None:
    """One attempt of a run of an installation, in a child: killed at an append, around a request that changes something, or around what
    is put into the vault."""
    with Installation.open(Home(Path(job.folder))) as installation:
        if kill.where.startswith("append"):
            kill_at_append(installation.journal, kill)
        elif kill.where.startswith("write"):
            killer, vault = Killer(kill), installation.vault
            arm_requests(killer, kill.what)
            vault.put = counted_put(vault.put, killer, kill.what, name_at=1)  # type: ignore[method-assign]  # the child's own
        state = installation.state(job.run_id)
        async with installation.access(state.tenant, state.mode, state.params) as access:
            await Engine(installation.surroundings(), access, policy=KILLED).run(job.run_id)


@contextmanager
def client(
    folder: Path,
    name: str = "acme",
    *,
    scenario: str = "clean",
    users: int = 20,
    more: Mapping[str, Any] | None = None,
    kept: Collection[str] = (),
) -> Iterator[Client]:
    """A home with one client, whose lab is served."""
    home = Home(folder / "home").ensure()
    lab = labtenant.lab_for(name, scenario=scenario, users=users, application="here")
    with LabServer(lab) as server, Installation.open(home) as installation:
        yield Client(installation, name, server.base_url, lab, more, kept)
