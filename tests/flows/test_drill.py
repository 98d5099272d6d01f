"""A drill: the same runbook and the same tenant file, the lab behind every capability, and no way to a real client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.assembly import Installation
from tenantry.home import Home
from tenantry.run import Engine, Policy, Status, create
from tenantry.runbook import validate_params

TENANT = """\
name: acme
display_name: Acme Ltd
domains: [acme.example]
contacts:
  - {id: jo, name: Jo Doe, email: jo@acme.example, role: primary}
providers:
  m365:
    vendor: microsoft365
    settings: {tenant_id: 11111111-2222-3333-4444-555555555555, client_id: 66666666-7777-8888-9999-000000000000}
    secrets: {client_secret: "vault:acme/m365/client-secret"}
  messages:
    vendor: sink
    settings: {base_url: "https://messages.acme.example"}
    secrets: {token: "vault:acme/sink/token"}
"""


async def test_contains_an_incident_without_touching_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation.open(Home(tmp_path)) as installation:
        (installation.home.tenants / "acme.yaml").write_text(TENANT)
        installation.vault.create_tenant_key("acme")
        runbook = installation.catalog.get("business_email_compromise")
        params = validate_params(runbook, {"account": "pat.king@acme.example"})
        create(
            installation.surroundings(),
            run_id="drill-1",
            runbook=runbook,
            tenant="acme",
            params=params,
            mode="drill",
            requester={"person": None, "proven": False, "via": "test"},
            subject="a drill",
        )
        asked: list[str] = []

        def no_real_client(*_args: Any, **_kwargs: Any) -> Any:
            asked.append("a secret of the client")
            raise AssertionError("a drill asked for a secret of the real client")

        monkeypatch.setattr(installation.vault, "resolve", no_real_client)
        async with installation.access("acme", "drill", params) as access:
            state = await Engine(installation.surroundings(), access, policy=Policy(poll=0.01, backoff=0.01)).run(
                "drill-1"
            )
            lab = access._drill.lab  # type: ignore[union-attr]
            view = installation.view("drill-1")
        assert state.stopped is Status.WAITING
        assert view["mode"] == "drill"
        assert asked == []
        outcomes = {step["id"]: step["outcome"] for step in view["steps"]}
        assert outcomes["disable_sign_in"] == "changed"
        assert outcomes["verify_contained"] == "observed"
        assert lab.scenario_info()["compromised"][0] == "pat.king@acme.example"
        assert lab.innocent_touched() == []


async def test_ransomware_happens_to_the_things_that_the_run_names(tmp_path: Path) -> None:
    """From the first report to what people are asked, on hosts, accounts, keys and buckets with the client's own names."""
    providers = """\
  hosts:
    vendor: linux
    settings: {hosts: {files1: {address: 10.0.0.1}, files2: {address: 10.0.0.2}, mon1: {address: 10.0.0.3}}}
    secrets: {key: "vault:acme/ssh-key"}
  cloud:
    vendor: lab
    settings: {base_url: "https://lab.invalid/cloud"}
    secrets: {token: "vault:acme/lab/token"}
"""
    with Installation.open(Home(tmp_path)) as installation:
        (installation.home.tenants / "acme.yaml").write_text(TENANT + providers)
        installation.vault.create_tenant_key("acme")
        runbook = installation.catalog.get("ransomware")
        params = validate_params(
            runbook,
            {
                "since": (datetime.now(UTC) - timedelta(hours=30)).isoformat(),
                "hosts": ["files1", "files2"],
                "accounts": ["pat.king@acme.example"],
                "access_keys": ["AKIADRILL00000000000"],
                "principals": ["role/Intruder"],
                "buckets": ["acme-files"],
                "sources": ["arn:orders"],
                "known_good_ips": ["198.51.100.0/24"],
            },
        )
        create(
            installation.surroundings(),
            run_id="drill-2",
            runbook=runbook,
            tenant="acme",
            params=params,
            mode="drill",
            requester={"person": None, "proven": False, "via": "test"},
            subject="a drill",
        )
        async with installation.access("acme", "drill", params) as access:
            policy = Policy(poll=0.01, backoff=0.01, backoff_cap=0.05)
            state = await Engine(installation.surroundings(), access, policy=policy).run("drill-2")
            lab = access._drill.lab  # type: ignore[union-attr]
            view = installation.view("drill-2")
        assert state.stopped is Status.WAITING
        outcomes = {(step["id"], step["item"]): step["outcome"] for step in view["steps"]}
        assert outcomes["isolate", "files1"] == "changed"
        assert outcomes["deactivate_keys", "AKIADRILL00000000000"] == "changed"
        assert outcomes["protect_buckets", "acme-files"] == "changed"
        assert outcomes["deny_principals", "role/Intruder"] == "changed"
        assert outcomes["restore_points", "arn:orders"] == "changed"
        assert lab.tenant.hosts["files1"].isolation.active
        assert lab.innocent_touched() == []
