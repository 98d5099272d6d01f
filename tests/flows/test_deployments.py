"""Deployments: those of prefect.yaml, those that we register, and the forms that they show."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import jsonschema
import pytest
import yaml
from prefect.client.schemas.objects import FlowRun

from flows import execute
from flows.assembly import RUNBOOKS, Installation
from flows.deployments import NAME, NO_TEMPLATE, POOL, load_flow, manifest, with_tenants
from tenantry.discovery import RunbookCatalog
from tenantry.errors import OutOfScope
from tenantry.home import Home
from tenantry.runbook.model import Kind
from tests.flows.stand import TENANT, Stand

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = "business_email_compromise"
EVERY_FORM = {"tenant", "mode", "requested_by"}


def shipped(installation: Installation) -> RunbookCatalog:
    return RunbookCatalog((RUNBOOKS,), installation.registry)


@pytest.fixture
def installation(tmp_path: Path) -> Any:
    with Installation.open(Home(tmp_path / "home")) as opened:
        yield opened


def test_prefect_yaml_holds_what_is_registered(installation: Installation) -> None:
    catalog = shipped(installation)
    found = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    assert found == manifest(map(catalog.get, catalog.ids())), "write prefect.yaml anew from flows.deployments.manifest"
    assert RUNBOOK in {entry["entrypoint"].rpartition(".")[2] for entry in found["deployments"]}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_runbook_has_its_flows(kind: str) -> None:
    """One of a kind without them would keep the worker's warm process from starting, and with it every run."""
    assert find_spec(f"flows.{kind}") is not None


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "flows.incident.flows_of",
        "flows.incident.globals",
        "flows/incident.py:business_email_compromise",
        f"flows.disaster.{RUNBOOK}",
        "",
        "(none)",
    ],
)
def test_any_other_entrypoint_is_refused(installation: Installation, name: str) -> None:
    with pytest.raises(OutOfScope):
        load_flow(installation, name)


def schema(stand: Stand, runbook: str) -> dict[str, Any]:
    return dict(stand.deployment(runbook)["parameter_openapi_schema"])


def test_the_form_shows_exactly_the_runbooks_parameters(stand: Stand) -> None:
    with stand.opened() as installation:
        runbook = installation.catalog.get(RUNBOOK)
    properties = schema(stand, RUNBOOK)["properties"]
    assert set(properties) == EVERY_FORM | set(runbook.params)
    for name, param in runbook.params.items():
        assert properties[name]["title"] == param.title
        assert properties[name]["description"] == param.description
    assert properties["tenant"]["title"] == "Tenant"
    assert all(entry["description"] for entry in properties.values())
    assert [name for name, _ in sorted(properties.items(), key=lambda pair: pair[1]["position"])] == [
        "tenant",
        *runbook.params,
        "mode",
        "requested_by",
    ]


def test_what_must_be_given_is_required_and_the_rest_has_its_default(stand: Stand) -> None:
    form = schema(stand, RUNBOOK)
    assert set(form["required"]) == {"tenant", "account"}
    assert form["properties"]["severity"]["default"] == "high"
    assert form["properties"]["severity"]["enum"] == ["critical", "high", "medium", "low"]
    assert (
        form["properties"]["mode"] | {"default": "run", "enum": ["run", "plan", "drill"]} == form["properties"]["mode"]
    )
    assert form["properties"]["reported_at"]["anyOf"] == [
        {"type": "string", "format": "date-time"},
        {"type": "null"},
    ]
    assert form["properties"]["known_bad_ips"]["type"] == "array"


def test_prefect_enforces_the_form(stand: Stand) -> None:
    deployment = stand.deployment(RUNBOOK)
    assert deployment["enforce_parameter_schema"] is True
    for wrong in (
        {"tenant": TENANT},
        {"tenant": "nobody", "account": "a@b.example"},
        {"tenant": TENANT, "account": "a@b.example", "severity": "mild"},
        {"tenant": TENANT, "account": "a@b.example", "mode": "undo"},
        {"tenant": TENANT, "account": 7},
    ):
        answer = stand.api.post(f"/deployments/{deployment['id']}/create_flow_run", json={"parameters": wrong})
        assert answer.status_code == 409, (wrong, answer.text)


def test_the_tenants_to_choose_from_are_those_of_the_home(stand: Stand) -> None:
    assert schema(stand, "small")["properties"]["tenant"]["enum"] == [TENANT]
    form = with_tenants(schema(stand, "small"), ["acme", "globex"])
    jsonschema.validate({"tenant": "globex", "account": "a@b.example"}, form)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"tenant": "initech", "account": "a@b.example"}, form)
    assert schema(stand, "small")["properties"]["tenant"]["enum"] == [TENANT], "the given schema is left alone"


