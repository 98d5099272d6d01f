"""Counts are streamed into evidence, and what could not be looked at is said for each kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from types import SimpleNamespace
from typing import Any

from tasks.onboarding.inventory import Inventory, InventoryParams, TakeInventory
from tasks.onboarding.read_access import SystemRead
from tenantry.capabilities import ConnectedSystem
from tenantry.errors import NoProvider, Unreachable
from tenantry.sweep.check import Collector, Look
from tenantry.task import Context, EvidenceRef, RunFacts
from tests.support.fakes import NOW
from tests.tasks.checks.looks import LOOK

PIECE = 5_000


class Evidence:
    """What was stored, and the largest piece."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}

    async def store_rows(self, name: str, rows: Sequence[Any]) -> EvidenceRef:
        self.rows[name] = [json.loads(json.dumps(row)) for row in rows]
        return EvidenceRef(name, "0" * 64, 1, len(rows))


class Looking:
    """Collector → its facts; an exception among them is raised when it is reached; what is not there has no provider."""

    def __init__(self, works: bool | None = True, **facts: Any) -> None:
        self.of = facts
        self.works = works

    async def look(self, now: Any, days: int) -> Look:
        del now, days
        return LOOK

    async def facts(self, source: Collector[Any], look: Look) -> AsyncIterator[Any]:
        del look
        if source.name not in self.of:
            raise NoProvider("nothing has it")
        for fact in self.of[source.name]:
            if isinstance(fact, Exception):
                raise fact
            yield fact

    async def systems(self, known: Collection[str] = ()) -> Sequence[ConnectedSystem]:
        return [ConnectedSystem(key="m365", vendor="microsoft365", works=self.works)] if "m365" not in known else []


def bucket(name: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, region="eu-west-1", created_at=NOW)


def machine(name: str, state: str = "running") -> SimpleNamespace:
    return SimpleNamespace(id=name, name=name, region="eu-west-1", kind="t3.micro", state=state)


async def taken(looking: Looking, evidence: Evidence | None = None, *stands: SystemRead) -> Inventory:
    run = RunFacts("run-1", "acme", "run", NOW, "client_onboarding", "inventory")
    ctx = Context(run=run, capabilities={"looking": looking}, evidence=evidence or Evidence(), now=NOW)  # type: ignore[arg-type]  # as much of it as is used
    return await TakeInventory().read(ctx, InventoryParams(stands=list(stands)))


def kind(found: Inventory, name: str) -> Any:
    return next(one for one in found.kinds if one.kind == name)


async def test_counted_and_kept() -> None:
    evidence = Evidence()
    found = await taken(Looking(buckets=[bucket("a"), bucket("b")]), evidence)
    one = kind(found, "buckets")
    assert (one.count, one.state, one.why) == (2, "looked", [])
    assert [row["id"] for row in evidence.rows["inventory/buckets.jsonl"]] == ["a", "b"]
    assert one.evidence[0].rows == 2
    assert found.complete


async def test_nothing_there_and_nothing_connected_are_told_apart() -> None:
    found = await taken(Looking(buckets=[]))
    assert (kind(found, "buckets").state, kind(found, "buckets").count) == ("looked", 0)
    assert kind(found, "users").state == "nothing_connected"
    assert kind(found, "users").evidence == []


async def test_what_breaks_off_is_a_part() -> None:
    found = await taken(Looking(buckets=[bucket("a"), Unreachable("the cloud is away")]))
    one = kind(found, "buckets")
    assert (one.count, one.state, one.why) == (1, "partly", ["the cloud is away"])
    assert not found.complete


async def test_what_cannot_be_asked_is_not_zero() -> None:
    found = await taken(Looking(buckets=[Unreachable("the cloud is away")]))
    assert kind(found, "buckets").state == "not_looked"
    assert not found.complete


async def test_a_defect_hides_nothing_else_and_tells_no_value() -> None:
    found = await taken(Looking(buckets=[SimpleNamespace(secret="hunter2")], hosts=[]))
    assert kind(found, "buckets").state == "not_looked"
    assert "hunter2" not in str(kind(found, "buckets").why)
    assert kind(found, "hosts").state == "looked"


async def test_a_domain_that_two_know_counts_once() -> None:
    domains = [SimpleNamespace(name="Acme.example", verified=True)]
    zones = [
        SimpleNamespace(name="acme.example.", private=False),
        SimpleNamespace(name="in.acme.example.", private=True),
    ]
    found = await taken(Looking(directory_domains=domains, zones=zones))
    assert kind(found, "domains").count == 2
    half = await taken(Looking(directory_domains=domains, zones=[Unreachable("away")]))
    assert (kind(half, "domains").count, kind(half, "domains").state) == (1, "partly")


async def test_machines_are_looked_for_where_nobody_looks_if_that_can_be() -> None:
    here, everywhere = [machine("i-1")], [machine("i-1"), machine("i-2"), machine("i-3", "terminated")]
    assert kind(await taken(Looking(instances=here, cloud_machines=everywhere)), "machines").count == 2
    assert kind(await taken(Looking(instances=here)), "machines").count == 1


async def test_a_system_that_does_not_work_is_no_complete_inventory() -> None:
    assert not (await taken(Looking(works=False, buckets=[]))).complete
    assert (await taken(Looking(works=None, buckets=[]))).complete


async def test_many_rows_are_stored_in_pieces() -> None:
    evidence = Evidence()
    found = await taken(Looking(buckets=[bucket(f"b{number}") for number in range(PIECE + 1)]), evidence)
    assert kind(found, "buckets").count == PIECE + 1
    assert [len(rows) for name, rows in sorted(evidence.rows.items()) if "buckets" in name] == [1, PIECE]


async def test_what_was_tried_already_is_told_and_not_tried_again() -> None:
    def read(provider: str, state: Any, *problems: str) -> SystemRead:
        return SystemRead(provider=provider, vendor="v", state=state, problems=list(problems))

    stands = (
        read("hosts", "works", "one right is missing"),
        read("psa", "untried"),
        read("cloud", "unreachable", "no answer"),
    )
    found = await taken(Looking(buckets=[]), None, *stands)
    assert [(one.key, one.works, one.why) for one in found.systems] == [
        ("hosts", True, ""),
        ("psa", None, ""),
        ("cloud", False, "no answer"),
        ("m365", True, ""),
    ]
    assert found.systems[0].missing == ("one right is missing",)
    assert not found.complete
    found = await taken(Looking(buckets=[]), None, read("m365", "works"))
    assert [one.key for one in found.systems] == ["m365"]
