"""Runs about the estate's own credentials: what they see, who carries them, and who does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import estate, keeper
from flows.assembly import Installation
from integrations.lab import Lab, LabServer
from tenantry.broker import BrokeredVault
from tenantry.errors import InvalidTenant, OutOfScope
from tenantry.home import Home
from tenantry.names import MSP
from tenantry.run import Status

REQUESTER = {"person": None, "proven": False, "via": "test"}


class Nobody:
    """A worker that carries nothing."""

    busy = ()
    runs = ()

    async def stop(self, flow_run_id: object) -> None:
        """Nothing runs."""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    home = Home(tmp_path / "home").ensure()
    text = "providers:\n  mail: {vendor: messages, settings: {via: teams}, secrets: {webhook: 'vault:_msp/teams'}}\n"
    (home.path / "estate.yaml").write_text(text, encoding="utf-8")
    with Installation.open(home) as opened:
        opened.vault.put(MSP, "teams", "https://teams.example/hook")
        yield opened


async def test_it_sees_credentials_and_nothing_of_any_client(installation: Installation) -> None:
    async with estate.access_of(installation, MSP, "run") as access:
        assert access.name == MSP
        assert set(access.subject) == {"name", "display_name", "time_zone"}
        for name in ("identity", "secrets", "host", "cloud_identity"):
            with pytest.raises(OutOfScope):
                await access.capability(name)
        credentials = await access.capability("credentials")
        with pytest.raises(InvalidTenant) as refused:
            await credentials.state("mail/webhook")  # nobody but a person makes one
        assert "mail/webhook" in refused.value.message
        with pytest.raises(InvalidTenant):
            await credentials.state("nothing")


def test_neither_a_drill_nor_a_process_of_the_service_begins_one(installation: Installation) -> None:
    with pytest.raises(OutOfScope):
        estate.prepare(installation, "credential_rotation", {"provider": "aws"}, "drill", REQUESTER)
    installation.vault.close()
    installation.__dict__["vault"] = BrokeredVault.__new__(BrokeredVault)
    try:
        with pytest.raises(OutOfScope):
            estate.prepare(installation, "credential_rotation", {"provider": "aws"}, "run", REQUESTER)
    finally:
        del installation.__dict__["vault"]


async def test_the_service_leaves_one_that_was_interrupted_to_a_person(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_BEGINNING", -1.0)
    run_id = estate.prepare(installation, "credential_rotation", {"provider": "mail/webhook"}, "run", REQUESTER)
    (left,) = installation.journal.unsettled()
    await keeper.Keeper(installation, Nobody())._settle(None, left)  # type: ignore[arg-type]  # Prefect is asked nothing
    state = installation.state(run_id)
    assert state.stopped is not None
    assert state.stopped.value == "interrupted"
    assert installation.journal.unsettled() == []
    assert installation.view(run_id)["status"] == "interrupted"


def test_the_msps_own_application_gets_a_new_secret_once_for_all_clients(tmp_path: Path) -> None:
    lab = Lab("quiet", users=20, application="here")
    home = Home(tmp_path / "home").ensure()
    with LabServer(lab) as server, Installation.open(home) as installation:
        urls = {f"{name}_url": f"{server.base_url}/{name}" for name in ("login", "graph", "exchange")}
        block = {
            "vendor": "microsoft365",
            "settings": {"tenant_id": lab.tenant_id, "client_id": lab.client_id, **urls},
            "secrets": {"client_secret": f"vault:{MSP}/application"},
        }
        home.estate.write_text(json.dumps({"providers": {"m365": block}}), encoding="utf-8")
        installation.vault.put(MSP, "application", lab.client_secret, kind="client_secret")
        run_id = estate.prepare(installation, "credential_rotation", {"provider": "m365"}, "run", REQUESTER)
        state = estate.carry(installation, run_id)
        assert state.ended is Status.COMPLETED, installation.view(run_id)
        (live,) = lab.tokens.secrets.keys() & lab.tokens._live("passwordCredentials")
        stored = installation.vault.get(MSP, "application").get_secret_value().decode()
        assert stored == lab.tokens.secrets[live] != lab.client_secret
