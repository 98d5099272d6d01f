"""``identity`` for Microsoft 365: Entra ID through Microsoft Graph.

Every method pins itself to the tenant of its token. Pages are under learn.microsoft.com/graph/api/.

==================== ======================================================== ===============================================
method               application permission (least)                           page
==================== ======================================================== ===============================================
account, accounts    User.Read.All                                            user-get, user-list
set_enabled          User.EnableDisableAccount.All + User.Read.All, or        user-update
                     User.ReadWrite.All
directory_anchor,    User.Read.All, User.ReadWrite.All                        user-get, user-update
set_directory_anchor
revoke_sessions      User.RevokeSessions.All                                  user-revokesigninsessions
reset_password       User-PasswordProfile.ReadWrite.All                       user-update
roles, role_holders  RoleManagement.Read.Directory + User.Read.All            rbacapplication-list-roleassignments,
                                                                              directoryrole-list-members
methods              UserAuthenticationMethod.Read.All                        authentication-list-methods
remove_method        UserAuthenticationMethod.ReadWrite.All                   …authenticationmethod-delete
consents             Directory.Read.All                                       user-list-oauth2permissiongrants,
                                                                              user-list-approleassignments
remove_consent,      DelegatedPermissionGrant.ReadWrite.All,                  oauth2permissiongrant-delete, -post,
add_consent          AppRoleAssignment.ReadWrite.All                          user-delete-approleassignments, -post-…
delete_account,       User.DeleteRestore.All                                   user-delete, directory-deleteditems-restore
restore_account
devices, device      Directory.Read.All, Device.Read.All                      user-list-registereddevices, device-get
set_device_enabled   Device.ReadWrite.All                                     device-update
sign_ins             AuditLog.Read.All (and Entra ID P1 in the tenant)        signin-list
directory_events     AuditLog.Read.All                                        directoryaudit-list
==================== ======================================================== ===============================================

Acting on the account of an administrator needs a directory role on the application besides (Privileged Authentication Administrator);
without it the vendor answers 403, here PermissionMissing.

Known limits:
    - Sign-ins that nobody typed (refresh tokens) are only in the vendor's beta endpoint; both are read and merged.
    - Roles for which an account is merely eligible (PIM) are not listed; those held through groups are.
    - A delegated grant has no creation time at the vendor; the directory's audit log has it.
    - The vendor's log entries arrive minutes late, and reports are limited to 5 requests in 10 seconds.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr

from integrations.microsoft365._read import GUID, address, at, literal, merged, odata_time, text, when
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.roles import PRIVILEGED
from integrations.microsoft365.sdk import METHOD_COLLECTIONS, Sdk, build, build_for
from tenantry.capabilities import Account, AuthMethod, Consent, Device, DirectoryEvent, RoleAssignment, SignIn
from tenantry.errors import PermissionMissing, Rejected, TargetNotFound

__all__ = ["USER_FIELDS", "Microsoft365Identity", "device_of", "method_of"]

USER_FIELDS: Final = (
    "id,userPrincipalName,displayName,accountEnabled,onPremisesSyncEnabled,signInSessionsValidFromDateTime,"
    "lastPasswordChangeDateTime,userType,mail,createdDateTime"
)
_PRINCIPAL: Final = "id,appId,displayName,verifiedPublisher,appOwnerOrganizationId"
_NO_ROLE: Final = "00000000-0000-0000-0000-000000000000"
"""``appRoleId`` of an assignment without a particular role."""

_ANCHOR: Final = "onPremisesImmutableId"
_DELETE: Final = "User.DeleteRestore.All"

_MOBILE_PHONE: Final = "3179e48a-750b-4051-897c-87b9720928f7"
"""The vendor's fixed id of a mobile phone; it can go only after the alternate mobile phone (phoneauthenticationmethod-delete)."""

_PREFERENCES: Final = {
    "push": "microsoftAuthenticatorMethods",
    "sms": "phoneMethods",
    "voiceMobile": "phoneMethods",
    "voiceAlternateMobile": "phoneMethods",
    "voiceOffice": "phoneMethods",
    "oath": "softwareOathMethods",
}
"""``userPreferredMethodForSecondaryAuthentication`` → collection (beta, resource signInPreferences)."""


