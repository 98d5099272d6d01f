from __future__ import annotations

import re
from collections import Counter
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from integrations.lab.faults import FaultPlan, Faults, load_plan
from tenantry.errors import InvalidInput
from tests.integrations.lab.stand import Stand


def drawn(plan: FaultPlan, count: int = 400) -> list[str | None]:
    faults = Faults()
    faults.set(plan)
    return [faults.decide(faults.next_ordinal(), "GET", "/graph/v1.0/users", None).kind for _ in range(count)]


def test_the_same_seed_draws_the_same_faults() -> None:
    plan = FaultPlan(throttle_rate=0.2, error_rate=0.2, drop_rate=0.1, seed=7)
    assert drawn(plan) == drawn(plan)
    assert drawn(plan) != drawn(plan.model_copy(update={"seed": 8}))


def test_rates_are_kept() -> None:
    kinds = Counter(drawn(FaultPlan(throttle_rate=0.25, timeout_after_effect_rate=0.25), 2000))
    assert 0.2 < kinds["throttle"] / 2000 < 0.3
    assert 0.14 < kinds["timeout_after_effect"] / 2000 < 0.24  # of what is not throttled


def test_setting_a_plan_begins_anew() -> None:
    faults = Faults()
    plan = FaultPlan(error_rate=0.5)
    faults.set(plan)
    first = [faults.decide(faults.next_ordinal(), "GET", "/", None).kind for _ in range(30)]
    faults.set(plan)
    assert [faults.decide(faults.next_ordinal(), "GET", "/", None).kind for _ in range(30)] == first


def test_what_is_not_known_is_refused() -> None:
    for wrong in ({"error_rat": 1}, {"error_rate": 2}, {"script": [{"fault": "explode"}]}, {"latency_ms": -1}):
        with pytest.raises(ValidationError):
            FaultPlan.model_validate(wrong)


def test_a_plan_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('{"error_rate": 0.25}')
    assert load_plan(path) == FaultPlan(error_rate=0.25)
    for text in ('{"error_rat": 1}', "{", "[]"):
        path.write_text(text)
        with pytest.raises(InvalidInput) as caught:
            load_plan(path)
        assert caught.value.place == str(path)
    with pytest.raises(InvalidInput):
        load_plan(tmp_path / "none.json")


async def test_latency_delays(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("integrations.lab.app.asyncio.sleep", sleep)
    await stand.faults(latency_ms=120)
    await stand.get("organization")
    await stand.faults(latency_ms=100, slow_rate=1, slow_ms=900)
    await stand.get("organization")
    assert slept == [0.12, 1.0]


async def test_throttling_happens_before_any_effect(stand: Stand) -> None:
    await stand.faults(throttle_rate=1, retry_after_s=3, retry_after_style="seconds")
    answer = await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert stand.lab.audit == []
    assert (await stand.cmdlet("Get-OrganizationConfig")).status_code == 429
    assert (await stand.http.get("/sink/messages")).status_code == 429
    assert (await stand.ask_token()).status_code == 429


async def test_retry_after_may_be_a_date(stand: Stand) -> None:
    await stand.faults(throttle_rate=1, retry_after_s=3, retry_after_style="date")
    answer = await stand.graph("GET", "users")
    wait = parsedate_to_datetime(answer.headers["Retry-After"]) - stand.clock()
    assert 3 <= wait.total_seconds() <= 4


async def test_mixed_styles_both_occur(stand: Stand) -> None:
    await stand.faults(throttle_rate=1)
    seen = {(await stand.graph("GET", "users")).headers["Retry-After"].isdecimal() for _ in range(40)}
    assert seen == {True, False}


async def test_identity_protection_throttles_without_a_word(stand: Stand) -> None:
    await stand.faults(throttle_rate=1)
    answer = await stand.graph("GET", "identityProtection/riskyUsers")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers


async def test_errors_come_as_json_html_or_nothing(stand: Stand) -> None:
    await stand.faults(error_rate=1)
    answers = [await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False}) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {500, 502, 503, 504}
    kinds = {answer.headers["content-type"] for answer in answers}
    assert kinds == {"application/json", "text/html"}
    assert stand.lab.audit == []
    await stand.faults(script=[{"fault": "error", "status": 500, "style": "empty"}])
    assert (await stand.graph("GET", "users")).content == b""


async def test_a_dropped_connection_has_no_effect(stand: Stand) -> None:
    await stand.faults(drop_rate=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False})
    assert stand.lab.audit == []


async def test_a_timeout_after_the_effect(stand: Stand) -> None:
    await stand.faults(timeout_after_effect_rate=1, hang_ms=0)
    with pytest.raises(httpx.ReadTimeout):
        await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False})
    assert len(stand.lab.audit) == 1
    with pytest.raises(httpx.ReadTimeout):
        await stand.cmdlet("Set-Mailbox", Identity=stand.finance, ForwardingSmtpAddress=None)
    assert len(stand.lab.audit) == 2
    # Reads, and writes that were refused, are answered as ever.
    assert (await stand.get(f"users/{stand.finance}?$select=accountEnabled"))["accountEnabled"] is False
    assert (await stand.graph("PATCH", "users/nobody", json={"accountEnabled": False})).status_code == 404


