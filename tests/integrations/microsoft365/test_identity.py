from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    ProviderError,
    Rejected,
    SignInFailed,
    TargetNotFound,
    Throttled,
    VendorFault,
)
from tests.conformance.identity import IdentityConformance, IdentityWorld
from tests.integrations.microsoft365.conftest import CANARY, Stand


@pytest.fixture
async def world(stand: Stand, handle: Microsoft365Handle) -> IdentityWorld:
    story = stand.story
    identity = handle.capability("identity")
    user = await identity.account(stand.user)
    artefacts = story["artefacts"]
    methods = await identity.methods(stand.user)
    own = next(
        method
        for method in methods
        if method.kind != "passwordMethods" and method.id != artefacts["authenticator"]["method_id"]
    )
    password = next(method for method in methods if method.kind == "passwordMethods")
    consents = await identity.consents(stand.user)
    devices = await identity.devices(stand.user)
    stand.wire.requests.clear()
    return IdentityWorld(
        provider=identity,
        user=stand.user,
        user_id=user.id,
        accounts=stand.lab.users,
        missing_id="00000000-1111-2222-3333-444444444444",
        admin=story["accounts"]["global_administrators"][0],
        role="Global Administrator",
        holders=len(story["accounts"]["global_administrators"]),
        method=("microsoftAuthenticatorMethods", artefacts["authenticator"]["method_id"]),
        other_method=(own.kind, own.id),
        password_method=(password.kind, password.id),
        consent=artefacts["consent"]["grant_id"],
        other_consent=next(consent.id for consent in consents if consent.app_verified and consent.kind == "delegated"),
        device=artefacts["device"]["device_id"],
        other_device=next(device.id for device in devices if device.id != artefacts["device"]["device_id"]),
        attacker_ip=story["attacker"]["ips"][0],
        since=stand.since,
        until=stand.until,
        writes=lambda: stand.lab.writes,
    )


class TestConformance(IdentityConformance):
    pass


# --- what the vendor has that others may not -----------------------------------------------------------------------------


async def test_consents_say_who_the_application_is(stand: Stand, handle: Microsoft365Handle) -> None:
    artefact = stand.story["artefacts"]["consent"]
    consents = {consent.id: consent for consent in await handle.capability("identity").consents(stand.user)}
    attackers = consents[artefact["grant_id"]]
    assert (attackers.kind, attackers.app_name, attackers.app_verified) == ("delegated", artefact["app_name"], False)
    assert (attackers.app_id, attackers.scope) == (artefact["app_id"], artefact["scope"])
    assert consents[artefact["app_role_assignment_id"]].kind == "application"
    names = stand.wire.sent("POST", "/$batch")
    assert len(names) == 2, "both lists come in one batch, the names of all applications in another"


