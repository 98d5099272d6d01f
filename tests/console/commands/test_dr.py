"""`tenantry dr` and `activate-dr`: what is wrong with a plan, and that nothing of it can be begun that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.main import cli

PLAN = """\
id: acme_web
version: 1
title: Acme's pages
tenant: TENANT
declarers: [ann.lee]
communication: {to: [primary]}
systems:
  - id: web
    title: Pages
    tier: 0
    owner: ghost
    rto: 1m
    primary: here
    recovery: there
    procedure:
      - {id: start, uses: host.start_service, with: {host: web2, unit: nginx.service}, estimate: 5m}
    primary_health: [{kind: tcp, host: a, port: 1}]
    health: [{kind: tcp, host: b, port: 1}]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("TENANTRY_HOME", str(home))
    (home / "tenants" / "acme" / "disaster").mkdir(parents=True)
    (home / "tenants" / "acme.yaml").write_text("name: acme\ndisplay_name: Acme\n")
    (home / "tenants" / "acme" / "disaster" / "acme_web.yaml").write_text(PLAN.replace("TENANT", "acme"))
    return home


def call(*words: str):
    return CliRunner().invoke(cli, list(words), prog_name="tenantry")


def test_findings_with_their_lines_and_exit_code(home: Path) -> None:
    done = call("dr", "check", "acme_web", "--tenant", "acme")
    assert done.exit_code == 1, done.output
    assert "acme_web.yaml:12: web: an RTO of 1m cannot be kept" in done.output
    assert "acme_web.yaml:11: web: nobody is called 'ghost'" in done.output
    found = json.loads(call("dr", "check", "acme_web", "--tenant", "acme", "--json").stdout)
    assert {one["rule"] for one in found["findings"]} == {"drill", "declarer", "owner", "rto", "failback"}


def test_a_broken_plan_is_refused_with_its_line(home: Path) -> None:
    path = home / "tenants" / "acme" / "disaster" / "acme_web.yaml"
    path.write_text(path.read_text().replace("host.start_service", "host.strat_service"))
    done = call("dr", "check", "acme_web", "--tenant", "acme")
    assert done.exit_code == 2
    assert "acme_web.yaml:16:" in done.output
    assert "host.start_service" in done.output


def test_show_and_list(home: Path) -> None:
    shown = json.loads(call("dr", "show", "acme_web", "--tenant", "acme", "--json").stdout)
    assert shown["order"] == ["web"]
    assert shown["systems"][0]["at_best_seconds"] == 35 * 60
    listed = json.loads(call("dr", "list", "--tenant", "acme", "--json").stdout)
    assert {"acme_web", "web_service"} <= {one["id"] for one in listed}
    assert call("dr", "show", "web_service", "--text").stdout.startswith("# A template")


def test_backups_that_nobody_looked_at_are_not_good(home: Path) -> None:
    done = call("dr", "backups", "--tenant", "acme")
    assert done.exit_code == 1
    assert "nobody has ever looked" in done.output
    shown = call("dr", "backups", "--tenant", "acme", "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["check"]) == (1, None)
    assert json.loads(call("dr", "training", "--tenant", "acme", "--json").stdout) == []


@pytest.mark.parametrize(
    ("plan", "change", "code", "said"),
    [
        ("web_service", None, 5, "is a template"),
        ("acme_web", ("tenant: acme", "tenant: other"), 5, "of another client"),
        ("nothing", None, 2, "there is no plan"),
    ],
)
def test_what_cannot_be_activated_begins_nothing(
    home: Path, plan: str, change: tuple[str, str] | None, code: int, said: str
) -> None:
    if change:
        path = home / "tenants" / "acme" / "disaster" / "acme_web.yaml"
        path.write_text(path.read_text().replace(*change))
    done = call("activate-dr", "acme", "-p", f"plan={plan}")
    assert done.exit_code == code, done.output
    assert said in done.output
    assert json.loads(call("runs", "list", "--json").stdout) == []
