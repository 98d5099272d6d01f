"""The intake in front of a real broker: what is kept, what is refused, and what each refusal looks like from outside."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from starlette.testclient import TestClient

from console.web import alerts
from console.web.app import application
from tenantry.alerts.door import intake_key
from tenantry.alerts.message import MAX_BODY, open_from_intake
from tenantry.alerts.sns import certificate_url, confirmation_url
from tenantry.alerts.store import AlertStore
from tenantry.broker import ConsoleHand
from tenantry.errors import BrokerUnavailable, NotAuthenticated, Unreachable
from tenantry.home import Home
from tenantry.vault import Vault
from tests.support.sns import Topic
from tests.tenantry.alerts.samples import GRAPH, GUARDDUTY, HUNTRESS
from tests.tenantry.alerts.test_proof import WHSEC, signed, svix
from tests.tenantry.broker.conftest import Place

TOKEN = "canary-token-4b1d"
HMAC = "canary-hmac-91cc"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:findings"
ESTATE = f"""\
alerts:
  defender: {{kind: microsoft_graph, proof: token, secret: "vault:_msp/alerts/defender"}}
  signed: {{kind: microsoft_graph, proof: hmac, secret: "vault:_msp/alerts/signed"}}
  huntress: {{kind: huntress, proof: svix, secret: "vault:_msp/alerts/huntress"}}
  aws: {{kind: guardduty, proof: sns, topics: ["{TOPIC}"]}}
  wrong: {{kind: guardduty, proof: svix, secret: "vault:_msp/alerts/huntress"}}
