"""What the MSP's hub may do at AWS: read from the policies of its user (and of its role, where there is one on the way), and judged.

The hub's key reaches every client, so it is to have two things and no more: assuming the clients' roles, and exchanging itself. What it may
do besides is what an intruder with the key may do in the MSP's own account.

Sources (docs.aws.amazon.com):
    /IAM/latest/UserGuide/reference_policies_grammar.html                      statements, NotAction, NotResource, wildcards
    /IAM/latest/UserGuide/access_policies_managed-vs-inline.html               where a user's policies come from
    /service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html    actions, and on what each is

Known limits: what a deny or a permissions boundary takes away again is told all the same, because it should not have been given; a
condition narrows nothing here. What a role of the MSP's own account grants the user in its trust policy stands in no policy of the user's.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from integrations.aws.documents import document_of, statements
from integrations.aws.errors import VENDOR
from tenantry.errors import PermissionMissing, TargetNotFound, VendorFault
from tenantry.least import Grant

__all__ = ["CONSOLE", "Judged", "Principal", "Rights", "hub_policy", "judged", "must", "read", "unreadable", "wanted"]

Call = Callable[..., Awaitable[dict[str, Any]]]
"""``(service, operation, **params)`` as the principal."""

ASSUME: Final = "sts:AssumeRole"
CONSOLE: Final = "a password for the console"
_MOST: Final = 200
"""Grants that are told one by one."""

_KEY: Final = (
    *("iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"),
    *("iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey"),
)
_DEVICE: Final = ("iam:ListMFADevices", "iam:EnableMFADevice", "iam:DeactivateMFADevice")
_DEVICES: Final = ("iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice")
_ON_NOTHING: Final = ("iam:ListVirtualMFADevices", "sts:GetCallerIdentity", "sts:GetSessionToken")
"""Those that name no resource."""
_OWN_RIGHTS: Final = (
    *("iam:GetUser", "iam:GetLoginProfile", "iam:ListGroupsForUser"),
    *("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies"),
    *("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
)
_POLICIES: Final = ("iam:GetPolicy", "iam:GetPolicyVersion")
_GROUPS: Final = ("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies")

_PLACES: Final = {
    "itself": (*_KEY, *_DEVICE, *_OWN_RIGHTS),
    "its devices": _DEVICES,
    "policies": _POLICIES,
    "groups": _GROUPS,
    "nothing": _ON_NOTHING,
}
_DEVICE_PATTERN: Final = re.compile(r"arn:aws[a-z-]*:iam::(?:\d{12}|\*|):mfa/.+")
_KINDS: Final = (("policies", ":policy/"), ("groups", ":group/"))


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose rights: a user or a role, by its resource name."""

    kind: str
    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Rights:
    """What was read.

    Attributes:
        documents: the policies that count for the principal, by name.
        password: whether it can sign in to the console.
    """

    principal: Principal
    documents: Mapping[str, Mapping[str, Any]]
    password: bool = False


# --- reading ----------------------------------------------------------------------------------------------------------


async def read(call: Call, principal: Principal) -> Rights:
    """Every policy of a user, of its groups, or of a role.

    Raises:
        PermissionMissing: it may not read its own: what it may do is not known then.
    """
    found: dict[str, Mapping[str, Any]] = {}
    await _of(call, principal.kind, principal.name, found)
    if principal.kind == "Role":
        return Rights(principal, found)
    async for row in _rows(call, "list_groups_for_user", "Groups", UserName=principal.name):
        await _of(call, "Group", str(row["GroupName"]), found)
    return Rights(principal, found, await _password(call, principal.name))


