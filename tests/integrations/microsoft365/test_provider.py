from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretBytes, ValidationError

from integrations.http import Limits
from integrations.lab.server import LabServer
from integrations.microsoft365.permissions import with_contained
from integrations.microsoft365.provider import CAPABILITIES, PROVIDER, Cloud, Microsoft365Handle, Settings
from tenantry.capabilities import CAPABILITIES as PROTOCOLS
from tenantry.capabilities.credentials import CredentialService
from tenantry.errors import InDoubt, InvalidTenant, OutOfScope
from tenantry.providers import Client, Ours, Recognised
from tests.integrations.microsoft365.conftest import CANARY, Stand

IDS = {"tenant_id": "11111111-2222-3333-4444-555555555555", "client_id": "66666666-7777-8888-9999-000000000000"}


async def test_it_offers_what_it_says(handle: Microsoft365Handle) -> None:
    assert PROVIDER.capabilities == CAPABILITIES
    # Of the credentials a provider offers the service's side; tasks see the assembly's.
    for name, protocol in PROTOCOLS.items():
        if name in CAPABILITIES and name != "credentials":
            assert isinstance(handle.capability(name), protocol)
    assert isinstance(handle.capability("credentials")["client_secret"], CredentialService)
    with pytest.raises(OutOfScope):
        handle.capability("messenger")


async def test_it_knows_what_of_ours_is_seen(handle: Microsoft365Handle, stand: Stand) -> None:
    assert isinstance(handle, Recognised)
    assert await handle.ours() == Ours(applications=frozenset({stand.lab.client_id}))


async def test_a_check_of_a_sound_tenant(stand: Stand, handle: Microsoft365Handle) -> None:
    found = await handle.check()
    assert found.signed_in
    assert found.granted == with_contained(stand.lab.granted_roles | stand.lab.exchange_roles)
    assert "User.EnableDisableAccount.All" in found.granted, "User.ReadWrite.All contains it"
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
    assert any("m365-exchange.ps1" in problem for problem in found.problems)


async def test_a_check_tells_what_is_not_granted(stand: Stand) -> None:
    stand.lab.change_permissions(revoke=["AuditLog.Read.All", "Organization.Read.All"])
    found = await (await stand.open()).check()
    assert found.granted is not None
    assert "AuditLog.Read.All" not in found.granted
    assert found.problems == ()


