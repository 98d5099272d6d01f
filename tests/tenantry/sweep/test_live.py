"""A live sweep: what is shared is read once, what fails is said, what a client does not have is no question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import (
    CannotCheck,
    InvalidTenant,
    JournalUnavailable,
    NoProvider,
    PermissionMissing,
    SecretUnreadable,
    TaskDefect,
)
from tenantry.places import SHIPPED
from tenantry.sweep import live
from tenantry.sweep.check import LEFT_OUT, BaseCheck, Check, Giver, LogCheck, Look, collector
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import Progress, sweep_tenant
from tenantry.sweep.model import Finding, Sweep

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LOOK = Look(NOW, NOW - timedelta(days=30))
READ: list[str] = []
READ_AHEAD: list[int] = []


class Access:
    """A tenant with some capabilities."""

    name = "acme"

    def __init__(self, **have: Any) -> None:
        self.have = have

    async def capability(self, name: str) -> Any:
        if name not in self.have:
            raise NoProvider(f"the tenant acme has no provider for {name!r}")
        return self.have[name]


@collector("identity")
async def numbers(given: Giver) -> AsyncIterator[int]:
    READ.append("numbers")
    for number in range(await given.capability("identity")):
        yield number


@collector("identity", first=True)
async def patient(given: Giver) -> AsyncIterator[int]:
    READ.append("patient")
    yield 1


@collector("identity")
async def forbidden(given: Giver) -> AsyncIterator[int]:
    yield 1
    raise PermissionMissing("the application may not read this", vendor="lab")


@collector("identity")
async def greedy(given: Giver) -> AsyncIterator[int]:
    yield await given.capability("mail")


@collector("identity", log="entra-audit")
async def kept(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    for one in await given.capability("identity"):
        yield one


@collector("identity", log="entra-signin")
async def sign_ins(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    for number in range(12):
        READ_AHEAD.append(number + 1)
        yield {
            "id": f"s{number}",
            "createdDateTime": f"2026-11-21T10:{number:02}:00Z",
            "userPrincipalName": f"u{number}@acme.example",
            "ipAddress": "203.0.113.9",
            "status": {"errorCode": 50126},
        }


class Base(Check[int]):
    severity = "high"
    attack = ("T1078",)
    remedy = "Look."
    title = "A number"
    collect = numbers


class Three(Base):
    name = "checks.three"
    attack = ("T1562.008", "T1078")

    def evaluate(self, fact: int, look: Look) -> Iterable[Finding]:
        if fact % 3 == 2:
            yield self.finding(("number", "three"), f"{fact} it is", at=NOW - timedelta(hours=fact))


class Never(Base):
    name = "checks.never"

    def evaluate(self, fact: int, look: Look) -> Iterable[Finding]:
        return ()


class Unsure(Base):
    name = "checks.unsure"

    def evaluate(self, fact: int, look: Look) -> Iterable[Finding]:
        if fact == 4:
            raise CannotCheck("four says nothing")
        return ()


class Broken(Base):
    name = "checks.broken"

    def evaluate(self, fact: int, look: Look) -> Iterable[Finding]:
        raise ZeroDivisionError("secret-value")


class Patient(Never):
    name = "checks.patient"
    collect = patient


class Forbidden(Never):
    name = "checks.forbidden"
    collect = forbidden


class Greedy(Never):
    name = "checks.greedy"
    collect = greedy


class Spray(LogCheck):
    name = "checks.spray"
    title = "Spray"
    severity = "high"
    attack = ("T1110.003",)
    remedy = "Look."
    collect = sign_ins
    rules = ("password_spray",)


@collector("identity", log="entra-signin")
async def half_of_the_sign_ins(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    async for record in sign_ins.read(given):
        yield record
    raise PermissionMissing("the application may read no more", vendor="lab")


class HalfSpray(Spray):
    name = "checks.half_spray"
    collect = half_of_the_sign_ins


class Silence(LogCheck):
    name = "checks.silence"
    title = "Silence"
    severity = "high"
    attack = ("T1562.008",)
    remedy = "Look."
    collect = kept
    rules = ("m365_domain_added",)


@cache
def loaded_once(format: str) -> Detections:
    return Detections.load(format, (SHIPPED / "detections",))


def detections() -> dict[str, Detections]:
    return {format: loaded_once(format) for format in ("entra-signin", "entra-audit")}


async def swept(*asked: BaseCheck, **have: Any) -> Sweep:
    return await sweep_tenant(Access(**have), asked, LOOK, detections())  # type: ignore[arg-type]  # as much of it as is used


def standing(found: Sweep) -> dict[str, tuple[str, int]]:
    return {one["check"]: (one["status"], one["looked_at"]) for one in found.checks}


async def test_checks_share_one_reading_and_findings_of_one_entity_are_one() -> None:
    READ.clear()
    found = await swept(Three(), Never(), identity=10)
    assert READ == ["numbers"]
    assert standing(found) == {"checks.three": ("fail", 10), "checks.never": ("pass", 10)}
    [finding] = found.findings
    assert finding.count == 3
    assert finding.first_seen == (NOW - timedelta(hours=8)).timestamp()
    assert finding.last_seen == (NOW - timedelta(hours=2)).timestamp()
    assert found.entities[0]["id"] == "three"
    assert finding.attack == ("T1562.008", "T1685.002", "T1078")  # in both editions


async def test_logs_are_asked_for_before_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    original = live.Given.__init__

    def noted(self: live.Given, access: Any, look: Any, needs: Any, who: str) -> None:
        begun.append(who.rpartition(" ")[2])
        original(self, access, look, needs, who)

    monkeypatch.setattr(live.Given, "__init__", noted)
    await swept(Three(), Spray(), identity=10)
    assert begun == ["sign_ins", "numbers"]


async def test_what_cannot_be_judged_is_no_pass() -> None:
    found = await swept(Unsure(), Broken(), identity=10)
    assert standing(found) == {"checks.unsure": ("unknown", 9), "checks.broken": ("unknown", 0)}
    why = {one["check"]: one["why"] for one in found.could_not_check}
    assert why["checks.unsure"] == "four says nothing"
    assert "ZeroDivisionError" in why["checks.broken"]
    assert "secret-value" not in why["checks.broken"]


async def test_what_may_not_be_read_is_said_and_stops_nothing_else() -> None:
    found = await swept(Forbidden(), Three(), identity=3)
    assert standing(found) == {"checks.forbidden": ("unknown", 1), "checks.three": ("fail", 3)}
    assert "may not read this" in found.could_not_check[0]["why"]
    assert "after 1" in found.could_not_check[0]["why"]


async def test_a_client_without_that_provider_has_nothing_to_be_checked() -> None:
    found = await swept(Three())
    assert standing(found) == {"checks.three": ("not_applicable", 0)}
    assert found.could_not_check == []


async def test_a_collector_gets_what_it_declares() -> None:
    with pytest.raises(TaskDefect, match="without declaring it"):
        await swept(Greedy(), identity=1, mail=1)


async def test_detections_answer_the_question_of_a_log() -> None:
    found = await swept(Spray(), identity=1)
    assert standing(found) == {"checks.spray": ("fail", 12)}
    assert {one.rule for one in found.findings} >= {"password_spray"}
    assert found.events_read == 12


async def test_a_log_that_holds_nothing_proves_nothing() -> None:
    found = await swept(Silence(), identity=())
    assert standing(found) == {"checks.silence": ("unknown", 0)}
    [told] = found.could_not_check
    assert (told["check"], "holds nothing" in told["why"]) == ("checks.silence", True)
    found = await swept(Silence(), identity=(LEFT_OUT,))  # somebody's own reading shows that the log is kept
    assert standing(found) == {"checks.silence": ("pass", 0)}


async def test_what_a_log_does_not_say_is_said() -> None:
    found = await swept(Spray(), identity=1)
    assert {one["check"] for one in found.could_not_check} == {
        "log entra-signin: first seen network, client, country, region",
        "log entra-signin: device code and password grants",
        "log entra-signin: countries and travel",
    }


async def test_detections_that_are_still_loading_are_waited_for() -> None:
    loading = asyncio.ensure_future(asyncio.to_thread(detections))
    found = await sweep_tenant(Access(identity=1), [Spray()], LOOK, loading)  # type: ignore[arg-type]  # as above
    assert standing(found) == {"checks.spray": ("fail", 12)}


async def test_a_log_is_asked_for_while_detections_are_still_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor searches for minutes. What comes meanwhile is held, as far as that is little."""
    for held, least in ((1_000, 12), (5, 6)):
        monkeypatch.setattr(live, "_EARLY", held)
        loading: asyncio.Future[dict[str, Detections]] = asyncio.get_running_loop().create_future()
        facts: list[int] = []
        going = asyncio.ensure_future(
            sweep_tenant(
                Access(identity=1),  # type: ignore[arg-type]  # as above
                [Spray()],
                LOOK,
                loading,
                progress=lambda at, facts=facts: facts.append(at.facts),  # type: ignore[misc]  # bound at once
            )
        )
        for _ in range(50):
            await asyncio.sleep(0)
        assert not going.done()
        assert READ_AHEAD[-1] == least
        loading.set_result(detections())
        found = await going
        assert standing(found) == {"checks.spray": ("fail", 12)}
        assert (found.events_read, facts) == (12, [12])


