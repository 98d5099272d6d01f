"""Providers of the estate in one client's context: pinned to that client, its own come first, messages go by channel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretBytes

from flows.assembly import Installation
from flows.probing import NobodyAsked
from integrations.public_dns import Resolvers
from tenantry.capabilities import Message
from tenantry.errors import InvalidTenant, OutOfScope
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.providers import ProviderCheck
from tenantry.run import create
from tenantry.runbook import parse_runbook

ESTATE = """\
providers:
  mail:
    vendor: messages
    settings: {via: smtp, host: smtp.msp.example, sender: incident@msp.example}
  war_room:
    vendor: messages
    settings: {via: teams}
    secrets: {webhook: "vault:_msp/teams-webhook"}
"""
TENANT = """\
name: NAME
display_name: NAME
contacts:
  - {id: jo, name: Jo Doe, email: Jo@NAME.example, role: primary}
"""


@pytest.fixture
def installation(tmp_path: Path):
    with Installation.open(Home(tmp_path)) as installation:
        (installation.home.estate).write_text(ESTATE)
        installation.vault.put("_msp", "teams-webhook", b"https://nonsense.webhook.office.com/canary")
        yield installation


def tenant(installation: Installation, name: str, more: str = "") -> None:
    (installation.home.tenants / f"{name}.yaml").write_text(TENANT.replace("NAME", name) + more)
    installation.vault.create_tenant_key(name)


def message(channel: str, *to: str) -> Message:
    return Message(key="k", channel=channel, to=to, subject="s", text="t")


async def test_a_handle_of_the_estate_reaches_one_client(installation):
    tenant(installation, "acme", "estate_handles: {mail: Acme}\n")
    tenant(installation, "beta", "estate_handles: {mail: Beta}\n")
    for name, other in (("acme", "beta"), ("beta", "acme")):
        async with installation.access(name, "run") as access:
            messenger = await access.capability("messenger")
            with pytest.raises(OutOfScope, match="no contacts"):
                await messenger.send(message("mail", f"jo@{other}.example"))


async def test_messages_go_by_channel(installation):
    tenant(installation, "acme", "estate_handles: {mail: Acme, war_room: Acme}\n")
    async with installation.access("acme", "run") as access:
        messenger = await access.capability("messenger")
        assert await messenger.sent("k", "mail") is None
        assert sorted(access._handles) == ["mail"], "opened at the first use of its channel"
        # Its own webhook refuses: a connector that is retired. So it was asked for the estate's secret, and went no further.
        with pytest.raises(Exception, match="switched off"):
            await messenger.send(message("chat"))
        assert sorted(access._handles) == ["mail", "war_room"]


async def test_a_channel_that_nobody_carries_is_an_error(installation):
    own = "providers:\n  a: {vendor: messages, settings: {via: smtp, host: h.example, sender: a@b.example}}\n"
    tenant(installation, "acme", f"{own}estate_handles: {{mail: Acme}}\n")
    async with installation.access("acme", "run") as access:
        assert [source.key for source in access.sources()] == ["a", "mail"]
        messenger = await access.capability("messenger")
        with pytest.raises(InvalidTenant, match="chat"):
            await messenger.sent("k", "chat")


async def test_a_client_that_the_estate_does_not_name_has_nothing(installation):
    tenant(installation, "acme")
    async with installation.access("acme", "run") as access:
        with pytest.raises(InvalidTenant):
            await access.capability("messenger")


async def test_a_vendor_that_cannot_be_pinned_is_refused(installation):
    installation.home.estate.write_text(
        "providers:\n  m:\n    vendor: sink\n    settings: {base_url: 'https://sink.example'}\n"
    )
    tenant(installation, "acme", "estate_handles: {m: Acme}\n")
    async with installation.access("acme", "run") as access:
        with pytest.raises(InvalidTenant, match="pinned"):
            await access.capability("messenger")


RUNBOOK = """\
id: nothing
version: 1
title: Nothing
kind: incident
phases: [one]
steps:
  - {id: team, phase: one, uses: incident.assemble_team}