async def test_a_check_when_the_tokens_do_not_tell(
    stand: Stand, handle: Microsoft365Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.microsoft365.auth.unverified_claims", lambda _token: {})
    found = await handle.check()
    assert found.granted is not None
    assert {"User.Read.All", "AuditLog.Read.All"} <= found.granted
    stand.lab.change_permissions(revoke=stand.lab.granted_roles)
    found = await (await stand.open()).check()
    assert found.signed_in
    assert found.granted is None
    assert any("Application.Read.All" in problem for problem in found.problems)


async def test_over_a_real_connection(stand: Stand) -> None:
    """The same over TCP: a write whose connection is cut after the effect is in doubt, and was done once."""
    with LabServer(stand.lab) as server:

        async def secrets(_name: str) -> SecretBytes:
            return SecretBytes(stand.secret.encode())

        urls = {f"{name}_url": f"{server.base_url}/{name}" for name in ("login", "graph", "exchange")}
        handle = await PROVIDER.open(stand.settings.model_copy(update=urls), secrets, limits=Limits(first_wait=0.01))
        identity = handle.capability("identity")
        assert (await handle.check()).signed_in
        stand.faults(drop_rate=0.2, partial_page_rate=0.3, seed=5)
        for _ in range(5):
            assert len([_ async for _ in identity.accounts()]) == stand.lab.users
        stand.faults(script=[{"fault": "timeout_after_effect", "hang_ms": 1}])
        with pytest.raises(InDoubt):
            await identity.set_enabled(stand.user, False)
        stand.faults()
        assert not (await identity.account(stand.user)).enabled
        assert len(stand.lab.audit) == 1
        await handle.aclose()


async def test_how_many_requests_are_under_way_at_once_is_set_in_the_tenants_file(stand: Stand) -> None:
    assert (await stand.open())._http.limits.concurrency == 16
    assert (await stand.open(concurrency=3))._http.limits.concurrency == 3


@pytest.mark.parametrize("seed", range(6))
async def test_no_call_ever_writes_twice_whatever_happens(stand: Stand, seed: int) -> None:
    """Everything at once, at rates no vendor has: each call writes at most once, success means once, and what is in
    doubt is settled by looking."""
    handle = await stand.open(limits=Limits(attempts=30, budget=10_000))
    identity, mail = handle.capability("identity"), handle.capability("mail")
    rule = stand.story["artefacts"]["rule"]["identity"]
    stand.faults(
        error_rate=0.15,
        throttle_rate=0.15,
        timeout_after_effect_rate=0.4,
        partial_page_rate=0.3,
        drop_rate=0.1,
        hang_ms=0,
        seed=seed,
    )
    doubts = 0
    for turn in range(12):
        wanted = turn % 2 == 1
        for write, look in (
            (lambda w=wanted: identity.set_enabled(stand.user, w), lambda: identity.account(stand.user)),
            (lambda w=wanted: mail.set_rule_enabled(stand.user, rule, w), lambda: _rule(mail, stand.user, rule)),
        ):
            done = False
            while not done:
                before = stand.lab.writes
                try:
                    await write()
                    assert stand.lab.writes == before + 1
                except InDoubt:
                    doubts += 1
                    assert stand.lab.writes <= before + 1
                done = (await look()).enabled is wanted
    assert doubts


async def _rule(mail: Any, mailbox: str, rule: str) -> Any:
    return next(found for found in await mail.rules(mailbox) if found.id == rule)


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


# --- the MSP's own application, for many clients ----------------------------------------------------------------------

HOME = "99999999-8888-4777-8666-555555555555"


async def opened_for(stand: Stand, handle: str) -> Microsoft365Handle:
    async def secrets(_name: str) -> SecretBytes:
        return SecretBytes(stand.secret.encode())

    client = Client("acme", handle, frozenset())
    ours = stand.settings.model_copy(update={"tenant_id": HOME, "accounts": {"spare": "spare@msp.example"}})
    found = await PROVIDER.open_for(client, ours, secrets, transport=stand.wire)
    stand.handles.append(found)
    return found


async def test_the_msps_application_reaches_the_directory_that_the_client_is_called_there(stand: Stand) -> None:
    handle = await opened_for(stand, stand.lab.tenant_id)
    assert (await handle.check()).signed_in
    signed_in = {request.url.path for request in stand.wire.sent("POST", "/login/")}
    assert signed_in == {f"/login/{stand.lab.tenant_id}/oauth2/v2.0/token"}
    assert await handle.ours() == Ours(applications=frozenset({stand.lab.client_id}), partners=frozenset({HOME}))
    assert handle.capability("credentials") == {}, "they are replaced in the MSP's own directory, once for all clients"


async def test_a_directory_has_one_spelling_and_is_not_our_own(stand: Stand) -> None:
    """Who compares what clients are called compares text."""
    other = "abcdef12-2222-4333-8444-555555555555"
    for wrong in (other.upper(), other.replace("-", ""), f"{{{other}}}", "acme", ""):
        with pytest.raises(InvalidTenant):
            await opened_for(stand, wrong)
    with pytest.raises(OutOfScope):
        await opened_for(stand, HOME)
    assert stand.wire.requests == []


async def test_with_the_msps_application_a_token_that_does_not_say_whose_it_is_is_refused(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.microsoft365.auth.unverified_claims", lambda _token: {})
    with pytest.raises(OutOfScope):
        await (await opened_for(stand, stand.lab.tenant_id)).capability("identity").organization()
    assert stand.wire.sent("GET", "/graph/") == []


async def test_a_client_that_never_consented_or_does_so_no_more(stand: Stand) -> None:
    stand.lab.asked = stand.lab.granted_roles
    stand.lab.administrator.withdraw()
    handle = await opened_for(stand, stand.lab.tenant_id)
    found = await handle.check()
    assert (found.signed_in, found.refused) == (False, True)
    assert all("consent" in problem for problem in found.problems)
    stand.lab.known = True
    assert (await handle.check()).signed_in
