"""The check-up of a client with real hosts, as its engineer walks it: the lines that it prints are given to a host and suffice, what a host lacks and
which host is away is said of that host alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from console import checkup
from flows.looking import TenantLooking
from flows.needs import needs
from flows.onboarding_hand import TenantOnboarding
from flows.pulling import RUNBOOK as PULLING
from tenantry.tenants import Tenant
from tests.console.desk import Desk
from tests.support.hosts import HostNet, host_net
from tests.support.tools import needs_program

RUNBOOK = "compromised_host"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("hosts")) as made:
        made.add("web", "db", "gone")
        made.hosts["gone"].process.kill()
        yield made


@pytest.fixture
def client(net: HostNet, desk: Desk) -> Desk:
    """A home with one client that has hosts and nothing else."""
    with desk.opened() as installation:
        installation.vault.create_tenant_key("acme")
        installation.vault.put("acme", "ssh-key", SecretStr(net.key.pem.decode()), kind="key")
        settings = {**net.settings("web", "db", "gone"), "connect_timeout": 0.5}
        file = {
            "name": "acme",
            "display_name": "Acme",
            "providers": {"hosts": {"vendor": "linux", "settings": settings, "secrets": {"key": "vault:acme/ssh-key"}}},
        }
        (installation.home.tenants / "acme.yaml").write_text(yaml.safe_dump(file))
    return desk


def given(net: HostNet, host: str, lines: str) -> None:
    net.hosts[host].run("cat > /etc/sudoers.d/responder", stdin=lines.encode())


def test_what_is_printed_is_what_a_host_is_given_and_each_host_is_told_of_by_itself(
    net: HostNet, client: Desk, tmp_path: Path
) -> None:
    needs_program("visudo")
    printed = client("tenants", "check", "acme", "--least-privilege").stdout
    file = tmp_path / "tenantry"
    file.write_text(printed)
    subprocess.run(["visudo", "-c", "-f", file], check=True, capture_output=True)
    assert "NOPASSWD: ALL" not in printed
    given(net, "web", printed)
    given(net, "db", printed.replace("/usr/sbin/nft, \\\n", ""))

    report = client.json("tenants", "check", "acme", code=1)
    (hosts,) = report["providers"]
    parts: dict[str, Any] = hosts["parts"]
    assert {name: (one["signed_in"], one["reachable"]) for name, one in parts.items()} == {
        "web": (True, True),
        "db": (True, True),
        "gone": (False, False),
    }
    assert "nft" in parts["web"]["granted"]
    assert "nft" not in parts["db"]["granted"]
    assert parts["gone"]["granted"] is None
    said = [problem for problem in hosts["problems"] if not problem.startswith("gone")]
    assert [line.partition(".")[0] for line in said] == ["db: sudo does not grant nft"]
    assert hosts["reachable"] is True
    # By hand one program was left out at one host; by the lines of the runbook alone nothing is missing at the other.
    (row,) = [row for row in report["runbooks"] if row["id"] == RUNBOOK]
    assert [lack for lack in row["missing"] if "messenger" not in lack] == ["db does not grant nft"]
    assert row["unknown"] == ["gone does not let us in: what it grants is not known"]
    assert not any("sign in" in lack for lack in row["missing"])

    shown = client("tenants", "check", "acme").stdout
    assert "2 of 3 hosts" in shown
    assert any(line.split()[:2] == ["hosts", "gone"] and "does not answer" in line for line in shown.splitlines())

    given(net, "db", printed)
    report = client.json("tenants", "check", "acme", code=1)
    (row,) = [row for row in report["runbooks"] if row["id"] == RUNBOOK]
    assert [lack for lack in row["missing"] if "messenger" not in lack] == []


async def test_a_host_that_refuses_us_while_another_takes_the_key_is_named_and_the_key_is_not_called_wrong(
    net: HostNet, client: Desk
) -> None:
    net.hosts["db"].run(": > /home/responder/.ssh/authorized_keys")
    try:
        with client.opened() as installation:
            found = await TenantOnboarding(installation, "acme", "run").access("hosts")
            async with installation.access("acme", "run") as access:
                (system,) = await TenantLooking(installation, access).systems()
    finally:
        net.hosts["db"].run(f"echo '{net.key.public}' > /home/responder/.ssh/authorized_keys")
    apart = "db, gone do not let us in; the other 1 does"
    assert (found.state, found.away) == ("unreachable", apart)
    assert found.problems[0] == apart
    assert any(problem.startswith("db: ") for problem in found.problems)
    assert (system.works, system.why) == (False, apart)
    assert {problem.partition(":")[0] for problem in system.missing} == {"db", "gone"}


@pytest.mark.parametrize(
    ("minutes", "runbook", "ready"), [(None, PULLING, None), (5, PULLING, False), (None, "malicious_oauth_app", False)]
)
def test_a_client_that_does_not_ask_for_alerts_to_be_fetched_lacks_nothing_for_it(
    desk: Desk, minutes: int | None, runbook: str, ready: bool | None
) -> None:
    tenant = Tenant.model_validate(
        {"name": "acme", "display_name": "Acme", "alert_pull": {"every_minutes": minutes} if minutes else {}}
    )
    provider = {
        "vendor": "microsoft365",
        "signed_in": True,
        "granted": frozenset[str](),
        "parts": dict[str, Any](),
    }
    with desk.opened() as installation:
        needed = installation.catalog.get(runbook)
        offered = {need: ["m365"] for need in needs(installation, needed)[0]}
        row = checkup.row(installation, tenant, offered, {"m365": provider}, runbook)
    assert row["ready"] is ready
    assert row["applies"] is (ready is not None)
    assert bool(row["missing"]) is (ready is not None)
    assert any("does not grant" in lack for lack in row["missing"] + row["not_here"])
    assert any("alert_pull" in why for why in row["not_here"]) is (ready is None)
