from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integrations.lab.stand import Stand

MESSAGE = {
    "key": "run-1/step",
    "channel": "mail",
    "to": ["lead@msp.example"],
    "subject": "Update",
    "text": "All is well.",
}


async def post(stand: Stand, body: Any, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token or stand.lab.sink_token}"}
    return await stand.http.post("/sink/messages", json=body, headers=headers)


async def look(stand: Stand, key: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {stand.lab.sink_token}"}
    answer = await stand.http.get("/sink/messages", params={"key": key}, headers=headers)
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


async def test_a_message_is_kept_and_found_by_its_key(stand: Stand) -> None:
    assert await look(stand, MESSAGE["key"]) == []
    answer = await post(stand, MESSAGE)
    assert answer.status_code == 201
    assert [row["text"] for row in await look(stand, MESSAGE["key"])] == ["All is well."]
    assert [(entry["service"], entry["target"]) for entry in stand.lab.audit] == [("sink", "messages/run-1/step")]


async def test_a_key_is_taken_once(stand: Stand) -> None:
    await post(stand, MESSAGE)
    answer = await post(stand, {**MESSAGE, "text": "another"})
    assert answer.status_code == 409
    assert len(stand.lab.sink.messages) == len(stand.lab.audit) == 1
    assert [entry["key"] for entry in stand.lab.sink.duplicates] == [MESSAGE["key"]]


@pytest.mark.parametrize(
    "change",
    [
        {"key": 1},
        {"key": ""},
        {"channel": "fax"},
        {"to": "lead@msp.example"},
        {"to": []},
        {"to": [1]},
        {"text": None},
        {"extra": 1},
    ],
)
async def test_types_are_strict(stand: Stand, change: dict[str, Any]) -> None:
    assert (await post(stand, {**MESSAGE, **change})).status_code == 400
    assert stand.lab.sink.messages == []


async def test_fields_must_all_be_there(stand: Stand) -> None:
    assert (await post(stand, {name: value for name, value in MESSAGE.items() if name != "subject"})).status_code == 400


async def test_the_token_is_demanded(stand: Stand) -> None:
    assert (await post(stand, MESSAGE, token="wrong")).status_code == 401
    assert (await stand.http.get("/sink/messages")).status_code == 401
    headers = {"Authorization": f"Bearer {stand.lab.sink_token}"}
    assert (await stand.http.delete("/sink/messages", headers=headers)).status_code == 405
    assert (await stand.http.get("/sink/other", headers=headers)).status_code == 404
