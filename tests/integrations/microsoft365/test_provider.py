from __future__ import annotations

import pytest
from pydantic import ValidationError

from integrations.microsoft365.provider import CAPABILITIES, PROVIDER, Cloud, Microsoft365Handle, Settings
from tenantry.capabilities import CAPABILITIES as PROTOCOLS
from tenantry.errors import OutOfScope
from tests.integrations.microsoft365.conftest import CANARY, Stand

IDS = {"tenant_id": "11111111-2222-3333-4444-555555555555", "client_id": "66666666-7777-8888-9999-000000000000"}


async def test_it_offers_what_it_says(handle: Microsoft365Handle) -> None:
    assert PROVIDER.capabilities == CAPABILITIES
    for name in CAPABILITIES:
        assert isinstance(handle.capability(name), PROTOCOLS[name])
    with pytest.raises(OutOfScope):
        handle.capability("messenger")


async def test_a_check_of_a_sound_tenant(stand: Stand, handle: Microsoft365Handle) -> None:
    found = await handle.check()
    assert found.signed_in
    assert found.granted == stand.lab.granted_roles | stand.lab.exchange_roles
    assert found.problems == ()
    assert found.facts == {"organization": "Contoso Lab"}
    assert stand.lab.audit == []


async def test_a_check_with_a_wrong_secret(stand: Stand) -> None:
    stand.secret = CANARY
    found = await (await stand.open()).check()
    assert not found.signed_in
    assert len(found.problems) == 2
    assert CANARY not in repr(found)


async def test_a_check_without_the_exchange_role(stand: Stand) -> None:
    stand.lab.change_permissions(exchange_roles=[])
    found = await (await stand.open()).check()
    assert found.signed_in
    assert found.granted is not None
    assert "Exchange.ManageAsApp" not in found.granted
    assert any("Exchange Administrator" in problem for problem in found.problems)


async def test_a_check_tells_what_is_not_granted(stand: Stand) -> None:
    stand.lab.change_permissions(revoke=["AuditLog.Read.All", "Organization.Read.All"])
    found = await (await stand.open()).check()
    assert found.granted is not None
    assert "AuditLog.Read.All" not in found.granted
    assert found.problems == ()


async def test_a_closed_handle_keeps_no_token(stand: Stand, handle: Microsoft365Handle) -> None:
    await handle.capability("identity").account(stand.user)
    await handle.aclose()
    assert handle._tokens._entries == {}
    await handle.aclose()


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant_id": "contoso.example"},
        {"client_id": "x"},
        {"graph_url": "http://graph.microsoft.com"},
        {"graph_url": "https://user:pw@graph.microsoft.com"},
        {"graph_url": "https://graph.microsoft.com?x=1"},
        {"graph_url": "ftp://graph.microsoft.com"},
        {"login_url": "https://"},
        {"credential": "password"},
        {"cloud": "moon"},
        {"client_secret": "x"},
    ],
)
def test_settings_that_cannot_be_taken(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**IDS, **wrong})


@pytest.mark.parametrize("cloud", list(Cloud))
def test_each_cloud_has_addresses_and_scopes_of_its_own(cloud: Cloud) -> None:
    settings = Settings.model_validate({**IDS, "cloud": cloud})
    assert all(address.startswith("https://") for address in settings.addresses)
    assert settings.scopes == tuple(f"{address}/.default" for address in settings.addresses[1:])


def test_a_stand_in_keeps_the_scopes_of_the_cloud() -> None:
    settings = Settings.model_validate({**IDS, "graph_url": "http://127.0.0.1:8080/graph/"})
    assert settings.addresses[1] == "http://127.0.0.1:8080/graph"
    assert settings.scopes[0] == "https://graph.microsoft.com/.default"
