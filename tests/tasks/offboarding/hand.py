"""An ``offboarding`` capability that a test fills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from tenantry.capabilities.offboarding import Delivered, Holding, KeptByLaw, OwnAccess, StandingHold, Terms, Tried
from tenantry.task import Context, EvidenceRef, RunFacts
from tests.support.fakes import NOW

TERMS = Terms(
    client="Acme",
    choice="return_then_delete",
    ends_on=None,
    retention_days=30,
    contact="jo",
    contact_name="Jo",
    enrolled=True,
    place="s3://theirs",
    recipients=("age1x",),
    retained=(KeptByLaw(what="Invoices", where="accounting", law="AO 147", until=date(2036, 12, 31)),),
    by_hand=("Tickets",),
)


class Hand:
    """Implements `tenantry.capabilities.Offboarding` from what a test put in."""

    def __init__(self) -> None:
        self.said = TERMS
        self.standing: list[StandingHold] = []
        self.held: list[Holding] = []
        self.package: Delivered | None = None
        self.ways: list[OwnAccess] = []
        self.states: dict[str, Tried] = {}
        self.left: list[str] = []

    async def terms(self) -> Terms:
        return self.said

    async def holds(self) -> Sequence[StandingHold]:
        return self.standing

    async def holdings(self) -> Sequence[Holding]:
        return self.held

    async def delivered(self, run_id: str) -> Delivered | None:
        assert run_id == "run-1"
        return self.package

    async def accesses(self) -> Sequence[OwnAccess]:
        return self.ways

    async def leave(self, provider: str) -> None:
        self.left.append(provider)
        self.states[provider] = Tried(provider=provider, state="refused")

    async def tried(self, provider: str) -> Tried:
        return self.states[provider]


class Kept:
    """What was stored as evidence."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef:
        self.files[name] = data
        return EvidenceRef(name, "ab" * 32, len(data))

    async def store_rows(self, name: str, rows: Any) -> EvidenceRef:
        raise AssertionError("nothing here is rows")


def context(hand: Hand, mode: str = "run") -> Context:
    run = RunFacts("run-1", "acme", mode, NOW, "client_offboarding", "it")
    return Context(run=run, capabilities={"offboarding": hand}, evidence=Kept(), now=NOW)