async def _of(call: Call, kind: str, name: str, found: dict[str, Mapping[str, Any]]) -> None:
    """Inline and attached policies of one user, group or role."""
    who, of = {f"{kind}Name": name}, kind.lower()
    async for policy in _rows(call, f"list_{of}_policies", "PolicyNames", **who):
        answer = await call("iam", f"get_{of}_policy", PolicyName=policy, **who)
        found[f"{of} {name}: {policy}"] = _document(answer.get("PolicyDocument"))
    async for row in _rows(call, f"list_attached_{of}_policies", "AttachedPolicies", **who):
        arn = str(row["PolicyArn"])
        version = (await call("iam", "get_policy", PolicyArn=arn))["Policy"]["DefaultVersionId"]
        answer = await call("iam", "get_policy_version", PolicyArn=arn, VersionId=version)
        found[arn] = _document(answer["PolicyVersion"].get("Document"))


async def _rows(call: Call, operation: str, key: str, **params: Any) -> Any:
    more: dict[str, Any] = {}
    while True:
        answer = await call("iam", operation, **params, **more)
        for row in answer[key]:
            yield row
        if not answer.get("IsTruncated"):
            return
        more = {"Marker": answer["Marker"]}


async def _password(call: Call, user: str) -> bool:
    try:
        await call("iam", "get_login_profile", UserName=user)
    except TargetNotFound:
        return False
    return True


def _document(value: Any) -> Mapping[str, Any]:
    """Raises VendorFault: what cannot be read is not taken for nothing."""
    found = document_of(value)
    if found is None:
        raise VendorFault("AWS answered with a policy that has no text", vendor=VENDOR)
    return found


# --- judging ----------------------------------------------------------------------------------------------------------


def must(roles: Iterable[str], *, exchanged: bool, second_factor: bool) -> frozenset[str]:
    """What a principal of the hub's has to be allowed, as `judged` words it.

    Args:
        roles: resource names of what it assumes.
        exchanged: it has a key that is exchanged.
        second_factor: so is the seed of a second factor.
    """
    names = {f"{ASSUME} on {role}" for role in roles}
    if exchanged:
        names |= {f"{action} on itself" for action in _KEY}
    if second_factor:
        names |= {f"{action} on itself" for action in _DEVICE} | {f"{action} on its devices" for action in _DEVICES}
        names.add("iam:ListVirtualMFADevices on nothing")
    return frozenset(names)


