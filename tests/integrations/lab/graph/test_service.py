from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.graph.service import ROUTES
from tests.integrations.lab.stand import Stand, error_code

JSON = {"Content-Type": "application/json"}


async def batch(stand: Stand, *items: dict[str, Any]) -> dict[str, dict[str, Any]]:
    answer = await stand.graph("POST", "$batch", json={"requests": list(items)})
    assert answer.status_code == 200, answer.text
    return {entry["id"]: entry for entry in answer.json()["responses"]}


async def test_errors_have_graphs_form(stand: Stand) -> None:
    answer = await stand.graph("GET", "users/nobody", headers={"client-request-id": "mine"})
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "innerError"}
    assert error["innerError"]["client-request-id"] == answer.headers["client-request-id"] == "mine"
    assert error["innerError"]["request-id"] == answer.headers["request-id"]


async def test_unknown_paths_methods_and_versions(stand: Stand) -> None:
    assert (await stand.graph("GET", "userz")).status_code == 404
    assert (await stand.graph("GET", "users/x/y/z")).status_code == 404
    assert (await stand.graph("GET", "users", version="v2.0")).status_code == 404
    assert (await stand.graph("PUT", f"users/{stand.finance}", json={})).status_code == 405
    assert (await stand.graph("DELETE", "users")).status_code == 405
    assert (await stand.graph("GET", "$batch")).status_code == 405


async def test_segments_ignore_case(stand: Stand) -> None:
    assert (await stand.get(f"Users/{stand.finance}/MailFolders/Inbox/messagerules"))["value"]


@pytest.mark.parametrize("family", ["directory", "outlook", "reports", "risk", "security"])
async def test_every_family_refuses_without_permission(stand: Stand, family: str) -> None:
    codes = {
        "directory": "Authorization_RequestDenied",
        "outlook": "ErrorAccessDenied",
        "reports": "Authentication_MSGraphPermissionMissing",
        "risk": "Forbidden",
        "security": "Authorization_RequestDenied",
    }
    stand.lab.change_permissions(revoke=stand.lab.granted_roles)
    routes = [route for route in ROUTES if route.family == family and "v1.0" in route.versions]
    assert routes
    for route in routes:
        path = route.template.format_map(Anything())
        answer = await stand.graph(route.method, path, json={} if route.method in ("POST", "PATCH") else None)
        assert (answer.status_code, error_code(answer)) == (403, codes[family]), route.template
    assert stand.lab.audit == []


class Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "inbox" if key == "folder" else "x"


def test_every_route_demands_a_permission() -> None:
    assert [route.template for route in ROUTES if not route.permissions] == []


@pytest.mark.parametrize("name", ["User.ReadWrite.All", "Directory.ReadWrite.All"])
async def test_any_of_the_permissions_suffices(stand: Stand, name: str) -> None:
    stand.lab.change_permissions(revoke=stand.lab.granted_roles)
    stand.lab.change_permissions(grant=[name])
    answer = await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": False})
    assert answer.status_code == 204


# --- batches ----------------------------------------------------------------------------------------------------------


async def test_each_item_has_its_own_answer(stand: Stand) -> None:
    found = await batch(
        stand,
        {"id": "1", "method": "GET", "url": f"/users/{stand.finance}?$select=accountEnabled"},
        {"id": "2", "method": "GET", "url": "users/nobody"},
        {
            "id": "3",
            "method": "PATCH",
            "url": f"/users/{stand.finance}",
            "headers": JSON,
            "body": {"accountEnabled": False},
        },
        {"id": "4", "method": "GET", "url": f"/users?$filter=userPrincipalName%20eq%20'{stand.finance}'"},
    )
    assert [found[key]["status"] for key in "1234"] == [200, 404, 204, 200]
    assert found["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert "body" not in found["3"]
    assert len(found["4"]["body"]["value"]) == 1
    assert [entry["method"] for entry in stand.lab.audit] == ["PATCH"]


async def test_answers_come_in_another_order(stand: Stand) -> None:
    items = [{"id": str(number), "method": "GET", "url": "/organization"} for number in range(20)]
    answer = await stand.graph("POST", "$batch", json={"requests": items})
    order = [entry["id"] for entry in answer.json()["responses"]]
    assert sorted(order, key=int) == [str(number) for number in range(20)] != order


async def test_a_failed_dependency(stand: Stand) -> None:
    found = await batch(
        stand,
        {"id": "a", "method": "GET", "url": "/users/nobody"},
        {"id": "b", "method": "GET", "url": "/organization", "dependsOn": ["A"]},
        {"id": "c", "method": "GET", "url": "/organization", "dependsOn": ["b"]},
    )
    assert [found[key]["status"] for key in "abc"] == [404, 424, 424]


GET = {"id": "1", "method": "GET", "url": "/organization"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"requests": []},
        {"requests": [GET], "more": 1},
        {"requests": [GET, GET]},
        {"requests": [{**GET, "id": "a"}, {**GET, "id": "A"}]},
        {"requests": [{**GET, "id": str(number)} for number in range(21)]},
        {"requests": [{**GET, "id": 1}]},
        {"requests": [{**GET, "extra": 1}]},
        {"requests": [{"id": "1", "method": "GET"}]},
        {"requests": [{**GET, "method": "FETCH"}]},
        {"requests": [{**GET, "url": "https://graph.microsoft.com/v1.0/users"}]},
        {"requests": [{"id": "1", "method": "PATCH", "url": "/users/x", "body": {}}]},
        {"requests": [{**GET, "dependsOn": ["2"]}, {**GET, "id": "2"}]},
        {"requests": [GET, {**GET, "id": "2", "dependsOn": ["1"]}, {**GET, "id": "3"}]},
    ],
)
async def test_batches_that_are_refused_whole(stand: Stand, body: Any) -> None:
    assert (await stand.graph("POST", "$batch", json=body)).status_code == 400


async def test_items_are_throttled_one_by_one(stand: Stand) -> None:
    await stand.faults(throttle_rate=0.5, retry_after_style="seconds")
    found = await batch(stand, *({"id": str(n), "method": "GET", "url": "/organization"} for n in range(20)))
    throttled = [entry for entry in found.values() if entry["status"] == 429]
    assert 0 < len(throttled) < 20
    assert all(entry["headers"]["Retry-After"] == "1" for entry in throttled)
    await stand.faults(throttle_rate=1)
    found = await batch(stand, {"id": "1", "method": "GET", "url": "/identityProtection/riskyUsers"})
    assert "Retry-After" not in found["1"]["headers"]


async def test_writes_in_a_batch_happen_though_its_answer_is_lost(stand: Stand) -> None:
    import httpx

    await stand.faults(timeout_after_effect_rate=1, hang_ms=0)
    item = {"id": "1", "method": "POST", "url": f"/users/{stand.finance}/revokeSignInSessions"}
    with pytest.raises(httpx.ReadTimeout):
        await batch(stand, item)
    assert len(stand.lab.audit) == 1


async def test_links_in_a_batch_lead_to_pages(stand: Stand) -> None:
    found = await batch(stand, {"id": "1", "method": "GET", "url": "/users?$top=5"})
    assert len(await stand.every(found["1"]["body"]["@odata.nextLink"])) == 295
