"""A client's own provider works with the estate's credential: the assembly hands over the hub's secrets and what the client is called there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from flows.assembly import Installation
from tenantry.errors import InvalidTenant, OutOfScope
from tenantry.home import Home
from tenantry.vault import MSP
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, Account, AwsStand, the_stand


@pytest.fixture
def aws() -> AwsStand:
    stand = the_stand()
    stand.forget()
    return stand


def installed(folder: Path, aws: AwsStand, **clients: tuple[Account, str | None]) -> Installation:
    """Clients with their account, and what their file calls it at the estate."""
    home = Home(folder).ensure()
    hub = {
        "vendor": "aws",
        "settings": {"endpoint_url": aws.base_url},
        "secrets": {"access_key": f"vault:{MSP}/aws-access-key", "secret_key": f"vault:{MSP}/aws-secret-key"},
    }
    home.estate.write_text(yaml.safe_dump({"providers": {"hub": hub}}))
    installation = Installation.open(home)
    installation.vault.put(MSP, "aws-access-key", SecretStr(HUB_KEY), kind="key")
    installation.vault.put(MSP, "aws-secret-key", SecretStr(HUB_SECRET), kind="key")
    for name, (account, handle) in clients.items():
        installation.vault.create_tenant_key(name)
        file: dict[str, Any] = {
            "name": name,
            "display_name": name,
            "providers": {"aws": {"vendor": "aws", "settings": account.settings()}},
        }
        if handle is not None:
            file["estate_handles"] = {"hub": handle}
        (home.tenants / f"{name}.yaml").write_text(yaml.safe_dump(file))
    return installation


async def reached(installation: Installation, tenant: str) -> str:
    async with installation.access(tenant, "run") as context:
        assert [source.key for source in context.sources()] == ["aws"], "the hub is no provider of the client's"
        identity = await context.capability("cloud_identity")
        return str((await identity.caller()).account)


async def test_each_client_reaches_its_own_account(tmp_path: Path, aws: AwsStand) -> None:
    acme, globex = aws.new_account(), aws.new_account()
    with installed(tmp_path, aws, acme=(acme, acme.id), globex=(globex, globex.id)) as installation:
        assert await reached(installation, "acme") == acme.id
        assert await reached(installation, "globex") == globex.id


async def test_a_file_that_names_anothers_account_is_refused(tmp_path: Path, aws: AwsStand) -> None:
    acme, globex = aws.new_account(), aws.new_account()
    with installed(tmp_path, aws, acme=(globex, acme.id), globex=(globex, None)) as installation:
        with pytest.raises(OutOfScope):
            await reached(installation, "acme")
        with pytest.raises(InvalidTenant):
            await reached(installation, "globex")
