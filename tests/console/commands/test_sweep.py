"""`tenantry sweep logs` as people and scripts call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.commands.sweep import FORMATS
from console.main import cli
from tenantry.sweep import sources
from tests.tenantry.sweep.days import Aws

FIELDS = [
    "id",
    "rule",
    "title",
    "severity",
    "attack",
    "entity",
    "event_ids",
    "events",
    "first_seen",
    "last_seen",
    "evidence",
    "remedy",
]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    day = Aws(1, days=1)
    day.attack(0)
    path = tmp_path / "trail.json"
    path.write_text(json.dumps({"Records": day.rows}))
    return path


def test_the_formats_are_those_that_there_are() -> None:
    assert set(FORMATS) == set(sources.FORMATS)


def test_json_is_the_contracts_shape_and_findings_are_exit_code_one(log: Path) -> None:
    done = CliRunner().invoke(cli, ["sweep", "logs", str(log), "--format", "cloudtrail", "--json"])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["tenant"] is None
    assert document["events_read"] > 20
    assert document["events_unreadable"] == 0
    for finding in document["findings"]:
        assert list(finding) == FIELDS
        assert finding["first_seen"].endswith("Z")
        assert finding["attack"]
    scores = [entity["score"] for entity in document["entities"]]
    assert scores == sorted(scores, reverse=True)
    assert {"check", "why"} == document["could_not_check"][0].keys()
    assert list((log.parent / "home" / "run").iterdir()) == []


def test_a_quiet_log_is_exit_code_zero(log: Path) -> None:
    day = Aws(1, days=1)
    day.call(day.at(0), day.user("x"), "s3:ListBuckets")
    log.write_text(json.dumps(day.rows))
    done = CliRunner().invoke(cli, ["sweep", "logs", str(log), "--format", "cloudtrail"])
    assert done.exit_code == 0
    assert "could not check" in done.stdout


def test_the_table_and_the_report(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["sweep", "logs", str(log), "--format", "cloudtrail", "-o", str(out)])
    assert done.exit_code == 1
    assert "A user was created and given all rights" in done.stdout
    assert "Entities, the worst first" in done.stdout
    assert out.read_text().startswith("<!doctype html>")


def test_other_peoples_rules_in_their_layout(log: Path, tmp_path: Path) -> None:
    rules = tmp_path / "sigma"
    for name, text in {
        "rules/cloud/aws/cloudtrail/identity.yml": "title: Identity asked\nid: 9a3c5b6e-0000-4000-8000-000000000001\nlogsource: {product: aws, service: cloudtrail}\n"
        "detection:\n  selection:\n    eventSource: sts.amazonaws.com\n    eventName: GetCallerIdentity\n  condition: selection\nlevel: low\ntags: [attack.discovery, attack.t1087.004]\n",
        "rules/windows/process.yml": "title: Process\nid: 9a3c5b6e-0000-4000-8000-000000000002\nlogsource: {product: windows, category: process_creation}\ndetection:\n  s: {Image: x}\n  condition: s\n",
        "rules/cloud/aws/cloudtrail/field.yml": "title: Field\nid: 9a3c5b6e-0000-4000-8000-000000000003\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {CommandLine: x}\n  condition: s\n",
        "rules/broken.yml": "title: [",
        "deprecated/old.yml": "title: Old\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: x}\n  condition: s\n",
    }.items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_text(text)
    done = CliRunner().invoke(
        cli, ["sweep", "logs", str(log), "--format", "cloudtrail", "--rules", str(rules), "--json"]
    )
    document = json.loads(done.stdout)
    assert "Identity asked" in {finding["title"] for finding in document["findings"]}
    why = {one["rule"]: one["why"] for one in document["rules_not_evaluated"]}
    assert "another log" in why["9a3c5b6e-0000-4000-8000-000000000002"]
    assert "no field 'CommandLine'" in why["9a3c5b6e-0000-4000-8000-000000000003"]
    assert "no YAML" in why["broken.yml"]
    assert "put it aside" in why["deprecated/old.yml"]
    assert len(why) == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.json", "--format", "cloudtrail"], "nowhere.json does not exist"),
        (["{log}", "--format", "syslog"], "syslog"),
        (["{log}", "--format", "ual", "--rules", "nowhere"], "--rules"),
    ],
)
def test_wrong_usage(log: Path, arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(cli, ["sweep", "logs", *(one.format(log=log) for one in arguments)])
    assert done.exit_code == 2
    assert says in done.stderr
