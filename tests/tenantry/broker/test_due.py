"""What needs attention, as the service learns it from the broker: names, times and numbers, and no secret."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from flows.pages import application
from tenantry.broker import BrokeredVault
from tenantry.errors import BrokerUnavailable, OutOfScope
from tenantry.metrics import Counters
from tenantry.vault import Vault
from tests.tenantry.broker.conftest import Place


def put(place: Place, tenant: str, name: str, days: int, *, rotate: bool = False) -> None:
    at = datetime.now(UTC) + timedelta(days=days)
    with Vault.open(place.home) as vault:
        vault.put(tenant, name, "canary-due", **{"rotate_at" if rotate else "expires_at": at})  # type: ignore[arg-type]  # a time


def test_the_service_learns_what_is_due_and_a_run_does_not(place: Place) -> None:
    put(place, "acme", "m365/old", -1)
    put(place, "acme", "m365/soon", 10)
    put(place, "_msp", "aws-key", -3, rotate=True)
    put(place, "acme", "m365/fine", 200)
    with place.serving() as hand:
        found, unknown = hand.due()
        assert [(one.tenant, one.name, one.why) for one in found] == [
            ("_msp", "aws-key", "rotate"),
            ("acme", "m365/old", "expired"),
            ("acme", "m365/soon", "expires"),
        ]
        assert unknown == []
        assert found[1].version == 1
        token = hand.grant("run-1", "acme", pid=os.getpid())
        with BrokeredVault(place.home.broker_socket, token, patience=5) as vault, pytest.raises(OutOfScope):
            vault._connection.ask("due")
        counters = Counters()
        with TestClient(application(place.home, "tenantry:word", counters, hand)) as client:
            text = client.get("/metrics", auth=("tenantry", "word")).text
    samples = {
        (s.name, s.labels.get("why")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert [samples["tenantry_secrets_due", why] for why in ("expired", "expires", "rotate")] == [1, 1, 1]
    assert samples["tenantry_secrets_unknown_tenants", None] == 0
    assert "canary" not in text
    assert "acme" not in text


def test_figures_are_told_while_the_broker_is_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due is unknown then, and said to be."""
    with place.serving() as hand:

        def away() -> None:
            raise BrokerUnavailable("it is being started")

        monkeypatch.setattr(hand, "due", away)
        with TestClient(application(place.home, "tenantry:word", Counters(), hand)) as client:
            answer = client.get("/metrics", auth=("tenantry", "word"))
    assert answer.status_code == 200
    samples = {s.name: s.value for family in text_string_to_metric_families(answer.text) for s in family.samples}
    assert samples["tenantry_secrets_unknown_tenants"] >= 1
    assert "tenantry_secrets_due" not in samples
