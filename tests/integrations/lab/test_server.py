from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import httpx
import pytest

from integrations.lab import Lab, LabServer, serve
from tenantry.errors import Unreachable

FORM = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(users=20)


def signed_in(lab: Lab, base: str) -> httpx.Client:
    form = {**FORM, "client_id": lab.client_id, "client_secret": lab.client_secret}
    token = httpx.post(f"{base}/login/{lab.tenant_id}/oauth2/v2.0/token", data=form).json()["access_token"]
    return httpx.Client(base_url=f"{base}/graph/v1.0", headers={"Authorization": f"Bearer {token}"})


def test_it_serves_over_http_and_stops(lab: Lab) -> None:
    with LabServer(lab) as server:
        with signed_in(lab, server.base_url) as client:
            page = client.get("users?$top=5").json()
            assert client.get(page["@odata.nextLink"]).status_code == 200
        base = server.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base}/_lab/state")


def test_connections_are_really_cut(lab: Lab) -> None:
    user = lab.scenario_info()["accounts"]["finance"]
    script = [
        {"match": {"method": "GET"}, "nth": 1, "fault": "drop"},
        {"match": {"method": "PATCH"}, "nth": 1, "fault": "timeout_after_effect", "hang_ms": 1},
        {"match": {"method": "PATCH"}, "nth": 1, "fault": "timeout_after_effect", "hang_ms": 60_000},
        {"match": {"path": "/users$"}, "nth": 1, "fault": "partial_page", "style": "cut"},
    ]
    with LabServer(lab) as server, signed_in(lab, server.base_url) as client:
        httpx.post(f"{server.base_url}/_lab/faults", json={"script": script})
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"users/{user}")
        with pytest.raises(httpx.RemoteProtocolError):
            client.patch(f"users/{user}", json={"accountEnabled": False})
        with pytest.raises(httpx.ReadTimeout):
            client.patch(f"users/{user}", json={"accountEnabled": True}, timeout=0.2)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("users")
        assert client.get("users").status_code == 200
        audit = httpx.get(f"{server.base_url}/_lab/audit").json()
        assert [entry["after"] for entry in audit] == [{"accountEnabled": False}, {"accountEnabled": True}]


def test_a_taken_port_is_refused(lab: Lab) -> None:
    with LabServer(lab) as server, pytest.raises(Unreachable):
        LabServer(lab, port=int(server.base_url.rpartition(":")[2])).start()


async def test_serve_runs_until_cancelled(lab: Lab) -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(lab, on_ready=ready.set_result))
    base = await asyncio.wait_for(ready, 10)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{base}/_lab/state")).json()["users"] == 20
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_it_ends_with_its_process() -> None:
    program = (
        "from integrations.lab import Lab, LabServer\n"
        "import sys\n"
        "print(LabServer(Lab(users=20)).start().base_url, flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ), text=True
    )
    try:
        assert child.stdout is not None
        base = child.stdout.readline().strip()
        assert httpx.get(f"{base}/_lab/state").status_code == 200
        child.kill()
        child.wait(10)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{base}/_lab/state")
    finally:
        child.kill()
        child.communicate()
