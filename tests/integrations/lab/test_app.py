from __future__ import annotations

from typing import Any

from tests.integrations.lab.stand import Stand


async def test_unknown_services_and_too_large_bodies(stand: Stand) -> None:
    assert (await stand.http.get("/")).status_code == 404
    assert (await stand.http.get("/other/thing")).status_code == 404
    assert (await stand.http.post("/sink/messages", content=b"x" * (4 * 1024 * 1024 + 1))).status_code == 413


async def test_lifespan_is_answered(stand: Stand) -> None:
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await stand.lab.app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_answers_carry_length_and_type(stand: Stand) -> None:
    answer = await stand.graph("GET", "users?$top=1")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"] == "application/json"
    empty = await stand.graph("PATCH", f"users/{stand.finance}", json={"accountEnabled": True})
    assert (empty.status_code, empty.content) == (204, b"")
    assert "content-length" not in empty.headers