def wanted(names: frozenset[str]) -> frozenset[str]:
    """What it has to be allowed, and what it may be besides: to read its own rights, and who it is."""
    more = {f"{action} on itself" for action in _OWN_RIGHTS} | {f"{action} on nothing" for action in _ON_NOTHING}
    more |= {f"{action} on {place}" for place in ("policies", "groups") for action in _PLACES[place]}
    return names | more


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policies allow.

    Attributes:
        names: one for each action and resource: ``sts:AssumeRole on arn:…``, ``iam:CreateAccessKey on itself``, ``s3:* on *``.
        wider: those that are none of what is wanted → what of that they contain.
        assumes: the roles, or patterns of roles, that it may assume.
    """

    names: frozenset[str]
    wider: Mapping[str, frozenset[str]]
    assumes: tuple[str, ...]

    @property
    def granted(self) -> frozenset[str]:
        """With what the wider ones contain."""
        return self.names.union(*self.wider.values())


def judged(rights: Rights, wanted: frozenset[str]) -> Judged:
    """What the policies allow, against what is wanted. Of more than two hundred grants the first ones are told, and that there are more."""
    names: set[str] = set()
    wider: dict[str, frozenset[str]] = {}
    assumes: set[str] = set()
    for action, resource in _grants(rights):
        name = f"{action} on {_place(resource, action, rights.principal)}"
        if _matches(action.lower(), ASSUME.lower()):
            assumes.add(resource)
        if name in names:
            continue
        if len(names) >= _MOST:
            names.add(f"more than {_MOST} grants")
            break
        names.add(name)
        if name not in wanted:
            wider[name] = frozenset(one for one in wanted if _covers(action, resource, one, rights.principal))
    if rights.password:
        names.add(CONSOLE)
    return Judged(frozenset(names), wider, tuple(sorted(assumes)))


def _grants(rights: Rights) -> Iterator[tuple[str, str]]:
    for document in rights.documents.values():
        for statement in statements(document):
            if statement.get("Effect") != "Allow":
                continue
            actions = [_known(action) for action in _each(statement.get("Action"))]
            resources = _each(statement.get("Resource"))
            if "NotAction" in statement:
                actions = [f"everything but {', '.join(_each(statement['NotAction']))}"]
            if "NotResource" in statement:
                resources = [f"everything but {', '.join(_each(statement['NotResource']))}"]
            yield from ((action, resource) for action in actions for resource in resources)


def _each(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]


_SPELLED: Final = {action.lower(): action for actions in _PLACES.values() for action in actions} | {
    ASSUME.lower(): ASSUME
}


def _known(action: str) -> str:
    """Names of actions count in any case."""
    return _SPELLED.get(action.lower(), action)


def _place(resource: str, action: str, principal: Principal) -> str:
    """What a resource is to the principal."""
    if action in _ON_NOTHING:
        return "nothing"
    if _itself(resource, principal):
        return "itself"
    if action in _DEVICES and _DEVICE_PATTERN.fullmatch(resource):
        return "its devices"
    for place, mark in _KINDS:
        if action in _PLACES[place] and (mark in resource or resource == "*"):
            return place
    return resource


_OWN: Final = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|\*)?:user/(?:[^*?]*/)?\$\{aws:username\}")


def _itself(resource: str, principal: Principal) -> bool:
    if resource == principal.arn:
        return True
    found = _OWN.fullmatch(resource) if principal.kind == "User" else None
    return found is not None and found[1] in (principal.arn.split(":")[4], "*", None)


def _covers(action: str, resource: str, name: str, principal: Principal) -> bool:
    """Whether a grant contains what is wanted, as `judged` words it."""
    wanted, _, place = name.partition(" on ")
    if action.startswith("everything but ") or resource.startswith("everything but "):
        return False  # not a way to grant what is needed
    if not _matches(action.lower(), wanted.lower()):
        return False
    if place == "itself":
        return _itself(resource, principal) or _matches(resource, principal.arn)
    if place in _PLACES:  # devices, policies, groups
        return resource == "*" or _place(resource, wanted, principal) == place
    return _matches(resource, place)


def _matches(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=1_000)
def _pattern(pattern: str) -> re.Pattern[str]:
    """``*`` and ``?``, and nothing else that has a meaning."""
    return re.compile("".join({"*": ".*", "?": "."}.get(one) or re.escape(one) for one in pattern), re.DOTALL)


# --- what to grant ----------------------------------------------------------------------------------------------------


def hub_policy(roles: Iterable[str], *, second_factor: bool) -> Grant:
    """The one policy that the hub's user is to have.

    Args:
        roles: resource names of what it assumes; a role of the hub's is to have the same for the clients' roles.
    """
    named = sorted(roles)
    mine = [*_KEY, *(action for action in _OWN_RIGHTS if "Role" not in action), *(_DEVICE if second_factor else ())]
    policy: list[dict[str, Any]] = [
        {"Sid": "Itself", "Effect": "Allow", "Action": mine, "Resource": "arn:aws:iam::*:user/${aws:username}"}
    ]
    if named:
        policy.insert(0, {"Sid": "Clients", "Effect": "Allow", "Action": [ASSUME], "Resource": named})
    if second_factor:
        policy += [
            {"Sid": "Devices", "Effect": "Allow", "Action": [*_DEVICES], "Resource": "arn:aws:iam::*:mfa/*"},
            {"Sid": "ListDevices", "Effect": "Allow", "Action": ["iam:ListVirtualMFADevices"], "Resource": "*"},
        ]
    text = json.dumps({"Version": "2012-10-17", "Statement": policy}, indent=2) + "\n"
    return Grant("iam", tuple(sorted(must(named, exchanged=True, second_factor=second_factor))), text)


def unreadable(principal: Principal, refused: PermissionMissing) -> str:
    """The sentence for rights that could not be read."""
    return (
        f"what the hub's {principal.kind.lower()} may do is not known: it may not read its own policies ({refused.message}). "
        "Give it what `tenantry tenants check _msp --least-privilege` prints"
    )