"""
OK = {"x-alert-token": TOKEN}


class Front:
    def __init__(self, home: Home) -> None:
        self.place = Place(home)
        self.home = home
        self.now = 0.0
        self.rejected = 0
        self.fetched: list[str] = []
        self.pages: dict[str, bytes] = {}
        home.estate.write_text(ESTATE, encoding="utf-8")
        with Vault.open(home) as vault:
            vault.put("_msp", "alerts/defender", TOKEN)
            vault.put("_msp", "alerts/signed", HMAC)
            vault.put("_msp", "alerts/huntress", WHSEC)

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url not in self.pages:
            raise Unreachable("no such page")
        return self.pages[url]

    @contextmanager
    def serving(self) -> Iterator[TestClient]:
        with self.place.serving() as hand:
            front = ConsoleHand(self.home.broker_socket, hand.grant_console(pid=os.getpid()), patience=0.2)
            with self.client(front) as client:
                yield client
            front.close()

    @contextmanager
    def client(self, hand: alerts.Hand) -> Iterator[TestClient]:
        def rejected() -> None:
            self.rejected += 1

        intake = alerts.Intake(hand, self.home.alerts_db, self.home.alerts_bell, self.fetch)
        app = application(alerts.routes(intake, clock=lambda: self.now), tls=False, rejected=rejected)
        with TestClient(app, base_url="http://alerts.example") as client:
            yield client
        intake.close()

    def rows(self) -> list[Any]:
        store = AlertStore(self.home.alerts_db)
        try:
            return store.accepted(10_000)
        finally:
            store.close()


@pytest.fixture
def front(tmp_path: Path) -> Front:
    return Front(Home(tmp_path / "home").ensure())


def test_what_is_answered_is_kept_sealed_and_known_again(front: Front) -> None:
    with front.serving() as client:
        answer = client.post("/alerts/defender", json=GRAPH, headers=OK)
        again = client.post("/alerts/defender", json=GRAPH, headers=OK)
        later = client.post("/alerts/defender", json=GRAPH | {"lastUpdateDateTime": "2026-11-20T10:00:00Z"}, headers=OK)
    assert (answer.status_code, answer.json()["alerts"][0]["known"]) == (202, False)
    assert again.json()["alerts"] == [{"id": answer.json()["alerts"][0]["id"], "known": True}]
    assert later.json()["alerts"][0]["known"] is False
    row, _ = front.rows()
    assert (row.id, row.source, row.severity) == (answer.json()["alerts"][0]["id"], "defender", "high")
    assert b"acme.example" not in b"".join(path.read_bytes() for path in front.home.path.glob("alerts.db*"))
    with Vault.open(front.home) as vault:
        alert, raw = open_from_intake(row.id, row.body, intake_key(vault))
    assert alert.entities[0].id == "Dana@acme.example"
    assert json.loads(raw) == GRAPH


def test_a_message_with_many(front: Front) -> None:
    many = [GRAPH | {"id": f"a{n}"} for n in range(100)]
    with front.serving() as client:
        answer = client.post("/alerts/defender", json={"value": many}, headers=OK)
        assert client.post("/alerts/defender", json={"value": [*many, GRAPH]}, headers=OK).status_code == 422
    assert len({one["id"] for one in answer.json()["alerts"]}) == 100 == len(front.rows())


def test_each_refusal_has_its_status_and_keeps_nothing(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps(GRAPH).encode()
    typed = OK | {"content-type": "application/json"}
    with front.serving() as client:

        def status(name: str, content: bytes = body, **headers: str) -> int:
            given = {key.replace("_", "-"): value for key, value in headers.items()}
            return client.post(f"/alerts/{name}", content=content, headers=given or typed).status_code

        assert status("defender") == 202
        assert status("nobody") == 404
        assert status("wrong") == 404, "a source that its file describes wrongly"
        assert status("defender", x_alert_token="canary-wrong", content_type="application/json") == 401
        assert status("defender", content_type="application/json") == 401
        assert status("defender", x_alert_token=TOKEN, content_type="text/html") == 415
        assert status("defender", x_alert_token=TOKEN, content_type="text/plain") == 415
        assert status("defender", b"{") == 400
        assert status("defender", b"[" * 100_000) == 400
        assert status("defender", b"[]") == 422
        assert status("defender", b'{"id": 1}') == 422
        assert status("defender", b" " * (MAX_BODY + 1)) == 413
        assert status("signed", **signed(HMAC.encode(), time.time(), body), content_type="application/json") == 202
        assert (
            status("signed", **signed(HMAC.encode(), time.time() - 400, body), content_type="application/json") == 401
        )
        assert client.get("/alerts/defender").status_code == 405
        assert (
            client.post("/alerts/defender", json=GRAPH, headers=OK | {"origin": "https://evil.example"}).status_code
            == 403
        )
    assert len(front.rows()) == 2
    assert front.rejected == 0, "a forged message does not end the process"
    assert "canary" not in caplog.text


def test_who_proves_nothing_is_soon_limited_and_others_are_not(front: Front) -> None:
    with front.serving() as client:
        found = [client.post("/alerts/defender", json=GRAPH, headers={"x-alert-token": "x"}) for _ in range(60)]
        assert [one.status_code for one in found].count(401) == 50
        assert found[-1].status_code == 429
        assert int(found[-1].headers["retry-after"]) >= 1
        front.now += 60.0
        assert client.post("/alerts/defender", json=GRAPH, headers=OK).status_code == 202


def test_svix(front: Front) -> None:
    body = json.dumps(HUNTRESS).encode()
    with front.serving() as client:
        headers = svix(at=time.time(), body=body) | {"content-type": "application/json"}
        assert client.post("/alerts/huntress", content=body, headers=headers).status_code == 202
        assert client.post("/alerts/huntress", content=body + b" ", headers=headers).status_code == 401
        comment = json.dumps(HUNTRESS | {"event_type": "incident_report.comment_added"}).encode()
        headers = svix(at=time.time(), body=comment) | {"content-type": "application/json"}
        answer = client.post("/alerts/huntress", content=comment, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"alerts": []}), "a comment is no alert"
    assert len(front.rows()) == 1


class TestSns:
    SENT: ClassVar = {"x-amz-sns-message-type": "Notification", "content-type": "text/plain; charset=UTF-8"}

    @pytest.fixture
    def topic(self, front: Front) -> Topic:
        topic = Topic(TOPIC)
        front.pages[topic.certificate_url] = topic.certificate
        return topic

    def post(self, client: TestClient, message: dict[str, Any]) -> int:
        return client.post("/alerts/aws", content=json.dumps(message).encode(), headers=self.SENT).status_code

    def test_what_sns_signed_for_our_topic_is_kept(self, front: Front, topic: Topic) -> None:
        with front.serving() as client:
            assert self.post(client, topic.notification(json.dumps(GUARDDUTY))) == 202
            assert self.post(client, topic.notification(json.dumps(GUARDDUTY), Subject="a finding")) == 202
        assert len(front.rows()) == 1
        assert front.fetched == [topic.certificate_url], "the certificate is asked for once"

    def test_whatever_is_changed_is_refused(self, front: Front, topic: Topic) -> None:
        other = Topic("arn:aws:sns:eu-west-1:999999999999:findings")
        front.pages[other.certificate_url] = other.certificate
        good = topic.notification(json.dumps(GUARDDUTY))
        with front.serving() as client:
            for name, value in (
                ("Message", "{}"),
                ("Timestamp", "2026-01-01T00:00:00.000Z"),
                ("MessageId", "x"),
                ("Signature", "AAAA"),
                ("Signature", "not base64!"),
                ("SignatureVersion", "1"),
                ("Type", "UnsubscribeConfirmation"),
                ("Type", 5),
                ("SigningCertURL", "https://evil.example/SimpleNotificationService-1.pem"),
                ("SigningCertURL", 7),
            ):
                assert self.post(client, good | {name: value}) == 401, name
            assert self.post(client, other.notification(json.dumps(GUARDDUTY))) == 401, "anybody can have a topic"
            assert self.post(client, topic.notification(json.dumps(GUARDDUTY), at=time.time() - 7_200)) == 401
        assert front.rows() == []
        assert all(url == topic.certificate_url or url == other.certificate_url for url in front.fetched)

    def test_a_subscription_is_confirmed_for_our_topic_alone(self, front: Front, topic: Topic) -> None:
        front.pages[topic.subscribe_url] = b"<ok/>"
        with front.serving() as client:
            assert self.post(client, topic.confirmation()) == 202
            assert topic.subscribe_url in front.fetched
            before = len(front.fetched)
            assert (
                self.post(client, topic.confirmation(SubscribeURL="https://evil.example/?Action=ConfirmSubscription&x"))
                == 401
            )
        assert len(front.fetched) == before
        assert front.rows() == []

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
            "https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-1.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem\nx",
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&x=http://a@b/\n",
        ],
    )
    def test_only_sns_itself_is_visited(self, url: str) -> None:
        with pytest.raises(NotAuthenticated):
            certificate_url({"SigningCertURL": url})
        with pytest.raises(NotAuthenticated):
            confirmation_url({"SubscribeURL": url})


def test_a_burst_is_kept_by_few_transactions(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    original = AlertStore.accept
    monkeypatch.setattr(
        AlertStore, "accept", lambda self, found, at: (taken.append(len(found)), original(self, found, at))[1]
    )
    with front.serving() as client, ThreadPoolExecutor(16) as pool:
        bodies = [GRAPH | {"id": f"b{n}"} for n in range(200)]
        answers = list(pool.map(lambda one: client.post("/alerts/defender", json=one, headers=OK), bodies))
    assert {one.status_code for one in answers} == {202}
    assert sum(taken) == 200 == len(front.rows())
    assert len(taken) < 200, "some came together"


def test_while_the_broker_is_away_nothing_is_accepted(front: Front) -> None:
    class Away:
        def alert_sources(self) -> dict[str, Any]:
            raise BrokerUnavailable("away")

        alert_prove = alert_sources

    with front.client(Away()) as client:  # type: ignore[arg-type]
        answer = client.post("/alerts/defender", json=GRAPH, headers=OK)
    assert (answer.status_code, answer.json()) == (503, {"code": "broker_unavailable"})


def test_our_own_mistakes_are_not_told_as_the_senders(front: Front) -> None:
    with front.serving() as client:
        front.home.estate.write_text("alerts: [", encoding="utf-8")
        answer = client.post("/alerts/defender", json=GRAPH, headers=OK)
        assert (answer.status_code, answer.json()) == (503, {"code": "broker_unavailable"}), "they send it again"
        assert "retry-after" in answer.headers
        lost = ESTATE.replace("vault:_msp/alerts/defender", "vault:_msp/alerts/nowhere")
        front.home.estate.write_text(lost, encoding="utf-8")
        assert client.post("/alerts/defender", json=GRAPH, headers=OK).status_code == 503
    assert front.rows() == []


def test_what_cannot_be_kept_is_not_accepted(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenantry.errors import RecordError

    def full(*_: object) -> list[bool]:
        raise RecordError("alerts.db cannot be used (SQLITE_FULL)")

    with front.serving() as client:
        monkeypatch.setattr(AlertStore, "accept", full)
        assert client.post("/alerts/defender", json=GRAPH, headers=OK).status_code == 503
        monkeypatch.undo()
        assert client.post("/alerts/defender", json=GRAPH, headers=OK).json()["alerts"][0]["known"] is False


def test_the_secrets_are_read_seldom_and_each_reading_is_recorded(front: Front) -> None:
    with front.serving() as client:
        for n in range(20):
            client.post("/alerts/defender", json=GRAPH | {"id": f"c{n}"}, headers=OK)
    read = [one["name"] for one in front.place.events("_msp", "vault.read")]
    assert read.count("alerts/defender") == 1


def test_what_is_said_of_it_is_openapi(front: Front) -> None:
    with front.serving() as client:
        found = client.get("/openapi.json").json()
    said = found["paths"]["/alerts/{source}"]["post"]["responses"]
    assert found["openapi"].startswith("3.1")
    assert {"202", "400", "401", "404", "408", "413", "415", "422", "429", "503"} <= set(said)
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["info"]["version"])
