from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from integrations.lab.lab import Lab
from integrations.microsoft365.provider import Microsoft365Handle, Settings
from tenantry.errors import InDoubt, PermissionMissing, VendorFault
from tests.conformance.applications import ApplicationsConformance, ApplicationsWorld
from tests.integrations.microsoft365.conftest import BASE, Stand, Wire, check_contract


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """As the others' stand, with the story of an application."""
    lab = Lab("oauth_app", users=40)
    settings = Settings(
        tenant_id=lab.tenant_id,
        client_id=lab.client_id,
        login_url=f"{BASE}/login",
        graph_url=f"{BASE}/graph",
        exchange_url=f"{BASE}/exchange",
    )
    found = Stand(lab, Wire(lab), settings, secret=lab.client_secret)
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def world(stand: Stand, handle: Microsoft365Handle) -> ApplicationsWorld:
    story = stand.story["artefacts"]
    application = story["application"]
    return ApplicationsWorld(
        provider=handle.capability("applications"),
        application=application["id"],
        client_id=application["app_id"],
        name=application["name"],
        grants={
            "delegated": set(story["grants"]["delegated"]),
            "role": set(story["grants"]["roles"]),
            "assignment": set(story["grants"]["assignments"]),
        },
        credential=application["credential"],
        own=story["planted"]["principal"],
        own_credential=story["planted"]["credential"],
        owner=stand.story["accounts"]["global_administrators"][1],
        consented_by=set(stand.story["compromised"]),
        sign_ins=len(story["sign_ins"]["ids"]),
        missing_id="00000000-1111-2222-3333-444444444444",
        since=stand.since,
        until=stand.until,
        writes=lambda: stand.lab.writes,
    )


class TestConformance(ApplicationsConformance):
    pass


async def test_says_what_is_ours_and_what_is_the_vendors(stand: Stand, handle: Microsoft365Handle) -> None:
    applications = handle.capability("applications")
    (ours,) = await applications.find("Tenantry")
    assert ours.ours
    (graph,) = await applications.find("Microsoft Graph")
    assert graph.first_party
    (real,) = await applications.find("DocuVault eSign")
    assert (real.verified, real.publisher) == (True, "DocuVault Inc")


async def test_a_registration_is_found_by_its_id(stand: Stand, handle: Microsoft365Handle) -> None:
    planted = stand.story["artefacts"]["planted"]
    (found,) = await handle.capability("applications").find(planted["application"])
    assert found.id == planted["principal"]


async def test_one_of_several_keys_goes_by_writing_the_others_back(stand: Stand, handle: Microsoft365Handle) -> None:
    applications = handle.capability("applications")
    story = stand.story["artefacts"]
    for kind, held in (
        ("applications", stand.lab.tenant.applications.get(story["planted"]["application"])),
        ("servicePrincipals", stand.lab.tenant.service_principals.get(story["application"]["id"])),
    ):
        assert held is not None
        held.props["keyCredentials"] = [
            {
                "customKeyIdentifier": "MTIz",
                "displayName": f"CN={name}",
                "endDateTime": "2027-01-01T00:00:00Z",
                "key": None,
                "keyId": f"0000000{at}-1111-2222-3333-444444444444",
                "startDateTime": "2026-01-01T00:00:00Z",
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            }
            for at, name in enumerate(("own", "theirs", "other"))
        ]
        application = story["planted"]["principal"] if kind == "applications" else story["application"]["id"]
        theirs = next(c for c in await applications.credentials(application) if c.label == "CN=theirs")
        await applications.remove_credential(theirs)
        assert [key["displayName"] for key in held.props["keyCredentials"]] == ["CN=own", "CN=other"]
        assert stand.lab.audit[-1]["target"].startswith(kind)
        writes = stand.lab.writes
        await applications.remove_credential(theirs)
        assert stand.lab.writes == writes


async def test_a_removal_without_an_answer_is_in_doubt_and_sent_once(stand: Stand, handle: Microsoft365Handle) -> None:
    applications = handle.capability("applications")
    application = stand.story["artefacts"]["application"]["id"]
    grant = (await applications.grants(application))[0]
    stand.wire.after = lambda request, _: httpx.ReadTimeout("lost") if request.method == "DELETE" else None
    with pytest.raises(InDoubt):
        await applications.remove_grant(grant)
    assert len(stand.wire.sent("DELETE", grant.id)) == 1


@pytest.mark.parametrize(
    ("revoked", "call"),
    [
        (("Application.ReadWrite.All", "Directory.ReadWrite.All"), "set_enabled"),
        (("Policy.Read.All", "Policy.ReadWrite.Authorization"), "consent_policy"),
    ],
)
async def test_a_permission_that_is_missing_is_named(
    stand: Stand, handle: Microsoft365Handle, revoked: tuple[str, ...], call: str
) -> None:
    stand.lab.change_permissions(revoke=revoked)
    applications = handle.capability("applications")
    application = stand.story["artefacts"]["application"]["id"]
    arguments = (application, False) if call == "set_enabled" else ()
    with pytest.raises(PermissionMissing) as caught:
        await getattr(applications, call)(*arguments)
    assert revoked[0] in caught.value.remedy


async def test_an_application_without_its_state_is_not_taken_for_disabled(
    stand: Stand, handle: Microsoft365Handle
) -> None:
    application = stand.story["artefacts"]["application"]["id"]
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"id": application})
        if f"servicePrincipals/{application}" in request.url.path
        else None
    )
    with pytest.raises(PermissionMissing):
        await handle.capability("applications").application(application)
    stand.wire.instead = lambda request: (
        httpx.Response(200, json=[]) if "servicePrincipals" in request.url.path else None
    )
    with pytest.raises(VendorFault):
        await handle.capability("applications").grants(application)


def test_the_story_is_the_same_for_the_same_seed() -> None:
    one, other = Lab("oauth_app", users=40), Lab("oauth_app", users=40)
    assert one.scenario_info()["artefacts"]["grants"] == other.scenario_info()["artefacts"]["grants"]
