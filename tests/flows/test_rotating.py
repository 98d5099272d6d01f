"""What is due is replaced by runs that the service begins: once each, where the estate wants it, and where something can replace it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.assembly import Installation
from flows.rotating import RUNBOOK, Rotating, run_id_of
from tenantry.home import Home
from tenantry.run import RunState
from tenantry.secretlife import due
from tests.support.canary import leaks

TENANT = """\
name: acme
display_name: Acme
providers:
  m365:
    vendor: microsoft365
    settings: {tenant_id: 11111111-2222-3333-4444-555555555555, client_id: 66666666-7777-8888-9999-000000000000}
    secrets: {client_secret: "vault:acme/m365/client-secret"}
  mail:
    vendor: messages
    settings: {via: smtp, host: smtp.acme.example, user: incident, sender: incident@acme.example}
    secrets: {password: "vault:acme/mail/password"}
"""
CANARY = "canary-of-a-due-credential"
ON = "rotation: {enabled: true, hour: 0}\n"


class Scheduled:
    def __init__(self) -> None:
        self.runs: list[RunState] = []

    async def __call__(self, state: RunState) -> None:
        self.runs.append(state)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    home = Home(tmp_path / "home").ensure()
    (home.tenants / "acme.yaml").write_text(TENANT, encoding="utf-8")
    opened = Installation.open(home)
    opened.vault.create_tenant_key("acme")
    past = datetime.now(UTC) - timedelta(days=1)
    for name in ("m365/client-secret", "mail/password", "vpn/psk"):
        opened.vault.put("acme", name, CANARY, rotate_at=past)
    opened.vault.put("_msp", "aws-key", "value", rotate_at=past)
    return opened


async def test_nothing_is_begun_unless_the_estate_says_so(installation: Installation) -> None:
    scheduled = Scheduled()
    assert await Rotating(installation, scheduled).look() == []
    (installation.home.path / "estate.yaml").write_text("rotation: {enabled: true, hour: 23}\n", encoding="utf-8")
    if datetime.now(UTC).hour < 23:
        assert await Rotating(installation, scheduled).look() == []
    assert scheduled.runs == []
    installation.close()


async def test_what_can_be_replaced_is_begun_once(installation: Installation) -> None:
    (installation.home.path / "estate.yaml").write_text(ON, encoding="utf-8")
    scheduled = Scheduled()
    begun = await Rotating(installation, scheduled).look()
    (state,) = scheduled.runs  # not the mail password, not the key nobody uses, not the estate's
    assert begun == [state.run_id]
    assert (state.runbook, state.tenant, dict(state.params)) == (RUNBOOK, "acme", {"provider": "m365/client_secret"})
    assert state.requester["via"] == "schedule"
    assert await Rotating(installation, scheduled).look() == []  # another process, a moment later: it is in the record
    assert len(scheduled.runs) == 1
    told = [installation.journal.tail("acme"), due(installation.vault.list("acme"), datetime.now(UTC))]
    assert CANARY not in repr((state, told))
    kept = installation.home.path
    installation.close()
    assert leaks(kept, {"credential": CANARY}) == []


async def test_a_new_version_is_another_run(installation: Installation) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    (first,) = [o for o in due(installation.vault.list("acme"), datetime.now(UTC)) if o.name == "m365/client-secret"]
    installation.vault.put("acme", "m365/client-secret", "next", rotate_at=past)
    (second,) = [o for o in due(installation.vault.list("acme"), datetime.now(UTC)) if o.name == "m365/client-secret"]
    assert run_id_of(first) != run_id_of(second)
    installation.close()


async def test_it_looks_once_an_hour(installation: Installation) -> None:
    (installation.home.path / "estate.yaml").write_text(ON, encoding="utf-8")
    now = [0.0]
    rotating = Rotating(installation, Scheduled(), clock=lambda: now[0])
    assert len(await rotating.look()) == 1
    installation.vault.put("acme", "m365/client-secret", "next", rotate_at=datetime.now(UTC) - timedelta(days=1))
    assert await rotating.look() == []
    now[0] = 3601.0
    assert len(await rotating.look()) == 1
    installation.close()


async def test_a_broken_file_of_one_client_keeps_nobody_elses_waiting(installation: Installation) -> None:
    (installation.home.path / "estate.yaml").write_text(ON, encoding="utf-8")
    installation.vault.create_tenant_key("beta")
    installation.vault.put("beta", "m365/client-secret", "x", rotate_at=datetime.now(UTC) - timedelta(days=1))
    (installation.home.tenants / "beta.yaml").write_text("name: [", encoding="utf-8")
    assert len(await Rotating(installation, Scheduled()).look()) == 1
    installation.close()
