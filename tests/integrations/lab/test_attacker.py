from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.attacker import DISABLED, SESSION_REVOKED, WRONG_PASSWORD
from tests.integrations.lab.stand import Stand

PASSWORD = {"passwordProfile": {"password": "Correct-Horse-7"}}


async def back(stand: Stand) -> dict[str, tuple[int, int]]:
    tries = (await stand.http.post("/_lab/attacker")).json()["tries"]
    return {one["user"]: (one["password"], one["session"]) for one in tries}


async def test_nothing_stops_them_at_first(stand: Stand) -> None:
    assert await back(stand) == {stand.finance: (0, 0), stand.second: (0, 0)}
    row = (await stand.get("auditLogs/signIns?$top=1"))["value"][0]
    assert (row["userPrincipalName"], row["location"]["countryOrRegion"], row["status"]["errorCode"]) == (
        stand.second,
        "NL",
        0,
    )
    assert stand.lab.audit == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (("PATCH", "", {"accountEnabled": False}), (DISABLED, DISABLED)),
        (("POST", "/revokeSignInSessions", None), (0, SESSION_REVOKED)),
        (("PATCH", "", PASSWORD), (WRONG_PASSWORD, SESSION_REVOKED)),
    ],
)
async def test_what_stops_them(stand: Stand, action: tuple[str, str, Any], expected: tuple[int, int]) -> None:
    method, path, body = action
    await stand.graph(method, f"users/{stand.finance}{path}", json=body)
    assert await back(stand) == {stand.finance: expected, stand.second: (0, 0)}


async def test_their_tries_are_logged_in_order(stand: Stand) -> None:
    await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False})
    await back(stand)
    rows = await stand.every("auditLogs/signIns", params={"$filter": f"userPrincipalName eq '{stand.finance}'"})
    assert rows[0]["status"]["errorCode"] == DISABLED
    times = [row["createdDateTime"] for row in stand.lab.tenant.sign_ins]
    assert times == sorted(times, reverse=True)


async def test_nobody_comes_back_to_a_quiet_tenant() -> None:
    stand = Stand(scenario="quiet")
    assert await back(stand) == {}
