"""``directory_settings`` for Microsoft 365, through Microsoft Graph. Reads only.

================ ============================================== =================================================== ===================
method           application permission (least)                 page (learn.microsoft.com/graph/api/)               requests
================ ============================================== =================================================== ===================
liberties        Policy.Read.All                                authorizationpolicy-get                             1
consent_requests Policy.Read.All                                adminconsentrequestpolicy-get                       1
sign_in_methods  Policy.Read.All                                authenticationmethodspolicy-get                     1
credential_rules Policy.Read.All                                tenantappmanagementpolicy-get                       1
sharing          SharePointTenantSettings.Read.All              sharepointsettings-get                              1
role_rules       RoleManagementPolicy.Read.Directory            policyroot-list-rolemanagementpolicyassignments     roles / page
================ ============================================== =================================================== ===================

Known limits:
    - The rules of roles need Microsoft Entra ID P2.
    - Of a method that is on it is not looked at for whom.
    - Which applications have rules for their credentials of their own, and what stands in those, is not read.
    - What applies to OneDrive alone, and which groups may share, the API does not show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from integrations.microsoft365._read import text, when
from integrations.microsoft365.graph import Graph
from tenantry.capabilities.directory_settings import (
    ConsentRequests,
    CredentialRule,
    CredentialRules,
    Liberties,
    RoleRules,
    Sharing,
    SignInMethods,
)
from tenantry.errors import VendorFault

__all__ = ["Microsoft365DirectorySettings"]

_POLICIES: Final = "Policy.Read.All"
_GUESTS: Final = {
    "a0b1b346-4d3e-4e8b-98f8-753987be4970": "members",
    "10dae51f-b6af-4016-8d66-8c2a99b929b3": "limited",
    "2af84b1e-32c8-42b7-82bc-daa82404023b": "restricted",
}
"""learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions"""
_SELF: Final = "managepermissiongrantsforself."
_EVENTS: Final = {
    "assigned": "Notification_Admin_Admin_Assignment",
    "made_eligible": "Notification_Admin_Admin_Eligibility",
    "activated": "Notification_Admin_EndUser_Assignment",
}
"""learn.microsoft.com/graph/identity-governance-pim-rules-overview"""
_HOLDERS: Final[Mapping[str, Literal["registration", "principal"]]] = {
    "applicationRestrictions": "registration",
    "servicePrincipalRestrictions": "principal",
}
_RESTRICTIONS: Final[Mapping[str, tuple[Literal["password", "key", "certificate"], bool]]] = {
    "passwordAddition": ("password", True),
    "passwordLifetime": ("password", False),
    "symmetricKeyAddition": ("key", True),
    "symmetricKeyLifetime": ("key", False),
    "asymmetricKeyLifetime": ("certificate", False),
}
"""What a restriction is about, and whether it blocks adding at all."""
_LIFETIME: Final = TypeAdapter(timedelta)
_SHOWN: Final = {
    "app": "displayAppInformationRequiredState",
    "location": "displayLocationInformationRequiredState",
}


class Microsoft365DirectorySettings:
    """Implements :class:`tenantry.capabilities.DirectorySettings`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def liberties(self) -> Liberties:
        """The authorization policy."""
        row = await self._graph.get("/policies/authorizationPolicy", needs=_POLICIES)
        everybody = row.get("defaultUserRolePermissions")
        if not isinstance(everybody, Mapping):
            raise VendorFault(
                "graph answered an authorization policy without what everybody may", vendor="microsoft365"
            )
        given = [text(one) for one in everybody.get("permissionGrantPoliciesAssigned") or ()]
        registers = everybody.get("allowedToCreateApps")
        return Liberties(
            registers_applications=registers if isinstance(registers, bool) else None,
            consents=tuple(one[len(_SELF) :] for one in given if one.lower().startswith(_SELF)),
            guests=_GUESTS.get(text(row.get("guestUserRoleId")).lower(), ""),
            invites=text(row.get("allowInvitesFrom")),
            raw=row,
        )

    async def consent_requests(self) -> ConsentRequests:
        """The policy for requests of consent."""
        row = await self._graph.get("/policies/adminConsentRequestPolicy", needs=_POLICIES)
        if not isinstance(row.get("isEnabled"), bool):
            raise VendorFault("graph does not say whether consent may be asked for", vendor="microsoft365")
        return ConsentRequests(enabled=row["isEnabled"], reviewers=len(row.get("reviewers") or ()), raw=row)

    async def sign_in_methods(self) -> SignInMethods:
        """The policy for ways to sign in, with its configurations."""
        row = await self._graph.get("/policies/authenticationMethodsPolicy", needs=_POLICIES)
        methods = row.get("authenticationMethodConfigurations")
        if not isinstance(methods, list):
            raise VendorFault("graph answered a policy for ways to sign in that names none", vendor="microsoft365")
        features: Mapping[str, Any] = {}
        for method in methods:
            if text(method.get("id")) == "MicrosoftAuthenticator":
                features = method.get("featureSettings") or {}
        return SignInMethods(
            migration=text(row.get("policyMigrationState")),
            states={text(method.get("id")): method.get("state") == "enabled" for method in methods},
            shows=tuple(shown for shown, name in _SHOWN.items() if _for_all(features.get(name) or {})),
            raw=row,
        )

    async def credential_rules(self) -> CredentialRules:
        """The default policy for managing applications."""
        row = await self._graph.get("/policies/defaultAppManagementPolicy", needs=_POLICIES)
        if not isinstance(row.get("isEnabled"), bool):
            raise VendorFault("graph does not say whether rules for applications are on", vendor="microsoft365")
        return CredentialRules(enabled=row["isEnabled"], rules=tuple(_credential_rules(row)), raw=row)

    async def sharing(self) -> Sharing:
        """Settings of SharePoint."""
        row = await self._graph.get("/admin/sharepoint/settings", needs="SharePointTenantSettings.Read.All")
        return Sharing(
            reach=text(row.get("sharingCapability")),
            restriction=text(row.get("sharingDomainRestrictionMode")),
            domains=tuple(text(one).lower() for one in row.get("sharingAllowedDomainList") or ()),
            raw=row,
        )

    async def role_rules(self) -> AsyncIterator[RoleRules]:
        """Assignments of policies to roles, with the policies' rules."""
        params = {
            "$filter": "scopeId eq '/' and scopeType eq 'DirectoryRole'",
            "$expand": "policy($expand=rules)",
        }
        needs = "RoleManagementPolicy.Read.Directory"
        async for row in self._graph.rows("/policies/roleManagementPolicyAssignments", params=params, needs=needs):
            rules = {text(rule.get("id")): rule for rule in (row.get("policy") or {}).get("rules") or ()}
            asked = (rules.get("Approval_EndUser_Assignment") or {}).get("setting") or {}
            required = asked.get("isApprovalRequired")
            yield RoleRules(
                role_id=text(row.get("roleDefinitionId")),
                approval=required if isinstance(required, bool) else None,
                approvers=sum(len(stage.get("primaryApprovers") or ()) for stage in asked.get("approvalStages") or ()),
                told={
                    event: len((rules.get(name) or {}).get("notificationRecipients") or ())
                    for event, name in _EVENTS.items()
                },
                raw=row,
            )


def _credential_rules(row: Mapping[str, Any]) -> Iterator[CredentialRule]:
    """Those that count: a restriction without a state is evaluated."""
    for key, holder in _HOLDERS.items():
        given = row.get(key) or {}
        for one in (*(given.get("passwordCredentials") or ()), *(given.get("keyCredentials") or ())):
            about = _RESTRICTIONS.get(text(one.get("restrictionType")))
            if about is None or text(one.get("state")) == "disabled":
                continue
            kind, blocked = about
            yield CredentialRule(
                holder=holder,
                kind=kind,
                blocked=blocked,
                longest=None if blocked else _lifetime(one.get("maxLifetime")),
                since=when(one.get("restrictForAppsCreatedAfterDateTime")),
                exempt=bool(one.get("excludeActors")),
                raw=one,
            )


def _lifetime(value: Any) -> timedelta | None:
    """An ISO 8601 duration; None for one that limits nothing that can be read."""
    try:
        return _LIFETIME.validate_python(value)
    except ValidationError:
        return None


def _for_all(feature: Mapping[str, Any]) -> bool:
    return feature.get("state") == "enabled" and (feature.get("includeTarget") or {}).get("id") == "all_users"