async def test_detections_that_cannot_be_loaded_end_the_sweep() -> None:
    loading: asyncio.Future[dict[str, Detections]] = asyncio.get_running_loop().create_future()
    loading.set_exception(InvalidTenant("a folder is gone"))
    with pytest.raises(InvalidTenant):
        await sweep_tenant(Access(identity=1), [Spray()], LOOK, loading)  # type: ignore[arg-type]  # as above


async def test_what_takes_longest_is_asked_first() -> None:
    READ.clear()
    await swept(Three(), Patient(), identity=1)
    assert READ == ["patient", "numbers"]


async def test_what_somebody_accepted_stands_apart() -> None:
    found = await sweep_tenant(
        Access(identity=10),  # type: ignore[arg-type]  # as above
        [Three(), Unsure()],
        LOOK,
        {},
        silenced=lambda finding: {"by": "ann"} if finding.rule == "checks.three" else None,
    )
    assert standing(found) == {"checks.three": ("accepted", 10), "checks.unsure": ("unknown", 9)}
    assert (found.findings, found.entities) == ([], [])
    [(finding, told)] = found.accepted
    assert (finding.rule, told, len(finding.marks)) == ("checks.three", {"by": "ann"}, 3)


async def test_whether_a_log_was_read_to_its_end_is_known(tmp_path: Path) -> None:
    found = await swept(Spray(), identity=1)
    assert found.logs == {"entra-signin": True}
    assert {one.source for one in found.findings} == {"entra-signin"}
    assert sum(count for _, count in found.density) == 12
    loaded = detections()
    half = await sweep_tenant(Access(identity=1), [HalfSpray()], LOOK, loaded, scratch=tmp_path)  # type: ignore[arg-type]  # as above
    assert half.logs == {"entra-signin": False}
    assert half.findings
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  # a test, in which nobody waits