class Microsoft365Identity:
    """Implements :class:`tenantry.capabilities.Identity`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    # --- accounts -----------------------------------------------------------------------------------------------------

    async def account(self, user: str) -> Account:
        """One account. Raises TargetNotFound."""
        row = await self._graph.get(f"/users/{segment(user)}", params={"$select": USER_FIELDS}, needs="User.Read.All")
        return _account(row)

    async def accounts(self) -> AsyncIterator[Account]:
        """Every account, 999 to a page, one page in memory."""
        params = {"$select": USER_FIELDS, "$top": "999"}
        async for page in self._graph.pages("/users", params=params, needs="User.Read.All"):
            for row in page:
                # One row without the value must not end the list; it counts as enabled, so that nobody is overlooked.
                yield _account(row if row.get("accountEnabled") is not None else {**row, "accountEnabled": True}, row)

    async def delete_account(self, user_id: str) -> None:
        """For 30 days it can be restored. Absent counts as deleted."""
        prepared = await build(self._root, lambda sdk: sdk.user(user_id).to_delete_request_information())
        try:
            await self._graph.send(prepared, needs=_DELETE)
        except TargetNotFound:
            return

    async def restore_account(self, user_id: str) -> None:
        """Raises TargetNotFound: the 30 days are over."""
        prepared = await build(self._root, lambda sdk: sdk.deleted(user_id).restore.to_post_request_information())
        await self._graph.send(prepared, needs=_DELETE)

    async def set_enabled(self, user: str, enabled: bool) -> None:
        """Allow or block sign-in. For a synced account the next directory sync decides otherwise."""
        prepared = await build_for(
            self._root,
            segment(user),
            f"accountEnabled={enabled}",
            lambda one, sdk: one.to_patch_request_information(sdk.model("user", "User", account_enabled=enabled)),
        )
        await self._graph.send(prepared, needs="User.EnableDisableAccount.All")

    async def directory_anchor(self, user: str) -> str | None:
        """``onPremisesImmutableId``, which is told only where it is asked for."""
        row = await self._graph.get(
            f"/users/{segment(user)}", params={"$select": f"id,{_ANCHOR}"}, needs="User.Read.All"
        )
        return text(row.get(_ANCHOR)) or None

    async def set_directory_anchor(self, user: str, anchor: str | None) -> None:
        """The SDK's model leaves out what is None; null is what clears it."""

        def patch(sdk: Sdk) -> Any:
            return sdk.user(user).to_patch_request_information(
                sdk.model("user", "User", additional_data={_ANCHOR: anchor})
            )

        await self._graph.send(await build(self._root, patch), needs="User.ReadWrite.All")

    async def revoke_sessions(self, user: str) -> None:
        """End refresh tokens and session cookies; access tokens live on for up to about an hour."""
        prepared = await build_for(
            self._root,
            segment(user),
            "revokeSignInSessions",
            lambda one, _sdk: one.revoke_sign_in_sessions.to_post_request_information(),
        )
        answer = await self._graph.send(prepared, needs="User.RevokeSessions.All")
        if isinstance(answer, dict) and answer.get("value") is False:
            raise Rejected("Graph did not revoke the sessions", vendor="microsoft365")

    async def reset_password(self, user: str, password: SecretStr, *, change_at_next_sign_in: bool) -> None:
        """Set a password. The vendor refuses it for a synced account without password writeback (Rejected)."""

        def patch(sdk: Sdk) -> Any:
            profile = sdk.model(
                "password_profile",
                "PasswordProfile",
                password=password.get_secret_value(),
                force_change_password_next_sign_in=change_at_next_sign_in,
            )
            return sdk.user(user).to_patch_request_information(sdk.model("user", "User", password_profile=profile))

        await self._graph.send(await build(self._root, patch), needs="User-PasswordProfile.ReadWrite.All")

    # --- roles --------------------------------------------------------------------------------------------------------

    async def roles(self, user: str) -> Sequence[RoleAssignment]:
        """Roles assigned to the account itself, and those it holds through groups (their id is the group role's)."""
        needs = "RoleManagement.Read.Directory"
        account_id = await self._id(user)
        params = {"$filter": f"principalId eq {literal(account_id)}", "$expand": "roleDefinition"}
        path = f"/users/{segment(account_id)}/transitiveMemberOf"
        assigned, memberships = await asyncio.gather(
            self._graph.whole("/roleManagement/directory/roleAssignments", params=params, needs=needs, short=True),
            self._graph.whole(path, params={"$top": "999"}, needs="User.Read.All", short=True),
        )
        found: list[RoleAssignment] = []
        for row in assigned:
            definition = row.get("roleDefinition") or {}
            template = text(definition.get("templateId") or row.get("roleDefinitionId"))
            found.append(
                RoleAssignment(
                    id=text(row.get("id")),
                    account_id=account_id,
                    role=text(definition.get("displayName")),
                    role_id=text(row.get("roleDefinitionId")),
                    privileged=template in PRIVILEGED,
                )
            )
        held = {role.role_id for role in found}
        for row in memberships:
            template = text(row.get("roleTemplateId"))
            if row.get("@odata.type") == "#microsoft.graph.directoryRole" and template not in held:
                found.append(
                    RoleAssignment(
                        id=text(row.get("id")),
                        account_id=account_id,
                        role=text(row.get("displayName")),
                        role_id=template,
                        privileged=template in PRIVILEGED,
                    )
                )
        return found

    async def role_holders(self, role: str) -> Sequence[Account]:
        """Accounts that hold the role at the tenant's top, directly or through a group; applications are left out.

        Raises:
            TargetNotFound: no role has this name.
        """
        needs = "RoleManagement.Read.Directory"
        wanted = role.casefold()
        role_id = None
        for row in await self._graph.whole("/directoryRoles", needs=needs):
            if text(row.get("displayName")).casefold() == wanted:
                role_id = text(row.get("id"))
        if role_id is None:  # a role that was never assigned is not activated, so it has no holders
            params = {"$filter": f"displayName eq {literal(role)}"}
            async for _ in self._graph.rows("/roleManagement/directory/roleDefinitions", params=params, needs=needs):
                return []
            raise TargetNotFound(f"no directory role is named {role!r}", vendor="microsoft365")
        ids: dict[str, None] = {}
        groups: list[str] = []
        for row in await self._graph.whole(f"/directoryRoles/{segment(role_id)}/members", needs=needs):
            if row.get("@odata.type") == "#microsoft.graph.user":
                ids[text(row.get("id"))] = None
            elif row.get("@odata.type") == "#microsoft.graph.group":
                groups.append(text(row.get("id")))
        for group in groups:
            members = await self._graph.whole(
                f"/groups/{segment(group)}/transitiveMembers", needs="GroupMember.Read.All"
            )
            for row in members:
                if row.get("@odata.type") == "#microsoft.graph.user":
                    ids[text(row.get("id"))] = None
        rows = await asyncio.gather(
            *(self._object(f"/users/{segment(one)}?$select={USER_FIELDS}", "User.Read.All") for one in ids)
        )
        return [_account(row) for row in rows if row is not None]

    # --- authentication methods ---------------------------------------------------------------------------------------

    async def methods(self, user: str) -> Sequence[AuthMethod]:
        """All methods, in an order in which they can be removed: the default and the mobile phone come last."""
        needs = "UserAuthenticationMethod.Read.All"
        path = f"/users/{segment(user)}/authentication"
        found = [method_of(row) for row in await self._graph.whole(f"{path}/methods", needs=needs, short=True)]
        if sum(method.kind in _PREFERENCES.values() for method in found) < 2:
            return found
        try:
            preferences = await self._graph.get(f"{path}/signInPreferences", version="beta", needs=needs)
        except (Rejected, TargetNotFound, PermissionMissing):
            preferences = {}  # a beta endpoint, and only the order depends on it
        default = _PREFERENCES.get(text(preferences.get("userPreferredMethodForSecondaryAuthentication")))
        return sorted(
            found,
            key=lambda method: (
                method.kind == default,
                method.id == _MOBILE_PHONE,
                -method.created_at.timestamp() if method.created_at else 0.0,  # the oldest of a kind is the default
            ),
        )

    async def remove_method(self, user: str, kind: str, method_id: str) -> None:
        """Remove one method; absent counts as removed.

        The vendor refuses to remove the default while others exist, and goes on refusing for a moment after the others
        went: a refusal is tried once more.

        Raises:
            Rejected: a password, or a kind of method that cannot be removed, or still the default.
        """
        if kind not in METHOD_COLLECTIONS:
            raise Rejected(
                f"a method of the kind {kind!r} cannot be removed",
                remedy="A password is reset instead; other kinds are removed in the vendor's own portal.",
                vendor="microsoft365",
            )
        collection, by_id = METHOD_COLLECTIONS[kind]

        def delete(sdk: Sdk) -> Any:
            builder = getattr(sdk.user(user).authentication, collection)
            return getattr(builder, by_id)(method_id).to_delete_request_information()

        prepared = await build(self._root, delete)
        for last in (False, True):
            try:
                await self._graph.send(prepared, needs="UserAuthenticationMethod.ReadWrite.All")
            except TargetNotFound:
                return
            except Rejected as refusal:
                if last or refusal.detail.get("status") != 400:
                    raise
            else:
                return
            await self._graph.http.pause(2.0)

    # --- consents -----------------------------------------------------------------------------------------------------

    async def consents(self, user: str) -> Sequence[Consent]:
        """Delegated grants that the account gave, and application roles assigned to it. ``app_id`` is the application's
        client id, the same in every tenant; the service principal's id is in ``raw``."""
        account_id = await self._id(user)
        path = f"/users/{segment(account_id)}"
        needs = "Directory.Read.All"
        grants, assignments = await asyncio.gather(
            self._all(f"{path}/oauth2PermissionGrants", needs), self._all(f"{path}/appRoleAssignments", needs)
        )
        principals = await self._principals(
            [*(text(row.get("clientId")) for row in grants), *(text(row.get("resourceId")) for row in assignments)],
            roles_of={text(row.get("resourceId")) for row in assignments if row.get("appRoleId") != _NO_ROLE},
        )
        return [
            *(_grant(row, principals.get(text(row.get("clientId")), {})) for row in grants),
            *(_assignment(row, principals.get(text(row.get("resourceId")), {})) for row in assignments),
        ]

    async def remove_consent(self, consent: Consent) -> None:
        """Take the grant back; absent counts as removed. Tokens already issued live on until they expire."""
        if consent.kind == "delegated":
            prepared = await build(
                self._root,
                lambda sdk: sdk.grants().by_o_auth2_permission_grant_id(consent.id).to_delete_request_information(),
            )
            needs = "DelegatedPermissionGrant.ReadWrite.All"
        else:
            prepared = await build(
                self._root,
                lambda sdk: (
                    sdk.user(_holder(consent))
                    .app_role_assignments.by_app_role_assignment_id(consent.id)
                    .to_delete_request_information()
                ),
            )
            needs = "AppRoleAssignment.ReadWrite.All"
        try:
            await self._graph.send(prepared, needs=needs)
        except TargetNotFound:
            return

    async def add_consent(self, consent: Consent) -> None:
        """Grant the same again, from the recorded ``raw``; the vendor gives it a new id."""
        raw = consent.raw
        if consent.kind == "delegated":

            def make(sdk: Sdk) -> Any:
                return sdk.grants().to_post_request_information(
                    sdk.model(
                        "o_auth2_permission_grant",
                        "OAuth2PermissionGrant",
                        client_id=raw["clientId"],
                        consent_type=raw["consentType"],
                        principal_id=raw.get("principalId"),
                        resource_id=raw["resourceId"],
                        scope=raw.get("scope"),
                    )
                )

            needs = "DelegatedPermissionGrant.ReadWrite.All"
        else:

            def make(sdk: Sdk) -> Any:
                return sdk.user(_holder(consent)).app_role_assignments.to_post_request_information(
                    sdk.model(
                        "app_role_assignment",
                        "AppRoleAssignment",
                        principal_id=UUID(raw["principalId"]),
                        resource_id=UUID(raw["resourceId"]),
                        app_role_id=UUID(raw["appRoleId"]),
                    )
                )

            needs = "AppRoleAssignment.ReadWrite.All"
        await self._graph.send(await build(self._root, make), needs=needs)

    # --- devices ------------------------------------------------------------------------------------------------------

    async def devices(self, user: str) -> Sequence[Device]:
        """Devices that the account registered or owns, each once."""
        path = f"/users/{segment(user)}"
        needs = "Directory.Read.All"
        lists = await asyncio.gather(
            self._all(f"{path}/registeredDevices", needs), self._all(f"{path}/ownedDevices", needs)
        )
        found: dict[str, Device] = {}
        for row in (row for rows in lists for row in rows):
            if row.get("@odata.type", "#microsoft.graph.device") == "#microsoft.graph.device":
                found.setdefault(text(row.get("id")), device_of(row))
        return list(found.values())

    async def device(self, device_id: str) -> Device:
        """One device, by object id. Raises TargetNotFound."""
        return device_of(await self._graph.get(f"/devices/{segment(device_id)}", needs="Device.Read.All"))

    async def set_device_enabled(self, device_id: str, enabled: bool) -> None:
        """Enable or disable the device; its primary refresh token stops working when disabled."""
        prepared = await build(
            self._root,
            lambda sdk: sdk.device(device_id).to_patch_request_information(
                sdk.model("device", "Device", account_enabled=enabled)
            ),
        )
        await self._graph.send(prepared, needs="Device.ReadWrite.All")

    # --- logs ---------------------------------------------------------------------------------------------------------

    def sign_ins(self, user: str | None, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        """Sign-ins in the span, newest first, typed and silent ones alike."""
        return self._sign_ins(user, None, since, until)

    def sign_ins_from(self, ip: str, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        """Everybody's sign-ins from one address, newest first. Raises Rejected for what is no address."""
        try:
            exact = str(ipaddress.ip_address(ip.strip()))
        except ValueError:
            raise Rejected(f"{ip!r} is not an IP address", vendor="microsoft365") from None
        return self._sign_ins(None, exact, since, until)

    async def directory_events(self, user: str, since: datetime, until: datetime) -> AsyncIterator[DirectoryEvent]:
        """What the account did to the directory, and what was done to it, newest first, each event once."""
        account_id = await self._id(user)
        span = _span("activityDateTime", since, until)
        quoted = literal(account_id)
        streams = [
            self._rows_of("/auditLogs/directoryAudits", f"{span} and initiatedBy/user/id eq {quoted}"),
            self._rows_of("/auditLogs/directoryAudits", f"{span} and targetResources/any(t:t/id eq {quoted})"),
        ]
        async for row in merged(streams, lambda row: at(row.get("activityDateTime")), lambda row: text(row.get("id"))):
            yield _event(row)

    async def _sign_ins(
        self, user: str | None, ip: str | None, since: datetime, until: datetime
    ) -> AsyncIterator[SignIn]:
        terms = [_span("createdDateTime", since, until)]
        if user is not None:
            try:
                terms.append(f"userId eq {literal(await self._id(user))}")
            except TargetNotFound:  # deleted since: the log still knows the name
                terms.append(f"userPrincipalName eq {literal(user.lower())}")
        if ip is not None:
            terms.append(f"ipAddress eq {literal(ip)}")
        wanted = " and ".join(terms)
        silent = f"{wanted} and signInEventTypes/any(t:t eq 'nonInteractiveUser')"
        streams = [
            self._rows_of("/auditLogs/signIns", wanted),
            self._rows_of("/auditLogs/signIns", silent, version="beta"),
        ]
        async for row in merged(streams, lambda row: at(row.get("createdDateTime")), lambda row: text(row.get("id"))):
            yield _sign_in(row)

    def _rows_of(self, path: str, chosen: str, version: str = "v1.0") -> AsyncIterator[dict[str, Any]]:
        params = {"$filter": chosen, "$top": "1000"}
        return self._graph.rows(path, params=params, version=version, needs="AuditLog.Read.All")

    async def organization(self) -> str:
        """The tenant's display name (Organization.Read.All), for check-ups."""
        async for row in self._graph.rows(
            "/organization", params={"$select": "id,displayName"}, needs="Organization.Read.All"
        ):
            return text(row.get("displayName"))
        return ""

    async def granted(self, client_id: str) -> frozenset[str]:
        """Names of the application roles that an application of this tenant was given (Application.Read.All)."""
        needs = "Application.Read.All"
        params = {"$filter": f"appId eq {literal(client_id)}", "$select": "id"}
        assignments: list[dict[str, Any]] = []
        async for row in self._graph.rows("/servicePrincipals", params=params, needs=needs):
            path = f"/servicePrincipals/{segment(text(row.get('id')))}/appRoleAssignments"
            assignments += await self._all(path, needs)
        resources = {text(row.get("resourceId")) for row in assignments}
        principals = await self._principals(sorted(resources), roles_of=resources)
        names = (_role_name(row, principals.get(text(row.get("resourceId")), {})) for row in assignments)
        return frozenset(name for name in names if name)

    async def secrets_of(self, client_id: str) -> dict[str, datetime]:
        """Each client secret of an application that is registered in this tenant → when it expires (Application.Read.All)."""
        params = {"$filter": f"appId eq {literal(client_id)}", "$select": "id,passwordCredentials"}
        found: dict[str, datetime] = {}
        async for row in self._graph.rows("/applications", params=params, needs="Application.Read.All"):
            for credential in row.get("passwordCredentials") or ():
                expires = when(credential.get("endDateTime"))
                if expires is not None:
                    found[f"the client secret {text(credential.get('keyId'))[:8]}"] = expires
        return found

    # --- helpers ------------------------------------------------------------------------------------------------------

    @property
    def _root(self) -> str:
        return f"{self._graph.base_url}/v1.0"

    async def _id(self, user: str) -> str:
        """The account's object id: filters take nothing else, and a name may have changed hands."""
        if GUID.fullmatch(user):
            return user.lower()
        row = await self._graph.get(f"/users/{segment(user)}", params={"$select": "id"}, needs="User.Read.All")
        return text(row.get("id"))

    async def _all(self, path: str, needs: str) -> list[dict[str, Any]]:
        return await self._graph.whole(path, params={"$top": "999"}, needs=needs, short=True)

    async def _object(self, path: str, needs: str) -> dict[str, Any] | None:
        """One object, None when it does not exist. Many at once travel together."""
        try:
            return await self._graph.get(path, needs=needs)
        except TargetNotFound:
            return None

    async def _principals(self, ids: Iterable[str], roles_of: set[str]) -> dict[str, dict[str, Any]]:
        """Service principals by object id; those whose role names are needed come with ``appRoles``."""
        wanted = list(dict.fromkeys(ids))
        chosen = {one: f"{_PRINCIPAL},appRoles" if one in roles_of else _PRINCIPAL for one in wanted}
        rows = await asyncio.gather(
            *(
                self._object(f"/servicePrincipals/{segment(one)}?$select={fields}", "Application.Read.All")
                for one, fields in chosen.items()
            )
        )
        return {one: row for one, row in zip(wanted, rows, strict=True) if row is not None}


def _span(name: str, since: datetime, until: datetime) -> str:
    return f"{name} ge {odata_time(since)} and {name} le {odata_time(until)}"


def _holder(consent: Consent) -> str:
    return consent.account_id or text(consent.raw.get("principalId"))


# Rows come from the vendor by the hundred thousand and are built without validation: each value is read by hand here.


def _account(row: dict[str, Any], raw: dict[str, Any] | None = None) -> Account:
    return Account.model_construct(
        id=text(row.get("id")),
        upn=text(row.get("userPrincipalName")),
        display_name=text(row.get("displayName")),
        enabled=_enabled(row, "User.Read.All"),
        synced=row.get("onPremisesSyncEnabled") is True,
        sessions_valid_from=when(row.get("signInSessionsValidFromDateTime")),
        last_password_change=when(row.get("lastPasswordChangeDateTime")),
        raw=row if raw is None else raw,
    )


def _enabled(row: dict[str, Any], needs: str) -> bool:
    """A value that the vendor withholds must not read as "disabled already"."""
    value = row.get("accountEnabled")
    if not isinstance(value, bool):
        raise PermissionMissing(
            f"Graph does not tell whether {text(row.get('id'))} is enabled; it needs {needs}",
            needs=needs,
            vendor="microsoft365",
        )
    return value


def method_of(row: dict[str, Any]) -> AuthMethod:
    """A method's row."""
    name = text(row.get("@odata.type")).removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")
    label = row.get("displayName") or row.get("phoneNumber") or row.get("emailAddress") or row.get("model") or name
    return AuthMethod(
        id=text(row.get("id")),
        kind=f"{name}Methods",
        label=text(label),
        created_at=when(row.get("createdDateTime")),
        raw=row,
    )


def _grant(row: dict[str, Any], principal: dict[str, Any]) -> Consent:
    return Consent(
        id=text(row.get("id")),
        kind="delegated",
        account_id=row.get("principalId") if row.get("consentType") == "Principal" else None,
        app_id=text(principal.get("appId") or row.get("clientId")),
        app_name=text(principal.get("displayName")),
        app_verified=_verified(principal),
        resource_id=text(row.get("resourceId")),
        scope=" ".join(text(row.get("scope")).split()),
        created_at=None,
        raw=row,
    )


def _assignment(row: dict[str, Any], principal: dict[str, Any]) -> Consent:
    return Consent(
        id=text(row.get("id")),
        kind="application",
        account_id=text(row.get("principalId")) or None,
        app_id=text(principal.get("appId") or row.get("resourceId")),
        app_name=text(principal.get("displayName") or row.get("resourceDisplayName")),
        app_verified=_verified(principal),
        resource_id=text(row.get("resourceId")),
        scope=_role_name(row, principal),
        created_at=when(row.get("createdDateTime")),
        raw=row,
    )


def _role_name(row: dict[str, Any], principal: dict[str, Any]) -> str:
    """The name of an assignment's role; its id where the resource does not name it, empty where there is none."""
    wanted = text(row.get("appRoleId"))
    if wanted == _NO_ROLE:
        return ""
    for role in principal.get("appRoles") or ():
        if isinstance(role, dict) and role.get("id") == wanted:
            return text(role.get("value") or role.get("displayName")) or wanted
    return wanted


def _verified(principal: dict[str, Any]) -> bool:
    publisher = principal.get("verifiedPublisher")
    return isinstance(publisher, dict) and bool(publisher.get("verifiedPublisherId"))


def device_of(row: dict[str, Any]) -> Device:
    """A device's row. Raises PermissionMissing: it does not say whether it is enabled."""
    return Device(
        id=text(row.get("id")),
        name=text(row.get("displayName")),
        enabled=_enabled(row, "Device.Read.All"),
        operating_system=text(row.get("operatingSystem")),
        registered_at=when(row.get("registrationDateTime")),
        raw=row,
    )


def _sign_in(row: dict[str, Any]) -> SignIn:
    place = row.get("location") or {}
    point = place.get("geoCoordinates") or {}
    status = row.get("status") or {}
    device = row.get("deviceDetail") or {}
    code = status.get("errorCode")
    return SignIn.model_construct(
        id=text(row.get("id")),
        at=at(row.get("createdDateTime")),
        user_id=text(row.get("userId")),
        upn=text(row.get("userPrincipalName")).lower(),
        ip=address(row.get("ipAddress")),
        country=text(place.get("countryOrRegion")),
        city=text(place.get("city")),
        app=text(row.get("appDisplayName")),
        client=text(row.get("clientAppUsed")),
        user_agent=text(row.get("userAgent") or device.get("browser")),
        success=code == 0,
        error_code=code if isinstance(code, int) else -1,
        interactive=row.get("isInteractive") is True,
        latitude=_degrees(point.get("latitude")),
        longitude=_degrees(point.get("longitude")),
        raw=row,
    )


def _degrees(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _event(row: dict[str, Any]) -> DirectoryEvent:
    by = row.get("initiatedBy") or {}
    user, app = by.get("user") or {}, by.get("app") or {}
    targets = row.get("targetResources") or ()
    return DirectoryEvent.model_construct(
        id=text(row.get("id")),
        at=at(row.get("activityDateTime")),
        activity=text(row.get("activityDisplayName")),
        actor_upn=text(user.get("userPrincipalName") or app.get("displayName")).lower(),
        actor_ip=address(user.get("ipAddress")),
        target_ids=tuple(text(target.get("id")) for target in targets if isinstance(target, dict) and target.get("id")),
        raw=row,
    )
