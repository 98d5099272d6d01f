"""The pack for the successor: everything that is known stands in it, what is not known is said, and nothing in it is read as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from console import labtenant
from flows.assembly import Installation
from flows.transition import markdown, transition
from tenantry.home import Home
from tenantry.risk.register import RiskRegister

ENDS = datetime(2027, 3, 1, tzinfo=UTC)
HELD = [
    {
        "id": "evidence",
        "what": "Evidence",
        "where": "evidence/x",
        "state": "held",
        "count": 3,
        "unit": "files",
        "why": "",
    },
    {"id": "stored/a", "what": "Archive", "where": "b/", "state": "unknown", "count": None, "unit": "", "why": "503"},
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    lab = labtenant.lab_for("acme", scenario="quiet", users=20)
    with Installation.open(Home(tmp_path / "home")) as found:
        labtenant.register(found, "acme", "http://127.0.0.1:9", lab)
        yield found


def pack_of(home: Installation, **more: Any) -> dict[str, Any]:
    tenant = home.tenants.get("acme")
    return transition(home, tenant, SimpleNamespace(run_id="x"), held=HELD, **more)  # type: ignore[arg-type]  # its id alone is used


def test_it_says_what_there_is_who_may_what_is_open_and_what_ends(home: Installation) -> None:
    home.vault.put("acme", "vpn/cert", SecretStr("c4nary-value"), kind="certificate", expires_at=ENDS)
    RiskRegister(home.journal, "acme").add("No | MFA <b>", likelihood="high", impact="high", by="sam")
    root = {"who": "user/root", "kind": "user", "may": "AdministratorAccess", "how": "assigned"}
    asked = {"aws": [root], "m365": None}
    pack = pack_of(home, expiries={"m365: first": ENDS, "aws": None}, administrators=asked)
    assert pack["administrators"] == [{"system": "aws", **root}]
    assert [one["who"] for one in pack["people"]] == ["lab.approver", "lab.engineer", "lab.lead"]
    assert [one["title"] for one in pack["risks"]] == ["No | MFA <b>"]
    assert [(one["what"], one["kind"]) for one in pack["expiring"]] == [
        ("vpn/cert", "certificate"),
        ("m365: first", "credential in the system"),
    ]
    assert [one["what"] for one in pack["held"]] == ["Evidence", "Archive"]
    said = "\n".join(pack["not_known"])
    for unknown in ("stored/a: 503", "aws: what expires there", "m365: who administers it", "assets: no onboarding"):
        assert unknown in said
    text = markdown(pack)
    assert "No \\| MFA \\<b\\>" in text
    assert "c4nary-value" not in text + str(pack)
    for title in (
        "What there is",
        "Who of us may act",
        "Who administers the client's systems",
        "Open risks",
        "What expires",
        "What was done",
        "Contacts",
        "Systems",
    ):
        assert f"## {title}" in text


def test_what_an_onboarding_counted_is_the_inventory(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(output={"kinds": [{"kind": "users", "count": 20, "complete": True}]})
    runs = [SimpleNamespace(run_id="r1", runbook="client_onboarding")]
    monkeypatch.setattr(home.journal, "runs", lambda _: runs)
    monkeypatch.setattr(Installation, "state", lambda *_: SimpleNamespace(items={("inventory", None): found}))
    monkeypatch.setattr(Installation, "views", lambda *_: [])
    assert pack_of(home)["assets"] == [{"kind": "users", "count": 20, "seen": "r1"}]
