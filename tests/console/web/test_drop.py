"""What the console answers to contacts, to guessers and to whatever else finds its port."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from tenantry.broker import ConsoleHand
from tenantry.drop import MAX_SEALED, Expected, Made
from tenantry.drop.seal import seal
from tenantry.vault import Vault
from tests.console.web.conftest import Front

TWO = (Expected("m365/secret", "password", "<script>alert(1)</script>"), Expected("vpn/cert", "file"))


@pytest.fixture
def made(front: Front) -> Made:
    return front.make(*TWO)


@pytest.fixture
def client(front: Front, made: Made) -> Iterator[TestClient]:
    with front.serving() as client:
        yield client


def prove(client: TestClient, made: Made) -> dict[str, Any]:
    assert made.pin is not None
    given = {"token": made.token.get_secret_value(), "code": made.pin.get_secret_value()}
    answer = client.post(f"/drop/{made.drop.id}/verify", json=given)
    assert answer.status_code == 200
    return dict(answer.json())


def state(client: TestClient, made: Made) -> dict[str, Any]:
    answer = client.get(f"/drop/{made.drop.id}/state")
    assert answer.status_code == 200
    return dict(answer.json())


def sealed(client: TestClient, made: Made, place: int, value: bytes) -> bytes:
    public = base64.b64decode(state(client, made)["public"])
    return seal(value, public, made.drop.id, TWO[place].name)


def test_the_whole_way(client: TestClient, made: Made, front: Front) -> None:
    drop = made.drop.id
    looked = client.post(f"/drop/{drop}/look", json={"token": made.token.get_secret_value()})
    assert looked.json()["contact"] == "Jo Doe"
    assert client.get(f"/drop/{drop}/state").status_code == 401
    assert prove(client, made) == {"refused": None}
    assert [one["received"] for one in state(client, made)["expected"]] == [False, False]
    for place, value in enumerate((b"value", b"\0\1")):
        content = sealed(client, made, place, value)
        answer = client.put(f"/drop/{drop}/sealed/{place}", content=content)
        assert answer.json() == {"received": True, "ended": place == 1}
    assert state(client, made)["status"] == "completed"
    with Vault.open(front.place.home) as vault:
        assert vault.get("acme", "vpn/cert").get_secret_value() == b"\0\1"


def test_the_session_is_a_cookie_that_scripts_and_other_pages_do_not_get(front: Front, made: Made) -> None:
    for tls in (False, True):
        with front.serving(tls=tls) as client:
            prove(client, made)
            [cookie] = [c for c in client.cookies.jar if c.name == "drop"]
            assert cookie.path == f"/drop/{made.drop.id}"
            assert cookie.secure is tls
            assert cookie.expires is None
            assert cookie.has_nonstandard_attr("HttpOnly")
            assert cookie.get_nonstandard_attr("SameSite") == "strict"


def test_every_answer_forbids_what_it_can(client: TestClient, made: Made) -> None:
    for path in (f"/drop/{made.drop.id}", "/drop/assets/drop.js", "/drop/assets/drop.css", "/nothing", "/drop/x/state"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in headers
        assert "server" not in headers


def test_so_does_one_that_tells_of_a_defect_and_says_nothing_of_it(front: Front) -> None:
    class Broken:
        def look(self, *_: object) -> dict[str, Any]:
            raise ZeroDivisionError("with a token in its text")

        verify = state = take = look

    with front.client(Broken()) as client:
        client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]  # as uvicorn, which logs them
        answer = client.post("/drop/x/look", json={"token": "x"})
    assert (answer.status_code, answer.text) == (500, "500\n")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_beyond_loopback_browsers_are_told_to_come_by_tls_alone(front: Front) -> None:
    with front.serving(tls=True) as client:
        assert "max-age" in client.get("/drop/x").headers["strict-transport-security"]


def test_the_page_is_the_same_for_every_id_and_loads_nothing_from_elsewhere(client: TestClient, made: Made) -> None:
    page = client.get(f"/drop/{made.drop.id}")
    assert page.text == client.get("/drop/0000000000000000").text
    assert page.headers["content-type"].startswith("text/html")
    for text in (page.text, client.get("/drop/assets/drop.js").text, client.get("/drop/assets/drop.css").text):
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
        assert "localStorage" not in text
        assert "sessionStorage" not in text
    assert "<style" not in page.text
    assert 'style="' not in page.text


def test_titles_are_data(client: TestClient, made: Made) -> None:
    prove(client, made)
    answer = client.get(f"/drop/{made.drop.id}/state")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["expected"][0]["title"] == "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "path", ["", "/", "/drop", "/drop/", "/drop/a/b/c", "/drop/assets/drop.py", "/docs", "/openapi.json"]
)
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_methods_that_are_not_meant(client: TestClient, made: Made) -> None:
    drop = made.drop.id
    for method, path in (
        ("POST", ""),
        ("GET", "/look"),
        ("DELETE", "/state"),
        ("POST", "/sealed/0"),
        ("GET", "/sealed/0"),
    ):
        assert client.request(method, f"/drop/{drop}{path}").status_code == 405


def test_guessing_tokens_is_slow_and_says_nothing(client: TestClient, made: Made, front: Front) -> None:
    answers = []
    for _ in range(30):
        guess = secrets.token_urlsafe(32)
        answers.append(client.post(f"/drop/{made.drop.id}/look", json={"token": guess}))
    assert [answer.status_code for answer in answers] == [404] * 20 + [429] * 10
    assert len({answer.text for answer in answers[:20]}) == 1
    assert client.post("/drop/nothere/look", json={"token": "x"}).status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    front.now += 3
    good = {"token": made.token.get_secret_value()}
    assert client.post(f"/drop/{made.drop.id}/look", json=good).status_code == 200
    unknown = client.post("/drop/nothere/look", json=good)
    assert unknown.status_code == 429
    front.now += 60
    unknown = client.post("/drop/nothere/look", json=good)
    assert (unknown.status_code, unknown.text) == (404, answers[0].text)


def test_guessing_the_number_ends_the_drop(client: TestClient, made: Made) -> None:
    given = {"token": made.token.get_secret_value(), "code": "x"}
    said = [client.post(f"/drop/{made.drop.id}/verify", json=given).json() for _ in range(6)]
    assert [one["refused"] for one in said] == ["wrong"] * 4 + ["locked", "locked"]
    assert made.pin is not None
    given["code"] = made.pin.get_secret_value()
    assert client.post(f"/drop/{made.drop.id}/verify", json=given).json()["refused"] == "locked"
    assert "drop" not in client.cookies


def test_another_session_is_none(client: TestClient, made: Made, front: Front) -> None:
    other = front.make(Expected("other"))
    prove(client, other)
    session = client.cookies["drop"]
    client.cookies.clear()
    for value in (session, "x", "x" * 5000, "\\x00"):
        headers = {"Cookie": f"drop={value}"}
        assert client.get(f"/drop/{made.drop.id}/state", headers=headers).status_code == 401
        answer = client.put(f"/drop/{made.drop.id}/sealed/0", headers=headers, content=b"x")
        assert answer.status_code == 401


def test_two_tabs(client: TestClient, made: Made) -> None:
    prove(client, made)
    first = sealed(client, made, 0, b"from the first tab")
    second = sealed(client, made, 0, b"from the second tab")
    address = f"/drop/{made.drop.id}/sealed/0"
    assert client.put(address, content=first).status_code == 200
    assert client.put(address, content=first).status_code == 200  # its answer was lost, it is sent again
    assert client.put(address, content=second).status_code == 409
    assert state(client, made)["expected"][0]["received"]


def test_what_is_too_large_is_refused_before_it_is_read(client: TestClient, made: Made) -> None:
    prove(client, made)
    address = f"/drop/{made.drop.id}/sealed/1"
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        for _ in range(160):
            read.append(1)
            yield bytes(65_536)

    assert client.put(address, content=bytes(10_000_000)).status_code == 413
    assert client.put(address, content=endless()).status_code == 413  # chunked: no length is said
    assert client.put(address, content=b"x", headers={"Content-Length": "9" * 30}).status_code == 413
    assert client.put(address, content=b"x", headers={"Content-Length": "-1"}).status_code == 413
    big = sealed(client, made, 1, bytes(1_048_576))
    assert len(big) == MAX_SEALED
    assert client.put(address, content=big).status_code == 200
    token = {"token": "x" * 5000}
    assert client.post(f"/drop/{made.drop.id}/look", json=token).status_code == 413


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b'{"token": 5}',
        b'{"token": ""}',
        b"\xff",
        b"[" * 4000,
        b'{"token": "x", "token": []}',
    ],
)
def test_bodies_that_are_none(client: TestClient, made: Made, content: bytes) -> None:
    answer = client.post(f"/drop/{made.drop.id}/look", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert json.loads(answer.text) == {"code": "invalid_input"}


def test_hostile_values_and_places(client: TestClient, made: Made) -> None:
    prove(client, made)
    drop = made.drop.id
    good = sealed(client, made, 0, b"value")
    for content in (
        b"",
        b"garbage",
        good[:-1],
        sealed(client, made, 1, b"value"),
        sealed(client, made, 0, b"two\nlines"),
    ):
        assert client.put(f"/drop/{drop}/sealed/0", content=content).status_code == 422
    for place in ("7", "99999999999999999999", "9" * 5000, "٣", "-1", "x", "0/.."):
        assert client.put(f"/drop/{drop}/sealed/{place}", content=good).status_code == 404
    for odd in ("..%2f..%2fetc", "%00", "é", "x" * 5000, "'--"):
        assert client.post(f"/drop/{odd}/look", json={"token": "x"}).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://drops.example"},
    ],
)
def test_other_pages_may_not_post(client: TestClient, made: Made, headers: dict[str, str]) -> None:
    given = {"token": made.token.get_secret_value()}
    assert client.post(f"/drop/{made.drop.id}/look", json=given, headers=headers).status_code == 403
    own = {"Origin": "http://drops.example", "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"/drop/{made.drop.id}/look", json=given, headers=own).status_code == 200


def test_while_the_broker_is_away_the_page_is_told_to_try_again(front: Front, made: Made) -> None:
    token = {"token": made.token.get_secret_value()}
    with front.serving() as client:
        prove(client, made)
        cookie = client.cookies["drop"]
        content = sealed(client, made, 0, b"value")
    away = ConsoleHand(front.place.home.broker_socket, SecretStr("x"), patience=0.0)
    with front.client(away) as client:
        for answer in (
            client.post(f"/drop/{made.drop.id}/look", json=token),
            client.put(f"/drop/{made.drop.id}/sealed/0", content=content, headers={"Cookie": f"drop={cookie}"}),
        ):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json() == {"code": "broker_unavailable"}
    # Another broker and another console: the session goes on, and nothing was taken meanwhile.
    with front.serving() as client:
        client.cookies.set("drop", cookie)
        assert not state(client, made)["expected"][0]["received"]
        assert client.put(f"/drop/{made.drop.id}/sealed/0", content=content).json()["received"]


def test_a_console_that_the_broker_does_not_know_ends(front: Front, made: Made) -> None:
    with front.place.serving():
        unknown = ConsoleHand(front.place.home.broker_socket, SecretStr("no token"), patience=0.0)
        with front.client(unknown) as client:
            answer = client.post(f"/drop/{made.drop.id}/look", json={"token": "x"})
        unknown.close()
    assert answer.status_code == 503
    assert front.rejected == 1
