"""An ``onboarding`` capability that a test fills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.capabilities.onboarding import (
    Colleague,
    Connection,
    NamedCredential,
    ProviderAccess,
    VerifiedContact,
)
from tenantry.task import Context, EvidenceRef, RunFacts
from tests.support.fakes import NOW

SUBJECT: Mapping[str, Any] = {
    "name": "acme",
    "display_name": "Acme",
    "contacts": [
        {"id": "jo", "name": "Jo", "role": "primary"},
        {"id": "eva", "name": "Eva", "role": "executive"},
    ],
    "response_team": [
        {"role": "incident_commander", "person": "kim", "deputy": None, "contact": None},
        {"role": "technical_lead", "person": "sam", "deputy": None, "contact": None},
        {"role": "communications", "person": None, "deputy": None, "contact": "eva"},
    ],
    "agreement": {
        "signed_on": "2026-01-01",
        "document": "a.pdf",
        "document_sha256": "a" * 64,
        "services_in_scope": ["mail"],
        "services_out_of_scope": ["web"],
        "sla": {"high": {"acknowledge_minutes": 30, "contain_minutes": 60, "resolve_minutes": None}},
        "responsibilities": [{"what": "Decides on notification", "who": "client"}],
        "notice_period_hours": 24,
        "on_termination": "delete",
    },
    "regimes": ["gdpr"],
    "insurer": {"name": "Sure", "notice_period_hours": 72, "required_controls": ["MFA"]},
}


def credential(name: str, **more: Any) -> NamedCredential:
    given: dict[str, Any] = {
        "version": 1,
        "handed_over": True,
        "rotatable": True,
        "collect": True,
        "rotate": True,
        "kind": "password",
        "title": "",
        "contact": "jo",
        "stored_as": name,
    }
    return NamedCredential(name=name, **(given | more))


def system(state: Any, *credentials: NamedCredential, provider: str = "m365", **more: Any) -> ProviderAccess:
    return ProviderAccess(provider=provider, vendor="v", state=state, credentials=credentials, **more)


class Hand:
    def __init__(self) -> None:
        self.systems: dict[str, ProviderAccess] = {}
        self.clouds: tuple[Connection, ...] = ()
        self.verified: tuple[VerifiedContact, ...] = ()
        self.people: dict[str, Colleague] = {
            "kim": colleague("kim", "lead"),
            "sam": colleague("sam", "engineer"),
        }
        self.fields: dict[tuple[str, str], Any] = {}
        self.agreements: list[Mapping[str, Any]] = []

    async def providers(self) -> tuple[str, ...]:
        return tuple(self.systems)

    async def credentials(self, provider: str) -> tuple[NamedCredential, ...]:
        return self.systems[provider].credentials

    async def access(self, provider: str) -> ProviderAccess:
        return self.systems[provider]

    async def connections(self) -> tuple[Connection, ...]:
        return self.clouds

    async def contacts(self) -> tuple[VerifiedContact, ...]:
        return self.verified

    async def colleagues(self) -> Mapping[str, Colleague]:
        return self.people

    async def file_digest(self) -> str:
        return "f" * 64

    async def recorded_agreement(self) -> Mapping[str, Any] | None:
        return self.agreements[-1] if self.agreements else None

    async def record_agreement(self, facts: Mapping[str, Any]) -> None:
        self.agreements.append(facts)

    async def field(self, section: str, key: str) -> Any:
        return self.fields.get((section, key))

    async def set_field(self, section: str, key: str, value: Any) -> None:
        self.fields[section, key] = value


def colleague(name: str, *roles: str, enabled: bool = True, enrolled: bool = True, here: bool = True) -> Colleague:
    return Colleague(id=name, roles=roles, enabled=enabled, enrolled=enrolled, here=here)


class Sink:
    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef:
        return EvidenceRef(name, "e" * 64, len(data))

    async def store_rows(self, name: str, rows: Any) -> EvidenceRef:
        return EvidenceRef(name, "e" * 64, 0, len(rows))


def context(hand: Hand, mode: str = "run", subject: Mapping[str, Any] = SUBJECT, **more: Any) -> Context:
    run = RunFacts("run-1", "acme", mode, NOW, "client_onboarding")
    return Context(run=run, capabilities={"onboarding": hand}, evidence=Sink(), now=NOW, subject=subject, **more)