async def test_an_application_assignment_is_removed_and_given_again(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    wanted = stand.story["artefacts"]["consent"]["app_role_assignment_id"]
    consent = next(found for found in await identity.consents(stand.user) if found.id == wanted)
    await identity.remove_consent(consent)
    assert wanted not in {found.id for found in await identity.consents(stand.user)}
    await identity.add_consent(consent)
    again = [found for found in await identity.consents(stand.user) if found.kind == "application"]
    assert any(found.raw["resourceId"] == consent.raw["resourceId"] for found in again)


async def test_a_synced_account_says_so_and_keeps_its_password(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    synced = stand.story["accounts"]["synced"][0]
    assert (await identity.account(synced)).synced
    with pytest.raises(Rejected):
        await identity.reset_password(synced, SecretStr("Tr4ns!tion-9271-kite"), change_at_next_sign_in=True)
    anchor = await identity.directory_anchor(synced)
    with pytest.raises(Rejected):
        await identity.set_directory_anchor(synced, None)
    assert anchor is not None
    assert await identity.directory_anchor(synced) == anchor, "it keeps the one that it has"


async def test_the_default_method_comes_last_and_a_refusal_is_tried_once_more(
    stand: Stand, handle: Microsoft365Handle
) -> None:
    identity = handle.capability("identity")
    methods = [method for method in await identity.methods(stand.user) if method.kind != "passwordMethods"]
    assert len(methods) == 2
    with pytest.raises(Rejected):
        await identity.remove_method(stand.user, methods[-1].kind, methods[-1].id)
    assert len(stand.wire.sent("DELETE", methods[-1].id)) == 2
    assert stand.sleeps == [2.0]
    for method in methods:
        await identity.remove_method(stand.user, method.kind, method.id)
    assert {method.kind for method in await identity.methods(stand.user)} == {"passwordMethods"}


async def test_all_phones_can_be_removed_in_the_order_given(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    second = stand.story["accounts"]["second"]
    for method in await identity.methods(second):
        if method.kind != "passwordMethods":
            await identity.remove_method(second, method.kind, method.id)
    assert {method.kind for method in await identity.methods(second)} == {"passwordMethods"}


async def test_the_mobile_phone_comes_after_the_alternate_one(stand: Stand, handle: Microsoft365Handle) -> None:
    phone = "#microsoft.graph.phoneAuthenticationMethod"
    rows = [
        {"@odata.type": phone, "id": "3179e48a-750b-4051-897c-87b9720928f7", "phoneType": "mobile"},
        {"@odata.type": phone, "id": "b6332ec1-7057-4abe-9331-3d72feddfe41", "phoneType": "alternateMobile"},
        {"@odata.type": "#microsoft.graph.softwareOathAuthenticationMethod", "id": "oath"},
    ]
    default = {"userPreferredMethodForSecondaryAuthentication": "sms"}

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/authentication/methods"):
            return httpx.Response(200, json={"value": rows})
        return httpx.Response(200, json=default) if request.url.path.endswith("/signInPreferences") else None

    stand.wire.instead = answer
    found = [method.id for method in await handle.capability("identity").methods(stand.user)]
    assert found == ["oath", "b6332ec1-7057-4abe-9331-3d72feddfe41", "3179e48a-750b-4051-897c-87b9720928f7"]


async def test_roles_held_through_a_group_count(stand: Stand, handle: Microsoft365Handle) -> None:
    role = {
        "@odata.type": "#microsoft.graph.directoryRole",
        "id": "0b7f",
        "displayName": "Privileged Role Administrator",
        "roleTemplateId": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    }

    def answer(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/$batch"):
            return None
        asked = {item["id"]: item["url"] for item in json.loads(request.content)["requests"]}
        if not any("roleAssignments" in url for url in asked.values()):
            return None
        bodies = {key: {"value": [role] if "transitiveMemberOf" in url else []} for key, url in asked.items()}
        return httpx.Response(
            200, json={"responses": [{"id": key, "status": 200, "body": body} for key, body in bodies.items()]}
        )

    stand.wire.instead = answer
    (found,) = await handle.capability("identity").roles(stand.user)
    assert (found.role, found.privileged) == ("Privileged Role Administrator", True)


async def test_members_of_a_group_hold_its_role(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    user = await identity.account(stand.user)

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/members"):
            return httpx.Response(200, json={"value": [{"@odata.type": "#microsoft.graph.group", "id": "g1"}]})
        if request.url.path.endswith("/groups/g1/transitiveMembers"):
            return httpx.Response(200, json={"value": [{"@odata.type": "#microsoft.graph.user", "id": user.id}]})
        return None

    stand.wire.instead = answer
    assert [holder.upn for holder in await identity.role_holders("Global Administrator")] == [stand.user]


async def test_a_guests_name_is_one_segment(stand: Stand, handle: Microsoft365Handle) -> None:
    with pytest.raises(TargetNotFound):
        await handle.capability("identity").account("x_ext.example#EXT#@contoso.example/../users?$top=1")
    (request,) = stand.wire.sent("GET", "/users/")
    assert request.url.raw_path.count(b"/") == 4
    assert b"?$top" not in request.url.raw_path


async def test_withheld_is_not_disabled(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"id": "1", "userPrincipalName": "a@b", "displayName": "A"})
        if "/users/" in request.url.path
        else None
    )
    with pytest.raises(PermissionMissing):
        await handle.capability("identity").account("a@b")


async def test_one_account_without_the_value_does_not_end_the_list(stand: Stand, handle: Microsoft365Handle) -> None:
    rows = [
        {"id": "1", "userPrincipalName": "a@b", "accountEnabled": None},
        {"id": "2", "userPrincipalName": "c@d", "accountEnabled": False},
    ]
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"value": rows}) if request.url.path.endswith("/users") else None
    )
    one, two = [account async for account in handle.capability("identity").accounts()]
    assert (one.enabled, two.enabled) == (True, False)
    assert one.raw["accountEnabled"] is None


async def test_a_deleted_accounts_sign_ins_are_found_by_name(stand: Stand, handle: Microsoft365Handle) -> None:
    gone = "gone@contoso-lab.example"
    assert [entry async for entry in handle.capability("identity").sign_ins(gone, stand.since, stand.until)] == []
    assert all(
        f"userPrincipalName eq '{gone}'" in request.url.params["$filter"]
        for request in stand.wire.sent("GET", "/auditLogs/signIns")
    )


