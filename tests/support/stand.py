"""A place to run runbooks in tests without Prefect: a home, a journal, people, and a tenant made of whatever is passed in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenantry.decisions import approval_purpose, decide_all
from tenantry.discovery import TaskRegistry
from tenantry.evidence import EvidenceStore
from tenantry.home import Home
from tenantry.journal import Journal
from tenantry.people import Authenticated, People
from tenantry.run import Engine, Policy, RunState, Surroundings, create, fold, run_view
from tenantry.runbook import parse_runbook, validate_params
from tenantry.vault import Vault

QUICK = Policy(
    lease_life=4.0,
    read_attempts=5,
    backoff=0.01,
    backoff_cap=0.1,
    settle=0.05,
    poll=0.01,
    poll_cap=0.1,
    effect_timeout_cap=0.6,
)
"""The engine's figures with short waits; the same code paths."""


@dataclass
class Access:
    """A tenant made by hand."""

    name: str = "acme"
    subject: Mapping[str, Any] = field(default_factory=lambda: {"name": "acme"})
    protected: frozenset[str] = frozenset()
    disruptive_needs: Any = None
    capabilities: Mapping[str, Any] = field(default_factory=dict)

    async def capability(self, name: str) -> Any:
        return self.capabilities[name]

    async def ahead(self, names: Collection[str]) -> None:
        del names


class Stand:
    """One home with everything a run stands in. Cheap enough for every test."""

    def __init__(self, folder: Path, registry: TaskRegistry, tenant: str = "acme") -> None:
        self.reopen(folder, registry, tenant)

    def reopen(self, folder: Path, registry: TaskRegistry, tenant: str = "acme") -> None:
        """Open the home, also in a forked child: database connections do not survive a fork."""
        self.home = Home(folder).ensure()
        self.tenant = tenant
        self.registry = registry
        self.vault = Vault.open(self.home)
        self.vault.create_tenant_key(tenant)
        self.people = People(self.home, self.vault)
        self.evidence = EvidenceStore(self.home.evidence, lambda name: self.vault.subkey(name, "evidence"))
        self.journal = Journal(f"sqlite:///{self.home.journal_db}", lambda name: self.vault.subkey(name, "journal"))

    def person(self, name: str, *roles: str) -> None:
        """An enrolled person. Enrol before the run is created, or they may not answer its questions."""
        self.people.add(name, name.title(), roles or ("engineer",), "*")  # type: ignore[arg-type]
        by = next((p for p in self.people.list() if "approver" in p.roles and p.enrolled_at), None)
        proof = by and Authenticated(by, datetime.now(UTC), "totp", f"people.enroll:{name}", None)
        self.people.enroll(name, by=proof)

    def around(self) -> Surroundings:
        return Surroundings(
            journal=self.journal,
            registry=self.registry,
            people=self.people.records,
            evidence=self.evidence.sink,
            now=self.journal.clock.now,
        )

    def create(
        self,
        text: str,
        params: Mapping[str, Any] | None = None,
        *,
        mode: str = "run",
        run_id: str = "run-1",
        requester: Mapping[str, Any] | None = None,
        source: str = "test.yaml",
    ) -> str:
        runbook = parse_runbook(text, source=source, registry=self.registry)
        values = validate_params(runbook, params or {})
        create(
            self.around(),
            run_id=run_id,
            runbook=runbook,
            tenant=self.tenant,
            params=values,
            mode=mode,
            requester=requester or {"person": None, "proven": False, "via": "test"},
            subject=runbook.title,
        )
        return run_id

    def engine(self, access: Any, policy: Policy = QUICK, observe: Any = None) -> Engine:
        return Engine(self.around(), access, policy=policy, observe=observe)

    async def run(self, run_id: str, access: Any, policy: Policy = QUICK) -> RunState:
        return await self.engine(access, policy).run(run_id)

    def state(self, run_id: str = "run-1") -> RunState:
        return fold(self.journal.records(run_id))

    def view(self, run_id: str = "run-1") -> dict[str, Any]:
        state = self.state(run_id)
        runbook = parse_runbook(state.runbook_text, source="pinned", registry=self.registry)
        return run_view(state, live=self.journal.live(run_id), runbook=runbook)

    def answer(
        self,
        run_id: str,
        person: str,
        decision: str = "approve",
        steps: Iterable[str] | None = None,
        reason: str = "",
        *,
        by_hand: bool = False,
    ) -> int:
        """Answer every open question (or those of the steps named) as an authenticated person. Returns how many."""
        state = self.state(run_id)
        wanted = None if steps is None else set(steps)
        gates = [
            gate
            for gate in state.open_gates()
            if (wanted is None or gate.step in wanted) and all(d["by"] != person for d in gate.decisions)
        ]
        if gates:
            proof = Authenticated(
                self.people.get(person), datetime.now(UTC), "totp", approval_purpose(run_id), self.tenant
            )
            decide_all(self.journal, self.people, state, gates, proof, decision, reason, by_hand=by_hand)  # type: ignore[arg-type]
        return len(gates)

    def outcomes(self, run_id: str = "run-1") -> dict[str, str | None]:
        """``step`` or ``step[item]`` → outcome."""
        return {
            step["id"] + (f"[{step['item']}]" if step["item"] else ""): step["outcome"]
            for step in self.view(run_id)["steps"]
        }

    def close(self) -> None:
        self.journal.close()


Clockwork = Callable[[], datetime]


class SteppingClock:
    """A clock that a test sets."""

    def __init__(self, start: datetime | None = None) -> None:
        self.at = start or datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
        self._us = 0

    def now(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def monotonic_us(self) -> int:
        self._us += 1
        return self._us


@contextlib.asynccontextmanager
async def closing(*handles: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            await handle.aclose()
