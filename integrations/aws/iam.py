"""``cloud_identity`` over IAM and STS.

Sources (docs.aws.amazon.com/IAM/latest/APIReference): API_<Operation>.html of each operation named in ``actions.py``.

IAM is one service for all regions and eventually consistent: what was written is seen everywhere within seconds, sometimes a minute
(/IAM/latest/UserGuide/troubleshoot_general.html). Nothing here waits for that; ``verify`` of the tasks does.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from integrations.aws.caller import Caller, answered
from integrations.aws.documents import (
    ADMINISTRATOR,
    CUT_POLICY,
    DENY_POLICY,
    cut_document,
    cut_moment,
    deny_document,
    document_of,
    is_administrator,
    is_deny_all,
)
from integrations.aws.rows import plain
from tenantry.capabilities.cloud_identity import (
    CloudCaller,
    CloudKey,
    CloudLogin,
    CloudPolicy,
    MfaDevice,
    NewCloudKey,
    Principal,
    PrincipalKind,
)
from tenantry.errors import OutOfScope, Rejected, TargetNotFound

__all__ = ["AwsIdentity"]

_ARN: Final = re.compile(r"^arn:[a-z-]+:(?:iam|sts)::(\d{12}):(?:(user|role|group|assumed-role)/(.+)|(root))$")
_ID: Final = re.compile(r"^[A-Za-z0-9]{16,128}$")
_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "user": ("list_users", "Users"),
    "role": ("list_roles", "Roles"),
    "group": ("list_groups", "Groups"),
}
_SERVICE_PATHS: Final = ("/aws-service-role/", "/aws-reserved/")
_DETAILS: Final = {"User": "UserDetailList", "Group": "GroupDetailList", "Role": "RoleDetailList"}


class AwsIdentity:
    """Implements :class:`tenantry.capabilities.CloudIdentity`.

    Args:
        caller: calls the account.
        account: its id: resource names of another are refused.
    """

    def __init__(self, caller: Caller, account: str) -> None:
        self._caller = caller
        self._account = account

    # --- who ----------------------------------------------------------------------------------------------------------

    async def caller(self) -> CloudCaller:
        """The role that we work as."""
        found = await self._caller.read("sts", "get_caller_identity")
        arn = str(answered(found, "Arn", "sts.GetCallerIdentity"))
        account = str(found.get("Account", ""))
        return CloudCaller(account=account, arn=arn, ref=self._named(arn)[2], regions=self._caller.regions)

    async def principals(self, kind: PrincipalKind | None = None) -> AsyncIterator[Principal]:
        """Users, roles, groups."""
        for each, (operation, key) in _LISTS.items():
            if kind not in (None, each):
                continue
            async for page in self._caller.pages("iam", operation, key):
                for row in page[key]:
                    yield _principal(each, row)

    async def principal(self, principal: str) -> Principal:
        """By ``kind/name``, resource name or unique id."""
        if _ID.match(principal):
            async for found in self.principals():
                if found.id == principal:
                    return found
            raise TargetNotFound(f"the account has no principal {principal}")
        kind, name, ref = self._named(principal)
        if kind == "root":
            raise Rejected("the root user cannot be read or changed through a role", remedy="Sign in as root by hand.")
        answer = await self._caller.read("iam", f"get_{kind}", **_name(kind, name))
        found = _principal(kind, answered(answer, kind.title(), f"iam.Get{kind.title()}"))
        if found.ref != ref:  # IAM finds names whatever their case
            raise TargetNotFound(f"the account has no principal {principal}")
        return found

    async def administrators(self) -> Sequence[Principal]:
        """From the account's own overview of itself, which says everything in a few pages."""
        users, roles, groups, managed = await self._overview()
        strong = {
            arn for arn, document in managed.items() if arn.endswith(f"/{ADMINISTRATOR}") or is_administrator(document)
        }

        def holds(row: Mapping[str, Any], inline: str) -> bool:
            attached = {str(policy.get("PolicyArn")) for policy in row.get("AttachedManagedPolicies") or ()}
            if attached & strong or any(arn.endswith(f":policy/{ADMINISTRATOR}") for arn in attached):
                return True
            return any(is_administrator(document_of(policy.get("PolicyDocument"))) for policy in row.get(inline) or ())

        strong_groups = {str(row.get("GroupName")) for row in groups if holds(row, "GroupPolicyList")}
        found = []
        for row in users:
            if holds(row, "UserPolicyList") or strong_groups & set(row.get("GroupList") or ()):
                principal = _principal("user", row)
                if await self._usable(principal.ref):
                    found.append(principal)
        found += [
            principal
            for row in roles
            if holds(row, "RolePolicyList") and not (principal := _principal("role", row)).service
        ]
        return found

    async def _overview(self) -> tuple[list[Any], list[Any], list[Any], dict[str, Any]]:
        lists: dict[str, list[Any]] = {key: [] for key in _DETAILS.values()}
        managed: dict[str, Any] = {}
        async for page in self._caller.pages(
            "iam",
            "get_account_authorization_details",
            "UserDetailList",
            Filter=["User", "Role", "Group", "LocalManagedPolicy"],
        ):
            for key, rows in lists.items():
                rows += page.get(key) or ()
            for policy in page.get("Policies") or ():
                for version in policy.get("PolicyVersionList") or ():
                    if version.get("IsDefaultVersion"):
                        managed[str(policy.get("Arn"))] = document_of(version.get("Document"))
        return lists["UserDetailList"], lists["RoleDetailList"], lists["GroupDetailList"], managed

    async def _usable(self, user: str) -> bool:
        return await self.login(user) is not None or any(key.active for key in await self.keys(user))

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def keys(self, principal: str) -> Sequence[CloudKey]:
        """Of a user; a role has none."""
        kind, name, ref = self._named(principal)
        if kind != "user":
            return []
        found = []
        async for page in self._caller.pages("iam", "list_access_keys", "AccessKeyMetadata", UserName=name):
            for row in page["AccessKeyMetadata"]:
                used = await self._caller.read("iam", "get_access_key_last_used", AccessKeyId=row["AccessKeyId"])
                found.append(_key(row, ref, used.get("AccessKeyLastUsed") or {}))
        return found

    async def key(self, key_id: str) -> CloudKey:
        """IAM names the owner only together with the last use."""
        for key in await self.keys(await self._owner(key_id)):
            if key.id == key_id:
                return key
        raise TargetNotFound(f"the account has no access key {key_id}")

    async def _owner(self, key_id: str) -> str:
        used = await self._caller.read("iam", "get_access_key_last_used", AccessKeyId=key_id)
        name = used.get("UserName")
        if not name:
            raise TargetNotFound(f"the account has no access key {key_id}")
        return f"user/{name}"

    async def set_key_active(self, key_id: str, active: bool) -> None:
        """UpdateAccessKey; the key stays, because it is evidence."""
        owner = await self._owner(key_id)
        await self._caller.write(
            "iam",
            "update_access_key",
            UserName=owner.removeprefix("user/"),
            AccessKeyId=key_id,
            Status="Active" if active else "Inactive",
        )

    async def create_key(self, principal: str) -> NewCloudKey:
        """At most two a user."""
        _, name, _ = self._only("user", principal)
        answer = await self._caller.write("iam", "create_access_key", UserName=name)
        made = answered(answer, "AccessKey", "iam.CreateAccessKey", write=True)
        return NewCloudKey(id=made["AccessKeyId"], secret=SecretStr(made["SecretAccessKey"]))

    async def remove_key(self, key_id: str) -> None:
        """Delete it for good."""
        try:
            owner = await self._owner(key_id)
            await self._caller.write(
                "iam", "delete_access_key", UserName=owner.removeprefix("user/"), AccessKeyId=key_id
            )
        except TargetNotFound:
            return

    # --- passwords and second factors ---------------------------------------------------------------------------------

    async def login(self, principal: str) -> CloudLogin | None:
        """None: no password for the console."""
        _, name, ref = self._only("user", principal)
        try:
            answer = await self._caller.read("iam", "get_login_profile", UserName=name)
        except TargetNotFound:
            await self._caller.read("iam", "get_user", UserName=name)  # it is the user that is missing?
            return None
        row = answered(answer, "LoginProfile", "iam.GetLoginProfile")
        return CloudLogin(
            owner=ref,
            created_at=row["CreateDate"],
            change_at_next_sign_in=bool(row.get("PasswordResetRequired")),
            raw=plain(row),
        )

    async def remove_login(self, principal: str) -> None:
        """Absent counts."""
        _, name, _ = self._only("user", principal)
        try:
            await self._caller.write("iam", "delete_login_profile", UserName=name)
        except TargetNotFound:
            return

    async def set_login(self, principal: str, password: SecretStr, *, change_at_next_sign_in: bool) -> None:
        """Made, or changed where there is one."""
        _, name, _ = self._only("user", principal)
        operation = "create_login_profile" if await self.login(principal) is None else "update_login_profile"
        await self._caller.write(
            "iam",
            operation,
            UserName=name,
            Password=password.get_secret_value(),
            PasswordResetRequired=change_at_next_sign_in,
        )

    async def mfa_devices(self, principal: str) -> Sequence[MfaDevice]:
        """Of a user; a role has none."""
        kind, name, ref = self._named(principal)
        if kind != "user":
            return []
        return [
            MfaDevice(id=row["SerialNumber"], owner=ref, enabled_at=row["EnableDate"], raw=plain(row))
            async for page in self._caller.pages("iam", "list_mfa_devices", "MFADevices", UserName=name)
            for row in page["MFADevices"]
        ]

    async def deactivate_mfa(self, principal: str, device: str) -> None:
        """The device itself stays, unassigned, as evidence."""
        _, name, _ = self._only("user", principal)
        try:
            await self._caller.write("iam", "deactivate_mfa_device", UserName=name, SerialNumber=device)
        except TargetNotFound:
            return

    # --- policies -----------------------------------------------------------------------------------------------------

    async def policies(self, principal: str) -> Sequence[CloudPolicy]:
        """Inline ones, then attached ones."""
        kind, name, _ = self._named(principal)
        found: list[CloudPolicy] = []
        async for page in self._caller.pages("iam", f"list_{kind}_policies", "PolicyNames", **_name(kind, name)):
            for policy in page["PolicyNames"]:
                document = await self._inline(kind, name, policy)
                found.append(
                    CloudPolicy(
                        id=policy,
                        kind="inline",
                        name=policy,
                        document=document,
                        administrator=is_administrator(document),
                    )
                )
        async for page in self._caller.pages(
            "iam", f"list_attached_{kind}_policies", "AttachedPolicies", **_name(kind, name)
        ):
            found += [await self._attached(row) for row in page["AttachedPolicies"]]
        return found

    async def _inline(self, kind: str, name: str, policy: str) -> dict[str, Any] | None:
        answer = await self._caller.read("iam", f"get_{kind}_policy", PolicyName=policy, **_name(kind, name))
        return document_of(answered(answer, "PolicyDocument", f"iam.Get{kind.title()}Policy"))

    async def _attached(self, row: Mapping[str, Any]) -> CloudPolicy:
        arn, document = str(row["PolicyArn"]), None
        if f":iam::{self._account}:" in arn:
            about = answered(await self._caller.read("iam", "get_policy", PolicyArn=arn), "Policy", "iam.GetPolicy")
            version = await self._caller.read(
                "iam", "get_policy_version", PolicyArn=arn, VersionId=about["DefaultVersionId"]
            )
            document = document_of(answered(version, "PolicyVersion", "iam.GetPolicyVersion").get("Document"))
        return CloudPolicy(
            id=arn,
            kind="attached",
            name=str(row["PolicyName"]),
            document=document,
            administrator=arn.endswith(f":policy/{ADMINISTRATOR}") or is_administrator(document),
        )

    async def put_policy(self, principal: str, name: str, document: Mapping[str, Any]) -> None:
        """Inline."""
        kind, owner, _ = self._named(principal)
        await self._caller.write(
            "iam", f"put_{kind}_policy", PolicyName=name, PolicyDocument=json.dumps(document), **_name(kind, owner)
        )

    async def remove_policy(self, principal: str, name: str) -> None:
        """Inline; absent counts."""
        kind, owner, _ = self._named(principal)
        try:
            await self._caller.write("iam", f"delete_{kind}_policy", PolicyName=name, **_name(kind, owner))
        except TargetNotFound:
            return

    async def attach_policy(self, principal: str, policy: str) -> None:
        """Twice is as once."""
        kind, name, _ = self._named(principal)
        await self._caller.write("iam", f"attach_{kind}_policy", PolicyArn=policy, **_name(kind, name))

    async def detach_policy(self, principal: str, policy: str) -> None:
        """Absent counts."""
        kind, name, _ = self._named(principal)
        try:
            await self._caller.write("iam", f"detach_{kind}_policy", PolicyArn=policy, **_name(kind, name))
        except TargetNotFound:
            return

    async def groups(self, user: str) -> Sequence[str]:
        """Of a user; a role is in none."""
        kind, name, _ = self._named(user)
        if kind != "user":
            return []
        return [
            f"group/{row['GroupName']}"
            async for page in self._caller.pages("iam", "list_groups_for_user", "Groups", UserName=name)
            for row in page["Groups"]
        ]

    async def denied(self, principal: str) -> bool:
        """By our own policy, read and not assumed from its name."""
        return is_deny_all(await self._ours(principal, DENY_POLICY))

    async def set_denied(self, principal: str, denied: bool) -> None:
        """PutUserPolicy or PutRolePolicy; deleted to take it back."""
        if denied:
            await self.put_policy(principal, DENY_POLICY, deny_document())
        else:
            await self.remove_policy(principal, DENY_POLICY)

    # --- sessions and trust -------------------------------------------------------------------------------------------

    async def sessions_cut(self, principal: str) -> datetime | None:
        """From our own policy."""
        return cut_moment(await self._ours(principal, CUT_POLICY))

    async def cut_sessions(self, principal: str, before: datetime) -> None:
        """Never moves the moment back: sessions that were refused stay refused."""
        present = await self.sessions_cut(principal)
        if present is None or present < before.replace(microsecond=0):
            await self.put_policy(principal, CUT_POLICY, cut_document(before))

    async def allow_sessions(self, principal: str) -> None:
        """Absent counts."""
        await self.remove_policy(principal, CUT_POLICY)

    async def _ours(self, principal: str, policy: str) -> dict[str, Any] | None:
        kind, name, _ = self._named(principal)
        try:
            return await self._inline(kind, name, policy)
        except TargetNotFound:
            await self.principal(principal)  # or is it the principal that is missing?
            return None

    async def trust(self, role: str) -> dict[str, Any]:
        """AssumeRolePolicyDocument."""
        _, name, _ = self._only("role", role)
        row = answered(await self._caller.read("iam", "get_role", RoleName=name), "Role", "iam.GetRole")
        return document_of(row.get("AssumeRolePolicyDocument")) or {}

    async def set_trust(self, role: str, document: Mapping[str, Any]) -> None:
        """UpdateAssumeRolePolicy: replaces the whole document."""
        _, name, _ = self._only("role", role)
        await self._caller.write("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=json.dumps(document))

    # --- the principal itself -----------------------------------------------------------------------------------------

    async def remove_principal(self, principal: str) -> None:
        """All that hangs on it first, as DeleteUser and DeleteRole demand."""
        try:
            found = await self.principal(principal)
            if found.kind not in ("user", "role"):
                raise Rejected(f"{found.ref} is neither user nor role")
            await self._strip(found)
            await self._caller.write("iam", f"delete_{found.kind}", **_name(found.kind, found.name))
        except TargetNotFound:
            return

    async def _strip(self, found: Principal) -> None:
        ref = found.ref
        if found.kind == "user":
            for key in await self.keys(ref):
                await self.remove_key(key.id)
            await self.remove_login(ref)
            for device in await self.mfa_devices(ref):
                await self.deactivate_mfa(ref, device.id)
            for group in await self.groups(ref):
                await self._caller.write(
                    "iam", "remove_user_from_group", UserName=found.name, GroupName=group.removeprefix("group/")
                )
        else:
            async for page in self._caller.pages(
                "iam", "list_instance_profiles_for_role", "InstanceProfiles", RoleName=found.name
            ):
                for row in page["InstanceProfiles"]:
                    await self._caller.write(
                        "iam",
                        "remove_role_from_instance_profile",
                        RoleName=found.name,
                        InstanceProfileName=row["InstanceProfileName"],
                    )
        for policy in await self.policies(ref):
            if policy.kind == "inline":
                await self.remove_policy(ref, policy.id)
            else:
                await self.detach_policy(ref, policy.id)

    # --- names --------------------------------------------------------------------------------------------------------

    def _named(self, principal: str) -> tuple[str, str, str]:
        """Kind, name and ``kind/name``. Raises OutOfScope for another account's, Rejected for what names nothing."""
        match = _ARN.match(principal)
        if match is not None:
            account, kind, path, root = match.groups()
            if account != self._account:
                raise OutOfScope(f"{principal} is a principal of another account", vendor="aws")
            if root:
                return "root", "root", "root"
            if kind == "assumed-role":  # a session: the role is the principal, its path is not in there
                kind, path = "role", path.split("/")[0]
            name = path.rsplit("/", 1)[-1]
            return kind, name, f"{kind}/{name}"
        kind, _, name = principal.partition("/")
        if principal == "root":
            return "root", "root", "root"
        if kind not in _LISTS or not re.fullmatch(r"[\w+=,.@-]{1,128}", name):
            raise Rejected(
                f"{principal!r} names no principal", remedy="Write user/NAME, role/NAME, group/NAME or an ARN."
            )
        return kind, name, f"{kind}/{name}"

    def _only(self, wanted: str, principal: str) -> tuple[str, str, str]:
        kind, name, ref = self._named(principal)
        if kind != wanted:
            raise Rejected(f"{ref} is no {wanted}")
        return kind, name, ref


def _name(kind: str, name: str) -> dict[str, str]:
    return {f"{kind.title()}Name": name}


def _principal(kind: Any, row: Mapping[str, Any]) -> Principal:
    name = str(row[f"{kind.title()}Name"])
    return Principal.model_construct(
        id=str(row[f"{kind.title()}Id"]),
        ref=f"{kind}/{name}",
        arn=str(row["Arn"]),
        kind=kind,
        name=name,
        created_at=row["CreateDate"],
        service=str(row.get("Path", "/")).startswith(_SERVICE_PATHS),
        raw=plain(row),
    )


def _key(row: Mapping[str, Any], owner: str, used: Mapping[str, Any]) -> CloudKey:
    def text(name: str) -> str:
        value = str(used.get(name) or "")
        return "" if value == "N/A" else value

    return CloudKey(
        id=str(row["AccessKeyId"]),
        owner=owner,
        active=row.get("Status") == "Active",
        created_at=row["CreateDate"],
        last_used_at=used.get("LastUsedDate"),
        last_used_service=text("ServiceName"),
        last_used_region=text("Region"),
        raw=plain({**row, "AccessKeyLastUsed": dict(used)}),
    )