async def test_the_reports_quota_is_waited_out(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.faults(reports_limit=True, reports_window_ms=1)
    for _ in range(4):
        async for _entry in handle.capability("identity").sign_ins(None, stand.since, stand.until):
            pass


# --- a hundred thousand -------------------------------------------------------------------------------------------------


async def test_a_large_directory_is_read_a_page_at_a_time(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.lab.tenant.directory.count = 5_000
    seen = 0
    async for _account in handle.capability("identity").accounts():
        seen += 1
        if seen == 1500:
            break
    assert len(stand.wire.sent("GET", "/users")) == 2, "the third page is not asked for before it is needed"


# --- faults of each kind on reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "throttle", "style": "seconds"},
        {"fault": "throttle", "style": "date"},
        {"fault": "throttle", "style": "none"},
        {"fault": "error", "status": 500, "style": "json"},
        {"fault": "error", "status": 502, "style": "html"},
        {"fault": "error", "status": 503, "style": "empty"},
        {"fault": "error", "status": 504, "style": "html"},
        {"fault": "drop"},
        {"fault": "partial_page", "style": "truncated"},
        {"fault": "partial_page", "style": "cut"},
        {"fault": "partial_page", "style": "rows"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
async def test_a_read_outlives_every_fault(stand: Stand, handle: Microsoft365Handle, fault: dict[str, object]) -> None:
    stand.lab.tenant.directory.count = 2_500
    stand.faults(script=[{"match": {"path": "/graph/v1.0/users"}, "nth": [1, 3], **fault}])
    ids = [account.id async for account in handle.capability("identity").accounts()]
    assert len(ids) == len(set(ids)) == 2_500


async def test_retry_after_is_honoured(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.faults(script=[{"nth": 1, "fault": "throttle", "style": "seconds", "retry_after_s": 17}])
    await handle.capability("identity").account(stand.user)
    (slept,) = stand.sleeps
    assert 17 <= slept <= 19


async def test_a_wait_beyond_the_budget_is_not_begun(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.faults(
        script=[{"match": {"path": "/graph/"}, "fault": "throttle", "style": "seconds", "retry_after_s": 3600}]
    )
    with pytest.raises(Throttled) as caught:
        await handle.capability("identity").account(stand.user)
    assert caught.value.retry_after == 3600
    assert stand.sleeps == []


async def test_a_read_that_keeps_failing_ends(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.faults(script=[{"match": {"path": "/graph/"}, "fault": "error", "status": 500}])
    with pytest.raises(VendorFault):
        await handle.capability("identity").account(stand.user)
    assert len(stand.wire.sent("GET", "/users/")) == 5
    assert len(stand.sleeps) == 4


async def test_tokens_that_expire_between_pages_are_renewed(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.lab.tenant.directory.count = 4_000
    seen = 0
    async for _account in handle.capability("identity").accounts():
        seen += 1
        if seen % 999 == 0:
            stand.lab.tokens.expire_all()
    assert seen == 4_000
    assert stand.sleeps == []


# --- writes: never twice -----------------------------------------------------------------------------------------------


async def test_a_write_without_an_answer_is_in_doubt_and_not_repeated(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    user = await identity.account(stand.user)
    calls = [
        lambda: identity.set_enabled(stand.user, False),
        lambda: identity.revoke_sessions(stand.user),
        lambda: identity.reset_password(stand.user, SecretStr(CANARY + "-Aa1!"), change_at_next_sign_in=True),
        lambda: identity.set_device_enabled(stand.story["artefacts"]["device"]["device_id"], False),
    ]
    for call in calls:
        before = stand.lab.writes
        stand.faults(script=[{"fault": "timeout_after_effect", "hang_ms": 0}])
        with pytest.raises(InDoubt) as caught:
            await call()
        assert stand.lab.writes == before + 1, "done exactly once"
        assert CANARY not in repr(caught.value) + str(caught.value.as_dict())
    stand.faults()
    assert not (await identity.account(user.id)).enabled


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"error": {"code": "x"}}),
        httpx.Response(503, text="<html>busy</html>"),
        httpx.Response(502, text="<html>bad gateway</html>"),
        httpx.Response(200, text="<html>a portal</html>"),
        httpx.Response(200, text='{"value": tr'),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(408),
        httpx.ReadTimeout("x"),
        httpx.WriteTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.DecodingError("x"),
    ],
    ids=lambda answer: type(answer).__name__ if isinstance(answer, Exception) else str(answer.status_code),
)
async def test_whatever_comes_after_sending_is_in_doubt(
    stand: Stand, handle: Microsoft365Handle, answer: httpx.Response | Exception
) -> None:
    await handle.capability("identity").account(stand.user)
    stand.wire.after = lambda _request, _response: answer
    with pytest.raises(InDoubt):
        await handle.capability("identity").revoke_sessions(stand.user)
    assert len(stand.lab.audit) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429, headers={"Retry-After": "2"}),
        httpx.Response(429),
        httpx.Response(503, headers={"Retry-After": "2"}),
        httpx.ConnectError("x"),
        httpx.ConnectTimeout("x"),
        httpx.PoolTimeout("x"),
    ],
    ids=lambda answer: type(answer).__name__ if isinstance(answer, Exception) else str(answer.status_code),
)
async def test_a_write_that_was_not_done_is_done_once(
    stand: Stand, handle: Microsoft365Handle, answer: httpx.Response | Exception
) -> None:
    answers = [answer, answer]
    stand.wire.instead = lambda request: answers.pop() if answers and "revoke" in request.url.path else None
    await handle.capability("identity").revoke_sessions(stand.user)
    assert len(stand.lab.audit) == 1


async def test_a_write_refused_for_its_token_is_done_once(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    await identity.account(stand.user)
    stand.lab.tokens.expire_all()
    await identity.set_enabled(stand.user, False)
    assert len(stand.lab.audit) == 1


async def test_a_token_refused_twice_is_a_failed_sign_in(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.wire.instead = lambda request: httpx.Response(401) if "/graph/" in request.url.path else None
    with pytest.raises(SignInFailed):
        await handle.capability("identity").account(stand.user)
    assert len(stand.wire.sent("GET", "/users/")) == 2


# --- permissions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revoked", "method", "arguments", "named"),
    [
        (
            ["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
            "account",
            ("u",),
            "User.Read.All",
        ),
        (
            ["User.ReadWrite.All", "Directory.ReadWrite.All", "User.EnableDisableAccount.All"],
            "set_enabled",
            ("u", False),
            "User.EnableDisableAccount.All",
        ),
        (
            ["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"],
            "methods",
            ("u",),
            "UserAuthenticationMethod.Read.All",
        ),
    ],
)
async def test_a_missing_permission_is_named(
    stand: Stand, handle: Microsoft365Handle, revoked: list[str], method: str, arguments: tuple[object, ...], named: str
) -> None:
    stand.lab.change_permissions(revoke=revoked)
    given = [stand.user if value == "u" else value for value in arguments]
    with pytest.raises(PermissionMissing) as caught:
        await getattr(handle.capability("identity"), method)(*given)
    assert caught.value.detail["needs"] == named
    assert named in caught.value.remedy
    assert stand.lab.audit == []


async def test_reports_without_a_licence(stand: Stand, handle: Microsoft365Handle) -> None:
    error = {"error": {"code": "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "message": "…"}}
    stand.wire.instead = lambda request: httpx.Response(403, json=error) if "auditLogs" in request.url.path else None
    with pytest.raises(PermissionMissing, match="licence"):
        [_ async for _ in handle.capability("identity").sign_ins(stand.user, stand.since, stand.until)]


# --- what is sent ---------------------------------------------------------------------------------------------------------


async def test_what_a_write_says(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    await identity.set_enabled(stand.user, False)
    await identity.reset_password(stand.user, SecretStr("Tr4ns!tion-9271-kite"), change_at_next_sign_in=False)
    one, two = stand.wire.sent("PATCH", "/users/")
    assert json.loads(one.content) == {"accountEnabled": False}
    assert json.loads(two.content) == {
        "passwordProfile": {"forceChangePasswordNextSignIn": False, "password": "Tr4ns!tion-9271-kite"}
    }
    assert all(request.headers["client-request-id"] for request in stand.wire.requests)
    assert len({request.headers["client-request-id"] for request in stand.wire.requests}) == len(stand.wire.requests)


async def test_errors_carry_ids_and_no_token(stand: Stand, handle: Microsoft365Handle) -> None:
    with pytest.raises(ProviderError) as caught:
        await handle.capability("identity").account("nobody@nowhere.example")
    said = json.dumps(caught.value.as_dict())
    assert caught.value.detail["client_request_id"] == stand.wire.requests[-1].headers["client-request-id"]
    assert caught.value.detail["vendor_code"] == "Request_ResourceNotFound"
    token = stand.wire.requests[-1].headers["authorization"].removeprefix("Bearer ")
    assert token not in said
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_span_without_zone_is_utc(stand: Stand, handle: Microsoft365Handle) -> None:
    naive = datetime.now(UTC).replace(tzinfo=None)
    async for _ in handle.capability("identity").sign_ins(None, naive - timedelta(hours=1), naive):
        pass
    assert stand.wire.sent("GET", "/v1.0/auditLogs/signIns")[0].url.params["$filter"].endswith("Z")
