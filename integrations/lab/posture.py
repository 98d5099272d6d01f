"""How the tenant is set up: what no story of an account needs and a sweep looks at.

Everything here begins as an ordinary tenant has it; stories change it (`integrations.lab.scenarios.breached`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations.lab.records import Record, Table


def _remote_domains() -> Table:
    table = Table()
    table.add(Record("Default", {"DomainName": "*", "AutoForwardEnabled": False, "AllowedOOFType": "External"}))
    return table


ROLES = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
    "f28a1f50-f6e7-4571-818b-6a12f2af6b6c": "SharePoint Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "Directory Readers",
}
"""Roles whose rules for activation are served, by the vendor's template ids."""


def _authorization() -> dict[str, Any]:
    return {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "allowInvitesFrom": "everyone",
        "allowedToSignUpEmailBasedSubscriptions": True,
        "allowedToUseSSPR": True,
        "allowEmailVerifiedUsersToJoinOrganization": False,
        "blockMsolPowerShell": False,
        "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        "defaultUserRolePermissions": {
            "allowedToCreateApps": True,
            "allowedToCreateSecurityGroups": True,
            "allowedToCreateTenants": True,
            "allowedToReadOtherUsers": True,
            "permissionGrantPoliciesAssigned": ["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"],
        },
    }


def _consent_requests() -> dict[str, Any]:
    return {"isEnabled": False, "notifyReviewers": False, "remindersEnabled": False, "requestDurationInDays": 30, "reviewers": [], "version": 0}  # fmt: skip


def _sign_in_methods() -> dict[str, Any]:
    """As a directory has them that was made some years ago."""
    states = {"Fido2": "enabled", "MicrosoftAuthenticator": "enabled", "Sms": "enabled", "Voice": "disabled", "Email": "enabled"}  # fmt: skip
    kind = "#microsoft.graph.{}AuthenticationMethodConfiguration"
    methods: list[dict[str, Any]] = [
        {"@odata.type": kind.format(name[0].lower() + name[1:]), "id": name, "state": state, "excludeTargets": []}
        for name, state in states.items()
    ]
    everybody = {"targetType": "group", "id": "all_users"}
    methods[1]["featureSettings"] = {
        name: {"state": "default", "includeTarget": everybody}
        for name in ("displayAppInformationRequiredState", "displayLocationInformationRequiredState")
    }
    return {
        "id": "authenticationMethodsPolicy",
        "displayName": "Authentication Methods Policy",
        "policyVersion": "1.5",
        "policyMigrationState": "preMigration",
        "authenticationMethodConfigurations": methods,
    }


def _credential_rules() -> dict[str, Any]:
    """As every directory has them at first: there, and off."""
    return {
        "id": "00000000-0000-0000-0000-000000000000",
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions on applications and service principals.",
        "isEnabled": False,
        "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": []},
        "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
    }


def _sharing() -> dict[str, Any]:
    """As SharePoint has it where nobody has changed anything."""
    return {
        "sharingCapability": "externalUserAndGuestSharing",
        "sharingDomainRestrictionMode": "none",
        "sharingAllowedDomainList": [],
        "sharingBlockedDomainList": [],
        "isResharingByExternalUsersEnabled": True,
        "isLegacyAuthProtocolsEnabled": False,
    }


def _mail_protection() -> dict[str, Any]:
    return {
        "SmtpClientAuthenticationDisabled": True,
        "Enabled": True,
        "Domains": ["*:CalendarSharingFreeBusySimple", "Anonymous:CalendarSharingFreeBusySimple"],
        "ExternalInOutlook": False,
        "IPAllowList": [],
        "EnableSafeList": False,
        "Dkim": False,
    }


def _role_rules() -> dict[str, Any]:
    events = ("Admin_Assignment", "Admin_Eligibility", "EndUser_Assignment")
    return {role: {"approval": False, "approvers": [], "mails": {event: [] for event in events}} for role in ROLES}


@dataclass(slots=True)
class Posture:
    """Settings, policies, and relations of one tenant."""

    audit_log: bool = True
    mailbox_audit: bool = True
    forwarding_mode: str = "Automatic"
    audit_bypassed: dict[int, str] = field(default_factory=dict)
    """Index of a user whose doings are not recorded → since when."""
    remote_domains: Table = field(default_factory=_remote_domains)
    contacts: Table = field(default_factory=Table)
    """Mail contacts by name."""
    policies: Table = field(default_factory=Table)
    """Rules of Conditional Access, as Graph shows them."""
    locations: Table = field(default_factory=Table)
    """Named locations; ``kind`` is ``ipNamedLocation`` or ``countryNamedLocation``."""
    units: Table = field(default_factory=Table)
    """Administrative units."""
    domains: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """Further domains → their federation, None for a managed one."""
    password_days: int = 2_147_483_647
    """After how many days passwords end in the tenant's own domain, as Graph shows it: the largest number is never."""
    partners: Table = field(default_factory=Table)
    """Partners of the cross-tenant access policy, by tenant id."""
    risks: list[dict[str, Any]] = field(default_factory=list)
    """Detections of Identity Protection."""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    """Of Microsoft Defender, as Graph shows them (``alerts_v2``)."""
    incidents: list[dict[str, Any]] = field(default_factory=list)
    """Of Microsoft Defender; which alerts are theirs says ``incidentId`` of those."""
    premium: bool = True
    """The tenant has Microsoft Entra ID P2."""
    role_instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Id of a role assignment → what PIM knows of it (``startDateTime``, ``endDateTime``, ``assignmentType``)."""
    eligible: Table = field(default_factory=Table)
    """Roles that somebody may activate."""
    authorization: dict[str, Any] = field(default_factory=_authorization)
    """What people and guests may do without a role, as Graph shows it; so the next two."""
    consent_requests: dict[str, Any] = field(default_factory=_consent_requests)
    sign_in_methods: dict[str, Any] = field(default_factory=_sign_in_methods)
    credential_rules: dict[str, Any] = field(default_factory=_credential_rules)
    """What is demanded of credentials that applications are given, as Graph shows it."""
    sharing: dict[str, Any] = field(default_factory=_sharing)
    """Settings of SharePoint."""
    mail_protection: dict[str, Any] = field(default_factory=_mail_protection)
    """Settings of Exchange that keep mail from being misused, as its cmdlets show them; ``Dkim``: the tenant's own domain is signed."""
    role_rules: dict[str, Any] = field(default_factory=_role_rules)
    """Role → ``approval``, ``approvers``, and ``mails``: event → to whom else a mail goes."""
