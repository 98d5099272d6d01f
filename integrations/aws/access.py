"""``cloud_access`` over IAM and Roles Anywhere.

Sources (docs.aws.amazon.com):
    /IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html       users, groups, roles and their policies, page by page
    /IAM/latest/APIReference/API_GetAccountSummary.html                    whether root has keys, a password, a second factor: now
    /rolesanywhere/latest/APIReference/API_ListTrustAnchors.html
    /singlesignon/latest/userguide/permissionsetsconcept.html              what Identity Center makes in each account

Users, roles and policies are as they stand; what the credential report adds (`report.py`) is up to four hours old, and says of when it is.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.documents import ADMINISTRATOR, document_of, statements
from integrations.aws.everywhere import each_region
from integrations.aws.organization import Organization
from integrations.aws.report import ROOT, CredentialReport, Row
from tenantry.abreast import abreast
from tenantry.capabilities.cloud_access import (
    CloudRole,
    CloudUser,
    HeldKey,
    IdentityProvider,
    Rights,
    RootUser,
    TrustAnchor,
)
from tenantry.errors import TargetNotFound

__all__ = ["AwsAccess"]

_STRONG: Final = (f"/{ADMINISTRATOR}", "/IAMFullAccess")
"""The vendor's own policies that give everything, or the means to."""
_ALL: Final = frozenset({"*", "*:*", "iam:*"})
_SHARED: Final = 60.0
"""Seconds; AWS itself gives the same report for four hours."""
_SERVICE_PATHS: Final = ("/aws-service-role/", "/aws-reserved/")
_SIGN_IN: Final = re.compile(r"AWSSSO_[0-9a-f]{16}_DO_NOT_DELETE")
"""What Identity Center calls its provider in each account."""