def test_prefect_deploy_makes_the_same_deployments(stand: Stand) -> None:
    ours = stand.deployment(RUNBOOK)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")},
        "PREFECT_API_URL": stand.said["api"],
        "PREFECT_API_AUTH_STRING": ":".join(stand.credential),
        "PREFECT_HOME": str(stand.home.prefect),
        "TENANTRY_HOME": str(stand.home.path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = stand.deployment(RUNBOOK)
    assert theirs["id"] == ours["id"]
    for field in ("name", "entrypoint", "tags", "description", "version", "work_pool_name", "enforce_parameter_schema"):
        assert theirs[field] == ours[field], field
    assert theirs["name"] == NAME
    assert theirs["work_pool_name"] == POOL
    # All but the tenants, which only this home knows.
    expected = ours["parameter_openapi_schema"]
    expected["properties"]["tenant"].pop("enum")
    expected.pop("definitions", None)
    theirs["parameter_openapi_schema"].pop("definitions", None)
    # The service writes its own once a minute, perhaps just now.
    theirs["parameter_openapi_schema"]["properties"]["tenant"].pop("enum", None)
    assert theirs["parameter_openapi_schema"] == expected


def test_the_form_follows_the_home_at_the_next_registration(stand: Stand) -> None:
    """After `prefect deploy`, which knows no tenants; and after a tenant was added."""
    second = stand.home.tenants / "globex.yaml"
    text = (stand.home.tenants / f"{TENANT}.yaml").read_text(encoding="utf-8")
    second.write_text(
        text.replace(f"name: {TENANT}\n", "name: globex\n")
        .replace("vault:acme", "vault:globex")
        .replace("acme.example", "globex.example"),
        encoding="utf-8",
    )
    try:
        stand.register()
        assert schema(stand, RUNBOOK)["properties"]["tenant"]["enum"] == [TENANT, "globex"]
    finally:
        second.unlink()
        stand.register()
    assert schema(stand, RUNBOOK)["properties"]["tenant"]["enum"] == [TENANT]


def test_a_flow_costs_prefect_no_request_that_tells_nobody_anything(installation: Installation) -> None:
    """Each is one more before the first effect, for every run: where results go, which nobody stores, and a name, which the run
    gives itself meanwhile."""
    for runbook in map(shipped(installation).get, shipped(installation).ids()):
        flow = load_flow(installation, f"flows.{runbook.kind}.{runbook.id}")
        assert flow.result_storage is not None
        assert flow.persist_result is False
        assert flow.flow_run_name is None


async def test_prefect_is_not_asked_all_the_time_whether_a_run_is_suspended(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    async def run_flow(_flow: Any, *, flow_run: FlowRun, **_: Any) -> None:
        given.append(flow_run)

    monkeypatch.setattr("flows.execute.run_flow", run_flow)
    flow_run = FlowRun(id=uuid4(), flow_id=uuid4(), deployment_id=uuid4())
    flow: Any = None
    await execute.carry(installation, flow_run, flow)
    assert [one.id for one in given] == [flow_run.id]
    assert given[0].deployment_id is None
    assert flow_run.deployment_id is not None


def test_the_pool_has_nothing_to_configure(stand: Stand) -> None:
    stand.deployment(RUNBOOK)
    assert stand.get(f"/work_pools/{POOL}")["base_job_template"] == NO_TEMPLATE


def test_only_what_is_not_as_it_should_be_is_written_again(stand: Stand) -> None:
    stand.register()
    before = {name: stand.deployment(name) for name in (RUNBOOK, "small", "plain")}
    changes: dict[str, dict[str, Any]] = {
        RUNBOOK: {"entrypoint": "os.system"},
        "small": {"parameters": {"tenant": TENANT}},
    }
    for name, change in changes.items():
        answer = stand.api.patch(f"/deployments/{before[name]['id']}", json=change)
        assert answer.is_success, answer.text
    stand.register()
    for name, was in before.items():
        now = stand.deployment(name)
        assert now["id"] == was["id"]
        for field in ("entrypoint", "parameters", "parameter_openapi_schema", "pull_steps", "schedules"):
            assert now[field] == was[field], (name, field)
        assert (now["updated"] == was["updated"]) is (name not in changes), name