async def test_progress_is_told() -> None:
    told: list[tuple[str, int, bool]] = []

    def tell(at: Progress) -> None:
        told.append((at.collector, at.facts, at.ended))

    await sweep_tenant(Access(identity=450), [Never()], LOOK, {}, progress=tell)  # type: ignore[arg-type]  # as above
    assert told == [("numbers", 200, False), ("numbers", 400, False), ("numbers", 450, True)]


def test_what_is_shipped_keeps_the_contract() -> None:
    found = checks()
    assert len({check.name for check in found}) == len(found) > 0


# --- one that cannot be read hides nothing of the others --------------------------------------------------------------


@collector("identity")
async def defective(given: Giver) -> AsyncIterator[int]:
    yield 1
    raise KeyError("secret-value")


@collector("identity")
async def without_secret(given: Giver) -> AsyncIterator[int]:
    raise SecretUnreadable("the secret of acme cannot be opened")
    yield 1


@collector("mail")
async def misconfigured(given: Giver) -> AsyncIterator[int]:
    yield 1


@collector("identity", log="entra-signin")
async def half_read(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    yield {"id": "s1", "createdDateTime": "no time", "userPrincipalName": "anna@acme.example"}


class Defective(Never):
    name = "checks.defective"
    collect = defective


class WithoutSecret(Never):
    name = "checks.without_secret"
    collect = without_secret


class Misconfigured(Never):
    name = "checks.misconfigured"
    collect = misconfigured


class HalfRead(Spray):
    name = "checks.half_read"
    collect = half_read


class BrokenFile(Access):
    async def capability(self, name: str) -> Any:
        if name == "mail":
            raise InvalidTenant("the provider 'm365' of acme needs the secret 'certificate'")
        return await super().capability(name)


async def test_what_is_wrong_with_one_is_said_of_it_alone() -> None:
    loaded = detections()
    asked = [Defective(), WithoutSecret(), Misconfigured(), HalfRead(), Three()]
    found = await sweep_tenant(BrokenFile(identity=3), asked, LOOK, loaded)  # type: ignore[arg-type]  # as above
    assert {name: status for name, (status, _) in standing(found).items()} == {
        "checks.defective": "unknown",
        "checks.without_secret": "unknown",
        "checks.misconfigured": "unknown",  # a file that is wrong is no client without mail
        "checks.half_read": "unknown",
        "checks.three": "fail",
    }
    why = {one["check"]: one["why"] for one in found.could_not_check}
    assert "KeyError" in why["checks.defective"]
    assert "secret-value" not in why["checks.defective"]
    assert "cannot be opened" in why["checks.without_secret"]
    assert "certificate" in why["checks.misconfigured"]
    assert "1 records of the log entra-signin could not be read" in why["checks.half_read"]


async def test_a_record_that_cannot_be_written_ends_the_sweep() -> None:
    class Full(Access):
        async def capability(self, name: str) -> Any:
            raise JournalUnavailable("the disk is full")

    with pytest.raises(JournalUnavailable):
        await sweep_tenant(Full(identity=1), [Three()], LOOK, {})  # type: ignore[arg-type]  # as above