"""


def test_who_followed_a_run_until_it_stopped_sees_how_it_stands(installation):
    tenant(installation, "acme")
    runbook = parse_runbook(RUNBOOK, source="test", registry=installation.registry)
    create(
        installation.surroundings(),
        run_id="r-1234567",
        runbook=runbook,
        tenant="acme",
        params={},
        mode="run",
        requester={"person": None, "proven": False, "via": "test"},
        subject="test",
    )
    journal = installation.journal
    lease = journal.acquire("r-1234567")
    flow = ("nothing", "1")
    for event, payload, outcome in (
        ("run.attempt", {"attempt": 1, "owner": "test", "flow_run_id": None}, None),
        ("run.stopped", {"status": "waiting_for_approval"}, "waiting_for_approval"),
    ):
        journal.append("acme", [Event(event, payload, "r-1234567", None, 1, outcome, flow)], fence=lease.fence)
    # Its process has yet to sign the record, and owns the run until then.
    assert installation.view("r-1234567")["status"] == "running"
    assert installation.view("r-1234567", live=False)["status"] == "waiting_for_approval"
    journal.release(lease.fence)
    assert installation.view("r-1234567")["status"] == "waiting_for_approval"


async def test_a_drill_replaces_no_credential(installation):
    """The lab plays the vendors; the vault is the client's own."""
    tenant(installation, "acme")
    async with installation.access("acme", "drill") as access:
        with pytest.raises(OutOfScope, match="drill"):
            await access.capability("credentials")


async def test_resolvers_are_asked_where_the_estate_names_some_and_never_in_a_drill(installation):
    tenant(installation, "acme")
    async with installation.access("acme", "run") as access:
        assert isinstance(await access.capability("public_dns"), NobodyAsked)
    installation.home.estate.write_text(
        "name_servers:\n  - {address: 192.0.2.53}\n  - {address: 2001:db8::53, port: 5353}\n"
    )
    with Installation.open(installation.home) as now:
        async with now.access("acme", "run") as access:
            assert isinstance(await access.capability("public_dns"), Resolvers)
        async with now.access("acme", "drill") as access:
            assert isinstance(await access.capability("public_dns"), NobodyAsked)


def test_what_children_are_forked_from_has_the_vendors_of_its_clients(installation, tmp_path):
    """Or each child would import them between its run's first word and its first effect. A broken file stops nothing."""
    tenant(installation, "acme", "providers: {hosts: {vendor: linux}}\n")
    (installation.home.tenants / "broken.yaml").write_text("name: [", encoding="utf-8")
    program = (
        "import sys; from flows.assembly import Installation, preload\n"
        "with Installation.open() as found: preload(found)\n"
        "print(*(name for name in sys.modules if name.startswith('integrations.')))"
    )
    environment = {**os.environ, "TENANTRY_HOME": str(installation.home.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    loaded = set(done.stdout.split())
    assert {"integrations.microsoft365.identity", "integrations.linux.connection"} <= loaded
    assert "integrations.aws.session" not in loaded


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (ProviderCheck(signed_in=True, granted=None, reachable=True), True),
        (ProviderCheck(signed_in=False, granted=None, reachable=True, refused=True), False),
        (ProviderCheck(signed_in=False, granted=None, reachable=True), None),  # it answers, that it is in trouble
        (ProviderCheck(signed_in=False, granted=None, reachable=False), None),
        (ProviderCheck(signed_in=True, granted=None, reachable=True, tried={"password": False}), False),
        (ProviderCheck(signed_in=False, granted=None, reachable=True, tried={"password": None}), None),
    ],
)
async def test_a_credential_is_dead_only_where_it_was_refused(installation, monkeypatch, check, told):
    class Asked:
        async def check(self) -> ProviderCheck:
            return check

        async def aclose(self) -> None: ...

    async def opened(self: object, source: object, values: object) -> Asked:
        return Asked()

    tenant(
        installation,
        "acme",
        "providers: {mail: {vendor: messages, settings: {via: smtp, host: a.example, sender: a@b.example}}}\n",
    )
    async with installation.access("acme", "run") as access:
        monkeypatch.setattr(type(access), "_open", opened)
        assert await access._signs_in_with("mail", "password", SecretBytes(b"x")) is told