class AwsAccess:
    """Implements :class:`tenantry.capabilities.CloudAccess`.

    Args:
        role: resource name of the role that we work as.
    """

    def __init__(self, caller: Caller, account: str, role: str, organization: Organization) -> None:
        self._caller = caller
        self._account = account
        self._role = role
        self._organization = organization
        self._report: tuple[float, CredentialReport] = (-math.inf, CredentialReport(caller))

    # --- root and users -----------------------------------------------------------------------------------------------

    async def root(self) -> RootUser:
        """GetAccountSummary for what is now, the report for when it was used."""
        answer = await self._caller.read("iam", "get_account_summary")
        now = answered(answer, "SummaryMap", "iam.GetAccountSummary")
        row = await self._reported().row(ROOT) or Row({})
        keys = bool(now.get("AccountAccessKeysPresent")) or row.keys > 0
        bare = now.get("AccountPasswordPresent") == 0 and not keys
        return RootUser(
            account=self._account,
            keys=keys,
            mfa=None if bare else bool(now.get("AccountMFAEnabled")),
            password_used_at=row.at("password_last_used"),
            key_used_at=row.at("access_key_1_last_used_date", "access_key_2_last_used_date"),
        )

    async def users(self) -> AsyncIterator[CloudUser]:
        """What they hold from the overview, what they sign in with from the report; keys of those that have some one by one, because the
        report does not name them."""
        strong, groups = await self._strong()
        report = self._reported()

        async def ask(row: Mapping[str, Any]) -> CloudUser | None:
            try:
                return await self._user(row, strong, groups, report)
            except TargetNotFound:  # deleted meanwhile
                return None

        async for found in abreast(self._details("User", "UserDetailList"), ask):
            if found is not None:
                yield found

    def _reported(self) -> CredentialReport:
        """Shared by what one sweep asks, and asked anew by the next."""
        read_at, report = self._report
        if time.monotonic() - read_at > _SHARED:
            report = CredentialReport(self._caller)
            self._report = (time.monotonic(), report)
        return report

    async def _user(
        self,
        row: Mapping[str, Any],
        strong: frozenset[str],
        groups: Mapping[str, tuple[str, ...]],
        report: CredentialReport,
    ) -> CloudUser:
        name, arn = str(row["UserName"]), str(row["Arn"])
        said = await report.row(arn)
        known_at = report.made_at
        password, mfa = (None, None) if said is None else (said.yes("password_enabled"), said.yes("mfa_active"))
        if said is None:  # made since the report was
            known_at = datetime.now(UTC)
            password, mfa = await self._password(name), await self._mfa(name)
        used = {} if said is None else _used(said)
        return CloudUser(
            ref=f"user/{name}",
            arn=arn,
            created_at=row["CreateDate"],
            rights=_rights(row, "UserPolicyList", strong, groups),
            keys=await self._keys(name, used) if said is None or said.had_keys else (),
            password=password,
            password_changed_at=None if said is None else said.at("password_last_changed"),
            password_used_at=None if said is None else said.at("password_last_used"),
            mfa=mfa,
            known_at=known_at,
        )

    async def _keys(self, name: str, used: Mapping[datetime, datetime | None]) -> tuple[HeldKey, ...]:
        return tuple(
            [
                HeldKey(
                    id=str(row["AccessKeyId"]),
                    active=row.get("Status") == "Active",
                    created_at=row["CreateDate"],
                    last_used_at=used.get(row["CreateDate"].replace(microsecond=0)),
                )
                async for page in self._caller.pages("iam", "list_access_keys", "AccessKeyMetadata", UserName=name)
                for row in page["AccessKeyMetadata"]
            ]
        )

    async def _password(self, name: str) -> bool:
        try:
            answered(
                await self._caller.read("iam", "get_login_profile", UserName=name),
                "LoginProfile",
                "iam.GetLoginProfile",
            )
        except TargetNotFound:
            return False
        return True

    async def _mfa(self, name: str) -> bool:
        return any(
            [
                page["MFADevices"]
                async for page in self._caller.pages("iam", "list_mfa_devices", "MFADevices", UserName=name)
            ]
        )

    # --- roles --------------------------------------------------------------------------------------------------------

    async def roles(self) -> AsyncIterator[CloudRole]:
        """From the overview alone."""
        strong, groups = await self._strong()
        organization = await self._organization.membership()
        async for row in self._details("Role", "RoleDetailList"):
            arn = str(row["Arn"])
            yield CloudRole(
                ref=f"role/{row['RoleName']}",
                arn=arn,
                account=self._account,
                owner=organization.owner,
                organization=organization.id,
                created_at=row["CreateDate"],
                last_used_at=(row.get("RoleLastUsed") or {}).get("LastUsedDate"),
                service=str(row.get("Path", "/")).startswith(_SERVICE_PATHS),
                ours=arn == self._role,
                rights=_rights(row, "RolePolicyList", strong, groups),
                trust=document_of(row.get("AssumeRolePolicyDocument")) or {},
            )

    async def _details(self, kind: str, key: str) -> AsyncIterator[Mapping[str, Any]]:
        async for page in self._caller.pages("iam", "get_account_authorization_details", key, Filter=[kind]):
            for row in page[key]:
                yield row

    async def _strong(self) -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
        """Resource names of own policies that give everything; names of groups that hold such, with which."""
        managed: set[str] = set()
        rows: list[Mapping[str, Any]] = []
        async for page in self._caller.pages(
            "iam", "get_account_authorization_details", "GroupDetailList", Filter=["Group", "LocalManagedPolicy"]
        ):
            rows += page["GroupDetailList"]
            for policy in page.get("Policies") or ():
                for version in policy.get("PolicyVersionList") or ():
                    if version.get("IsDefaultVersion") and _gives_all(document_of(version.get("Document"))):
                        managed.add(str(policy.get("Arn")))
        strong = frozenset(managed)
        held = {str(row["GroupName"]): _rights(row, "GroupPolicyList", strong, {}).through for row in rows}
        return strong, {name: through for name, through in held.items() if through}

    # --- who vouches --------------------------------------------------------------------------------------------------

    async def identity_providers(self) -> AsyncIterator[IdentityProvider]:
        """Both kinds; an account has a handful."""
        answer = await self._caller.read("iam", "list_saml_providers")
        for row in answered(answer, "SAMLProviderList", "iam.ListSAMLProviders"):
            arn = str(row["Arn"])
            name = arn.rpartition("/")[2]
            yield IdentityProvider(
                id=arn,
                kind="saml",
                name=name,
                created_at=row.get("CreateDate"),
                expires_at=row.get("ValidUntil"),
                audiences=(),
                service=_SIGN_IN.fullmatch(name) is not None,
            )
        answer = await self._caller.read("iam", "list_open_id_connect_providers")
        for row in answered(answer, "OpenIDConnectProviderList", "iam.ListOpenIDConnectProviders"):
            arn = str(row["Arn"])
            try:
                about = await self._caller.read("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
            except TargetNotFound:  # deleted meanwhile
                continue
            yield IdentityProvider(
                id=arn,
                kind="oidc",
                name=str(answered(about, "Url", "iam.GetOpenIDConnectProvider")).removeprefix("https://"),
                created_at=about.get("CreateDate"),
                expires_at=None,
                audiences=tuple(sorted(str(one) for one in about.get("ClientIDList") or ())),
                service=False,
            )

    async def trust_anchors(self) -> AsyncIterator[TrustAnchor]:
        """Region by region."""

        async def of(region: str) -> AsyncIterator[TrustAnchor]:
            async for page in self._caller.pages("rolesanywhere", "list_trust_anchors", "trustAnchors", region):
                for row in page["trustAnchors"]:
                    kind = (row.get("source") or {}).get("sourceType")
                    yield TrustAnchor(
                        id=str(row.get("trustAnchorArn") or row["trustAnchorId"]),
                        region=region,
                        name=str(row.get("name", "")),
                        enabled=bool(row.get("enabled")),
                        kind="own" if kind == "AWS_ACM_PCA" else "uploaded",
                        created_at=row.get("createdAt"),
                        changed_at=row.get("updatedAt"),
                    )

        async for found in each_region(self._caller.regions, of):
            yield found


def _used(said: Row) -> dict[datetime, datetime | None]:
    """By when a key was made, which is all by which the report tells a user's two keys apart."""
    found: dict[datetime, datetime | None] = {}
    for number in (1, 2):
        made = said.at(f"access_key_{number}_last_rotated")
        if made is not None:
            found[made.replace(microsecond=0)] = said.at(f"access_key_{number}_last_used_date")
    return found


def _gives_all(document: Mapping[str, Any] | None) -> bool:
    """Everything, or all of IAM, which is as much."""
    for statement in statements(document):
        actions, resources = (_texts(statement.get(name)) for name in ("Action", "Resource"))
        whole = bool({one.lower() for one in actions} & _ALL) and "*" in resources
        if whole and statement.get("Effect") == "Allow" and not statement.get("Condition"):
            return True
    return False


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]


def _rights(
    row: Mapping[str, Any], inline: str, strong: frozenset[str], groups: Mapping[str, tuple[str, ...]]
) -> Rights:
    own = [
        str(policy.get("PolicyName"))
        for policy in row.get(inline) or ()
        if _gives_all(document_of(policy.get("PolicyDocument")))
    ]
    attached = [
        str(policy.get("PolicyName"))
        for policy in row.get("AttachedManagedPolicies") or ()
        if (arn := str(policy.get("PolicyArn"))) in strong or (arn.endswith(_STRONG) and ":iam::aws:policy" in arn)
    ]
    through = [f"group/{group}: {name}" for group in row.get("GroupList") or () for name in groups.get(str(group), ())]
    # A boundary holds whatever the policies say; one that allows everything bounds nothing.
    boundary = str((row.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn") or "")
    if boundary and boundary not in strong and not boundary.endswith(f"/{ADMINISTRATOR}"):
        return Rights(administrator=False, inline_administrator=False, through=())
    return Rights(
        administrator=bool(own or attached or through),
        inline_administrator=bool(own),
        through=(*own, *attached, *through),
    )
