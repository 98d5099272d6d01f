"""The demonstration as a newcomer runs it, and what it leaves behind: results, evidence that adds up, and no secret."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flows.assembly import Installation
from flows.server import credential
from tenantry.home import Home
from tenantry.journal import MSP
from tests.support.canary import leaks


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "out"
    environment = {name: value for name, value in os.environ.items() if name != "TENANTRY_HOME"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tenantry")), "demo", "-o", str(folder), "--json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=280,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout)
    (folder / "stderr.txt").write_text(done.stderr)
    return json.loads(done.stdout), folder, done


def test_completes_after_being_killed_and_approved(demo: Any) -> None:
    document, _, _ = demo
    run = document["run"]
    assert run["status"] == "completed"
    assert run["attempt"] >= 2
    assert any(approval["kind"] == "approval" and approval["decision"] == "approve" for approval in run["approvals"])
    assert all(step["outcome"] in {"observed", "changed", "already", "skipped"} for step in run["steps"])


def test_each_change_once_and_nothing_innocent(demo: Any) -> None:
    document, _, _ = demo
    audit = json.loads(Path(document["lab_audit"]).read_text())
    writes = Counter((e["service"], e["method"], e["target"], json.dumps(e["after"], sort_keys=True)) for e in audit)
    assert set(writes.values()) == {1}
    assert len(audit) >= 15


def test_evidence_adds_up(demo: Any) -> None:
    document, _, _ = demo
    folder = Path(document["evidence"])
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split(maxsplit=1)
        assert hashlib.sha256((folder / name.lstrip("*")).read_bytes()).hexdigest() == digest, name
    entries = [json.loads(line) for line in (folder / "entries.jsonl").read_text().splitlines()]
    intents = sum(entry["event"] == "step.intent" for entry in entries)
    assert intents >= len([s for s in document["run"]["steps"] if s["outcome"] == "changed"])


def test_timeline_needs_nothing_from_outside(demo: Any) -> None:
    document, _, _ = demo

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name in {"src", "href"} and value and not value.startswith(("#", "data:")):
                    outside.append(f"{tag} {name}={value}")

    outside: list[str] = []
    Parser().feed(Path(document["timeline"]).read_text(encoding="utf-8"))
    assert [link for link in outside if not link.startswith("a ")] == []


def test_no_secret_leaves_the_vault(demo: Any) -> None:
    """Everything the machine keeps and said: vault, journal, evidence, Prefect's database, logs, timeline, output."""
    _, folder, _ = demo
    with Installation.open(Home(folder / "home")) as installation:
        secrets = {
            f"{tenant}/{secret.name}": installation.vault.get_text(tenant, secret.name).get_secret_value()
            for tenant in ("demo", MSP)
            for secret in installation.vault.list(tenant)
        }
    assert len(secrets) >= 6  # client secret, sink token, two passwords, the people's
    assert any("password" in name or "reset" in name for name in secrets)
    assert leaks(folder, secrets) == []
    api = {"prefect credential": credential(Home(folder / "home"))}
    assert leaks(folder, api) == ["prefect credential in home/prefect.credential"]
