"""What the pages serve to Prometheus."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from flows.assembly import Installation
from flows.pages import application
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.metrics import Counters


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    (home.tenants / "acme.yaml").write_text("name: acme\ndisplay_name: Acme\n", encoding="utf-8")
    with Installation.open(home) as installation:
        installation.vault.create_tenant_key("acme")
        installation.vault.put("acme", "m365/secret", "canary-of-acme")
        installation.vault.get("acme", "m365/secret")
    return home


def figures(client: TestClient) -> dict[str, float]:
    answer = client.get("/metrics", auth=("tenantry", "word"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "canary" not in answer.text
    return {s.name: s.value for family in text_string_to_metric_families(answer.text) for s in family.samples}


def test_metrics(home: Home) -> None:
    counters = Counters()
    with TestClient(application(home, "tenantry:word", counters)) as client:
        _metrics(home, client, counters)


def _metrics(home: Home, client: TestClient, counters: Counters) -> None:
    assert figures(client)["tenantry_vault_reads_total"] == 1
    with Installation.open(home) as installation:
        installation.journal.append("acme", [Event("run.created", {}, "r-1", flow=("bec", "1"))])
        installation.vault.get("acme", "m365/secret")
    counters.add("tenantry_restarts_total", "Processes started again.", process="broker")
    seen = figures(client)
    assert seen["tenantry_vault_reads_total"] == 2
    assert seen["tenantry_runs"] == 1
    assert seen["tenantry_restarts_total"] == 1


def test_metrics_take_the_credential(home: Home) -> None:
    client = TestClient(application(home, "tenantry:word"))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", auth=("tenantry", "wrong")).status_code == 401
    assert client.post("/metrics", auth=("tenantry", "word")).status_code == 405


def test_a_record_that_cannot_be_read_is_said(home: Home) -> None:
    home.master_key.unlink()
    client = TestClient(application(home, "tenantry:word"))
    answer = client.get("/metrics", auth=("tenantry", "word"))
    assert answer.status_code == 500
    assert "master.key" in answer.text
