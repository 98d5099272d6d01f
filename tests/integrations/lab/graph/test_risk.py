from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.lab.stand import Stand

RISKY = "identityProtection/riskyUsers"


async def test_who_is_at_risk(stand: Stand) -> None:
    rows = await stand.every(RISKY)
    assert {row["userPrincipalName"] for row in rows} == {stand.finance, stand.second}
    assert {row["riskState"] for row in rows} == {"atRisk"}
    assert await stand.every(f"{RISKY}?$filter=riskState eq 'remediated'") == []


async def test_confirming_and_dismissing(stand: Stand) -> None:
    key = (await stand.get(f"users/{stand.finance}"))["id"]
    assert (await stand.graph("POST", f"{RISKY}/confirmCompromised", json={"userIds": [key]})).status_code == 204
    found = await stand.get(f"{RISKY}/{key}")
    assert (found["riskLevel"], found["riskState"]) == ("high", "confirmedCompromised")
    assert (await stand.graph("POST", f"{RISKY}/dismiss", json={"userIds": [key]})).status_code == 204
    assert (await stand.get(f"{RISKY}/{key}"))["riskState"] == "dismissed"
    assert [entry["method"] for entry in stand.lab.audit] == ["POST confirmCompromised", "POST dismiss"]


async def test_a_user_without_risk_can_be_confirmed(stand: Stand) -> None:
    key = (await stand.get(f"users/{stand.assistant}"))["id"]
    assert (await stand.graph("GET", f"{RISKY}/{key}")).status_code == 404
    await stand.graph("POST", f"{RISKY}/confirmCompromised", json={"userIds": [key]})
    assert (await stand.get(f"{RISKY}/{key}"))["riskLevel"] == "high"


@pytest.mark.parametrize(
    "body", [{}, {"userIds": []}, {"userIds": "x"}, {"userIds": [1]}, {"users": []}, {"userIds": ["x"] * 61}]
)
async def test_refusals(stand: Stand, body: dict[str, Any]) -> None:
    assert (await stand.graph("POST", f"{RISKY}/confirmCompromised", json=body)).status_code == 400


async def test_unknown_users_and_names_instead_of_ids(stand: Stand) -> None:
    for key in ("00000000-0000-4000-8000-000000000000", stand.finance):
        answer = await stand.graph("POST", f"{RISKY}/confirmCompromised", json={"userIds": [key]})
        assert answer.status_code == 404
    assert stand.lab.audit == []