async def test_a_cut_page_is_no_json(stand: Stand) -> None:
    await stand.faults(script=[{"fault": "partial_page", "style": "truncated"}])
    answer = await stand.graph("GET", "users")
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()
    assert (await stand.get(f"users/{stand.finance}"))["id"]  # single objects are not pages


async def test_a_page_cut_by_the_network(stand: Stand) -> None:
    await stand.faults(script=[{"fault": "partial_page", "style": "cut"}])
    with pytest.raises(httpx.RemoteProtocolError):
        await stand.graph("GET", "users")


async def test_short_pages_lose_nothing(stand: Stand) -> None:
    whole = await stand.every("users?$select=id")
    rules = await stand.run("Get-InboxRule", Mailbox=stand.finance, IncludeHidden=True)
    await stand.faults(script=[{"fault": "partial_page", "style": "rows"}])
    page = await stand.get("users?$select=id&$top=50")
    assert len(page["value"]) == 25
    assert page["@odata.nextLink"]
    assert await stand.every("users?$select=id") == whole
    assert await stand.every(f"users/{stand.finance}/messages") != []
    first = (await stand.cmdlet("Get-InboxRule", Mailbox=stand.finance, IncludeHidden=True)).json()
    assert len(first["value"]) == len(rules) // 2
    assert first["@odata.nextLink"]


async def test_random_partial_pages_are_of_every_kind(stand: Stand) -> None:
    await stand.faults(partial_page_rate=1)
    seen = set()
    for _ in range(40):
        try:
            answer = await stand.graph("GET", "users?$top=20&$select=id")
            seen.add("rows" if len(answer.json()["value"]) == 10 else "whole")
        except httpx.RemoteProtocolError:
            seen.add("cut")
        except ValueError:
            seen.add("truncated")
    assert seen == {"rows", "cut", "truncated"}


async def test_late_propagation(stand: Stand) -> None:
    await stand.faults(propagation_ms=4000)
    rule = stand.artefacts["rule"]
    path = f"users/{stand.finance}?$select=accountEnabled"
    rules = f"users/{stand.finance}/mailFolders/inbox/messageRules"
    await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False})
    await stand.graph("DELETE", f"{rules}/{rule['graph_id']}")
    assert (await stand.get(path))["accountEnabled"] is True
    assert rule["name"] in [row["displayName"] for row in (await stand.get(rules))["value"]]
    assert (await stand.graph("DELETE", f"{rules}/{rule['graph_id']}")).status_code == 404
    stand.clock.advance(4)
    assert (await stand.get(path))["accountEnabled"] is False
    assert rule["name"] not in [row["displayName"] for row in (await stand.get(rules))["value"]]


async def test_a_script_hits_the_nth_matching_call(stand: Stand) -> None:
    await stand.faults(
        script=[
            {"match": {"method": "GET", "path": "/users$"}, "nth": [2, 3], "fault": "error", "status": 503},
            {"match": {"cmdlet": "get-organizationconfig"}, "nth": 1, "fault": "throttle", "retry_after_s": 9},
        ]
    )
    assert [(await stand.graph("GET", "users")).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert (await stand.graph("GET", "organization")).status_code == 200
    assert (await stand.cmdlet("Get-OrganizationConfig")).headers["Retry-After"] == "9"
    assert (await stand.cmdlet("Get-OrganizationConfig")).status_code == 200


async def test_a_transient_exception_hides_under_400(stand: Stand) -> None:
    await stand.faults(
        script=[{"match": {"cmdlet": "Get-OrganizationConfig"}, "nth": 1, "fault": "error", "style": "transient"}]
    )
    answer = await stand.cmdlet("Get-OrganizationConfig")
    assert answer.status_code == 400
    assert re.fullmatch(r"Ex\w+\|[\w.]+ServerBusyException\|.+", answer.json()["error"]["details"][0]["message"])
    assert (await stand.cmdlet("Get-OrganizationConfig")).status_code == 200


async def test_reports_have_a_quota_when_asked(stand: Stand) -> None:
    for _ in range(8):
        await stand.get("auditLogs/signIns?$top=1")
    await stand.faults(reports_limit=True)
    codes = [(await stand.graph("GET", "auditLogs/signIns?$top=1")).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    stand.clock.advance(4)
    assert (await stand.graph("GET", "auditLogs/directoryAudits")).headers["Retry-After"] == "6"
    assert (await stand.graph("GET", "users")).status_code == 200
    stand.clock.advance(7)
    assert (await stand.graph("GET", "auditLogs/signIns?$top=1")).status_code == 200


async def test_control_is_never_at_fault(stand: Stand) -> None:
    await stand.faults(drop_rate=1, error_rate=1, throttle_rate=1, latency_ms=60_000)
    assert (await stand.http.get("/_lab/state")).status_code == 200
