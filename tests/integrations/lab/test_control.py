from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.lab.stand import Stand, error_code


async def test_the_state_tells_the_story_and_no_secret(stand: Stand) -> None:
    answer = await stand.http.get("/_lab/state")
    state = answer.json()
    assert state["scenario"]["name"] == "bec"
    assert state["scenario"]["compromised"] == [stand.finance, stand.second]
    assert state["users"] == 300
    assert state["scenario"]["artefacts"]["hidden_rule"]["hidden"] is True
    for secret in (stand.lab.client_secret, stand.lab.sink_token, stand.graph_token):
        assert secret not in answer.text


async def test_the_audit_lists_accepted_writes_in_order(stand: Stand) -> None:
    user = f"users/{stand.finance}"
    await stand.graph("PATCH", user, json={"accountEnabled": False})
    await stand.graph("PATCH", user, json={"accountEnabled": False})
    await stand.graph("PATCH", user, json={"accountEnable": False})
    await stand.cmdlet("Get-Mailbox", Identity=stand.finance)
    await stand.cmdlet("Set-Mailbox", Identity=stand.finance, ForwardingSmtpAddress=None)
    await stand.graph(
        "POST",
        "security/auditLog/queries",
        json={"filterStartDateTime": "2026-11-01", "filterEndDateTime": "2026-11-02"},
    )
    audit = (await stand.http.get("/_lab/audit")).json()
    assert [(entry["seq"], entry["service"], entry["method"]) for entry in audit] == [
        (1, "graph", "PATCH"),
        (2, "graph", "PATCH"),
        (3, "exchange", "Set-Mailbox"),
    ]
    assert audit[0]["before"] == {"accountEnabled": True}
    assert audit[1]["before"] == audit[1]["after"] == {"accountEnabled": False}
    assert set(audit[0]) == {"seq", "at", "service", "method", "target", "before", "after", "caller"}
    assert audit[0]["caller"] == f"app:{stand.lab.client_id}"
    assert audit == stand.lab.audit


async def test_a_reset_begins_again(stand: Stand) -> None:
    before = await stand.get(f"users/{stand.finance}/authentication/methods")
    await stand.faults(propagation_ms=5)
    method = stand.artefacts["authenticator"]["method_id"]
    path = f"users/{stand.finance}/authentication/microsoftAuthenticatorMethods/{method}"
    assert (await stand.graph("DELETE", path)).status_code == 204
    stand.lab.change_permissions(revoke=["User.Read.All"])
    await stand.http.post("/_lab/reset")
    assert (await stand.http.get("/_lab/audit")).json() == []
    assert await stand.get(f"users/{stand.finance}/authentication/methods") == before
    assert stand.lab.faults.calm
    assert "User.Read.All" in stand.lab.granted_roles


async def test_permissions_can_be_taken_at_once_or_with_the_next_token(stand: Stand) -> None:
    names = ["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]
    await stand.http.post("/_lab/permissions", json={"revoke": names, "when": "next_token"})
    assert (await stand.graph("GET", "users")).status_code == 200
    await stand.sign_in()
    answer = await stand.graph("GET", "users")
    assert (answer.status_code, error_code(answer)) == (403, "Authorization_RequestDenied")
    await stand.http.post("/_lab/permissions", json={"grant": ["User.Read.All"]})
    assert (await stand.graph("GET", "users")).status_code == 200
    await stand.http.post("/_lab/permissions", json={"revoke": ["User.Read.All", "Exchange.ManageAsApp"]})
    assert (await stand.graph("GET", "users")).status_code == 403


async def test_tokens_can_be_expired(stand: Stand) -> None:
    assert (await stand.http.post("/_lab/expire_tokens")).json() == {"expired": 2}
    assert (await stand.graph("GET", "users")).status_code == 401
    await stand.sign_in()
    assert (await stand.graph("GET", "users")).status_code == 200


async def test_on_premises_values_win_at_the_next_sync(stand: Stand) -> None:
    body = {"user": stand.synced, "accountEnabled": False}
    assert (await stand.http.post("/_lab/on_premises", json=body)).status_code == 200
    assert (await stand.http.post("/_lab/sync")).json() == {"reverted": [stand.synced]}
    assert (await stand.get(f"users/{stand.synced}?$select=accountEnabled"))["accountEnabled"] is False
    body["user"] = stand.finance
    assert (await stand.http.post("/_lab/on_premises", json=body)).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("GET", "reset", None, 405),
        ("POST", "faults", {"unknown": 1}, 400),
        ("POST", "faults", [], 400),
        ("POST", "permissions", {"grant": "User.Read.All"}, 400),
        ("POST", "permissions", {"when": "later"}, 400),
    ],
)
async def test_refusals(stand: Stand, method: str, path: str, body: Any, status: int) -> None:
    answer = await stand.http.request(method, f"/_lab/{path}", json=body)
    assert answer.status_code == status


async def test_faults_are_told(stand: Stand) -> None:
    answer = await stand.http.post("/_lab/faults", json={"error_rate": 0.5})
    assert answer.json()["error_rate"] == 0.5
    assert (await stand.http.get("/_lab/faults")).json() == answer.json()
    assert (await stand.http.post("/_lab/faults", json={})).json()["error_rate"] == 0
