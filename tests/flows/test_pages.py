"""The timeline's page: only for who signs in, and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from flows.pages import application
from tenantry.home import Home
from tests.console.desk import TENANT, Desk, desk, stand

__all__ = ["desk", "stand"]  # fixtures

CREDENTIAL = "tenantry:a credential: with colons"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(application(Home(tmp_path / "home").ensure(), CREDENTIAL)) as client:
        yield client


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic ####", "Bearer x", "Basic dGVuYW50cnk6d3Jvbmc=", "Basic dGVuYW50cnk="]
)
def test_who_does_not_sign_in_sees_nothing(client: TestClient, header: str) -> None:
    answer = client.get("/runs/x/timeline", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_run_that_there_is_not(client: TestClient) -> None:
    answer = client.get("/runs/nobody/timeline", auth=("tenantry", "a credential: with colons"))
    assert answer.status_code == 404


def test_there_is_nothing_else(client: TestClient) -> None:
    auth = ("tenantry", "a credential: with colons")
    assert client.get("/", auth=auth).status_code == 404
    assert client.post("/runs/x/timeline", auth=auth).status_code == 405


def test_the_page(stand: Desk) -> None:
    assert stand.lab is not None
    account = str(stand.lab.scenario_info()["compromised"][0])
    view = stand.json("run", "plain", "--tenant", TENANT, "-p", f"account={account}")
    with TestClient(application(Home(stand.home), CREDENTIAL)) as client:
        answer = client.get(f"/runs/{view['run_id']}/timeline", auth=("tenantry", "a credential: with colons"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert view["run_id"] in answer.text
    assert "<svg" in answer.text
