from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tasks.incident.sweep_tenant import EVIDENCE, SweepTenant, SweepTenantParams, incidents
from tenantry.errors import CannotCheck
from tenantry.task import Context, EvidenceRef, RunFacts
from tests.support.fakes import NOW


class Sweeping:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.asked: list[tuple[str, datetime, int]] = []

    async def sweep(self, run_id: str, now: datetime, days: int) -> dict[str, Any]:
        self.asked.append((run_id, now, days))
        return self.document


class Evidence:
    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef:
        self.stored[name] = data
        return EvidenceRef(name, "0" * 64, len(data))


def finding(name: str, severity: str, kind: str, entity: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": "A title",
        "severity": severity,
        "entity": {"type": kind, "id": entity},
        "evidence": {"summary": "seen"},
        "remedy": "Look.",
        "episode": "run-0",
        **more,
    }


def document(*findings: dict[str, Any], new: tuple[str, ...] = (), statuses: tuple[str, ...] = ("pass",)) -> Any:
    return {
        "tenant": "acme",
        "window": {"from": "a", "to": "b"},
        "findings": list(findings),
        "accepted": [],
        "checks": [{"status": status} for status in statuses],
        "could_not_check": [{"check": "c", "why": "no permission"}] if "unknown" in statuses else [],
        "since_last": {"new": list(new), "changed": [], "gone": [], "not_looked_at": []},
    }


async def read(found: Any, evidence: Evidence | None = None) -> Any:
    run = RunFacts("run-1", "acme", "run", NOW, "compromise_sweep")
    sweeping = Sweeping(found)
    ctx = Context(run=run, capabilities={"sweeping": sweeping}, evidence=evidence or Evidence(), now=NOW)  # type: ignore[arg-type]  # as much of it as is used
    output = await SweepTenant().read(ctx, SweepTenantParams(days=7))
    assert sweeping.asked == [("run-1", NOW, 7)]
    return output


async def test_counts_stand_in_the_record_and_the_rest_is_evidence() -> None:
    evidence = Evidence()
    found = document(
        finding("f1", "critical", "account", "anna@acme.example"),
        finding("f2", "low", "host", "web1"),
        statuses=("fail", "pass", "unknown"),
    )
    output = await read(found, evidence)
    assert json.loads(evidence.stored[EVIDENCE]) == found
    assert output.findings == {"critical": 1, "high": 0, "medium": 0, "low": 1, "info": 0}
    assert output.checks == {"fail": 1, "unknown": 1, "accepted": 0, "pass": 1, "not_applicable": 0}
    assert output.could_not_check == ["c: no permission"]


async def test_what_is_critical_and_new_is_told() -> None:
    found = document(
        finding("f1", "critical", "account", "anna@acme.example"),
        finding("f2", "critical", "account", "bob@acme.example"),
        finding("f3", "high", "account", "cara@acme.example"),
        new=("f2", "f3"),
    )
    output = await read(found)
    assert [one.id for one in output.alerts] == ["f2"]
    assert [one.entity for one in output.incidents] == ["anna@acme.example", "bob@acme.example"]


@pytest.mark.parametrize("statuses", [("unknown", "not_applicable"), ("not_applicable",), ()])
async def test_nothing_looked_at_is_not_clean(statuses: tuple[str, ...]) -> None:
    evidence = Evidence()
    with pytest.raises(CannotCheck, match="not one could be made"):
        await read(document(statuses=statuses), evidence)
    assert EVIDENCE in evidence.stored


def test_one_run_for_an_entity_and_the_same_one_for_the_same_finding() -> None:
    two = [finding("f1", "critical", "account", "a@x"), finding("f2", "critical", "account", "a@x")]
    [both] = incidents("acme", two)
    assert (both.runbook, both.params) == ("business_email_compromise", {"account": "a@x"})
    assert (both.findings, len(set(both.run_ids))) == (["f1", "f2"], 2)
    [again] = incidents("acme", two[1:])
    assert again.run_ids == both.run_ids[1:]
    [other] = incidents("globex", two[1:])
    assert other.run_ids != again.run_ids
    [back] = incidents("acme", [{**two[1], "episode": "run-7"}])  # it was gone, and came back
    assert back.run_ids != again.run_ids


APP = "0b1e9c1e-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("kind", "entity", "params"),
    [
        ("account", "anna@acme.example", {"account": "anna@acme.example"}),
        ("application", f"Mail Tool (v2) ({APP})", {"application": APP}),
        ("application", APP, {"application": APP}),
        ("host", "web1", {"host": "web1"}),
        ("access_key", "AKIAIOSFODNN7EXAMPLE", {"access_key": "AKIAIOSFODNN7EXAMPLE"}),
        ("account", "123456789012", None),  # of a cloud
        ("account", "web1:root", None),  # of a host
        ("application", "Mail Tool", None),
        ("domain", "acme.example", None),
    ],
)
def test_what_no_runbook_is_for_is_a_persons_to_decide(kind: str, entity: str, params: dict[str, str] | None) -> None:
    found = incidents("acme", [finding("f1", "critical", kind, entity)])
    assert [one.params for one in found] == ([params] if params else [])


def test_permissions_are_those_of_the_checks() -> None:
    named = {permission.vendor: permission.names for permission in SweepTenant.permissions}
    assert "User.Read.All" in named["microsoft365"]
