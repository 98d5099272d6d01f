"""What an AWS call means, worked out of its parameters: to whom it gives access, what it opens, whose credentials it makes.

Rules can compare fields, not read policies; so the reader does, for the few calls where it matters. Added to the view:

===================  =========================================================================================
``outside``          accounts other than this one that the call lets in; ``*`` for everybody
``external_id``      the role's trust asks for an external id, as vendors' do
``public``           everybody is let in, without a condition
``admin_policy``     the policy gives everything, or all of IAM
``target_user``      whose credentials or rights are changed
``on_self``          the actor changes its own
``layers_outside``   accounts whose layers a function loads
``open_ports``       ports of administration and databases opened to the world
``expire_days``      after how many days a bucket's lifecycle rule deletes everything
``logging_less``     the trail records less than it did by default
``instances``        how many instances are asked for
``instance_session`` the caller is an instance's role
``whole_list``       the call lists everything, not one thing by its name
``machine``          the machine that a session or key is for
``about``            the names of what is deleted or switched off
``foreign_key``      accounts whose keys encrypt, other than this one
===================  =========================================================================================

Policies: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tenantry.sweep.logs.aws_targets import TARGETS
from tenantry.sweep.logs.values import as_list, inner, parsed, strings, text

__all__ = ["PORTS", "let_in", "meaning", "means"]

_ACCOUNT: Final = re.compile(r"(?:\Aarn:aws[\w-]*:(?:iam|sts)::)?(\d{12})(?::|\Z)")
_OWNER: Final = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:(\d{12}):")
_ADMIN: Final = ("/AdministratorAccess", "/IAMFullAccess", "/PowerUserAccess")
PORTS: Final = (22, 23, 445, 1433, 1521, 2375, 3306, 3389, 5432, 5601, 5900, 5985, 5986, 6379, 6443, 9200, 27017)
_WORLD: Final = frozenset({"0.0.0.0/0", "::/0"})
_BOUNDS: Final = re.compile(
    r"source(arn|account|ip|vpc|vpce|orgid)|principalorg|principalaccount|principalarn", re.IGNORECASE
)
"""Conditions that keep strangers out although the principal is ``*``. An external id does not: whoever wrote the policy knows it."""
_LOAD_BALANCERS: Final = frozenset(
    {
        "127311923021",
        "033677994240",
        "027434742980",
        "797873946194",
        "156460612806",
        "054676820928",
        "652711504416",
        "009996457667",
        "897822967062",
        "985666609251",
        "582318560864",
        "600734575887",
        "383597477331",
        "114774131450",
        "783225319266",
        "718504428378",
        "507241528517",
        "098369216593",
        "754344448648",
        "589379963580",
        "635631232127",
        "859597730677",
        "076674570225",
    }
)
"""Accounts of AWS that write load balancers' logs into customers' buckets:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html."""


def meaning(name: str, record: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """What is worked out for this call; nothing for most."""
    found: dict[str, Any] = {}
    if view["actor_type"] == "role" and view["actor"].rpartition("/")[2].startswith(("i-", "mi-")):
        found["instance_session"] = True
    worker = _WORKERS.get(name)
    parameters = record.get("requestParameters")
    if worker is not None and isinstance(parameters, Mapping):
        found.update(worker(parameters, view))
    elif name in ("CreateAccessKey", "DeactivateMFADevice"):
        found.update(_target(parameters if isinstance(parameters, Mapping) else {}, view))
    elif name in _LISTS and parameters is None:
        found["whole_list"] = True
    return found


def means(name: str) -> bool:
    """Whether what an operation means depends on more than who calls it."""
    return name in _WORKERS or name in _LISTS or name in ("CreateAccessKey", "DeactivateMFADevice")


# --- policies ---------------------------------------------------------------------------------------------------------


def _statements(policy: Any) -> Iterator[Mapping[str, Any]]:
    document = parsed(policy)
    if isinstance(document, Mapping):
        for statement in as_list(document.get("Statement")):
            if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
                yield statement


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    if "NotPrincipal" in statement:  # everybody but those
        yield "*"
    elif isinstance(principal, str):
        yield principal
    elif isinstance(principal, Mapping):
        for kind, value in principal.items():
            if kind in ("AWS", "Federated"):
                yield from (text(one) for one in as_list(value))


def let_in(policy: Any, own: str) -> dict[str, Any]:
    """Who outside the account a resource's or role's policy lets in: ``outside``, ``public``, ``external_id`` as above; empty: nobody."""
    outside: list[str] = []
    demanded: list[
        bool
    ] = []  # of each statement that lets somebody in; one that does not demand it is open whatever the others do
    public = False
    for statement in _statements(policy):
        condition = str(statement.get("Condition", ""))
        before = len(outside)
        for principal in _principals(statement):
            account = _ACCOUNT.match(principal)
            if principal in ("*", "arn:aws:iam::*:root"):
                if not _BOUNDS.search(condition):
                    outside.append("*")
                    public = True
            elif account and account[1] != own and account[1] not in _LOAD_BALANCERS:
                outside.append(account[1])
        if len(outside) > before:
            demanded.append("sts:externalid" in condition.lower())
    if not outside:
        return {}
    return {
        "outside": sorted(set(outside)),
        "public": public,
        **({"external_id": True} if all(demanded) else {}),
    }


def _gives_all(policy: Any) -> bool:
    for statement in _statements(policy):
        actions = {text(one).lower() for one in as_list(statement.get("Action"))}
        if "*" in {text(one) for one in as_list(statement.get("Resource"))} and actions & {"*", "*:*", "iam:*"}:
            return True
    return False


def _resource_policy(*keys: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]:
    def work(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
        for key in keys:
            if parameters.get(key):
                return let_in(parameters[key], text(view["account"]))
        return {}

    return work


def _trust(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    policy = parameters.get("assumeRolePolicyDocument") or parameters.get("policyDocument")
    return let_in(policy, text(view["account"]))


def _identity_policy(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    found = _target(parameters, view) if "userName" in parameters else {}
    role = text(parameters.get("roleName"))
    if role and f":role/{role}" in view["actor"] + "/":
        found["on_self"] = True
    if text(parameters.get("policyArn")).endswith(_ADMIN) or _gives_all(parameters.get("policyDocument")):
        found["admin_policy"] = True
    return found


def _target(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """Whose credentials: without a name they are the caller's own."""
    user = text(parameters.get("userName"))
    own = text(view.get("user_name"))
    return {"target_user": user or own or None, "on_self": not user or user == own}


# --- sharing ----------------------------------------------------------------------------------------------------------


def _shared(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """Images and snapshots: ``launchPermission.add``, ``createVolumePermission.add``."""
    added = inner(parameters, "launchPermission", "add") or inner(parameters, "createVolumePermission", "add")
    return _accounts([*strings(added)], view)


def _shared_database(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    if parameters.get("attributeName") not in (None, "restore"):
        return {}
    return _accounts([text(one) for one in as_list(parameters.get("valuesToAdd"))], view)


def _function_permission(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """Of functions; of queues and topics, which name accounts."""
    principal = text(parameters.get("principal"))
    if principal == "*" and any(parameters.get(key) for key in ("sourceArn", "sourceAccount", "principalOrgID")):
        return {}
    named = [*strings(parameters.get("aWSAccountIds")), *strings(parameters.get("aWSAccountId"))]
    return _accounts([principal, *named], view)


def _queue(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    policy = inner(parameters, "attributes", "Policy") or parameters.get("policy")
    return let_in(policy, text(view["account"])) if policy else {}


def _named(*keys: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]:
    """Accounts that parameters name, by number or in an ARN."""

    def work(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
        return _accounts([one for key in keys for one in strings(parameters.get(key))], view)

    return work


def _resource_share(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """What stays within the organization is no sharing outside."""
    if parameters.get("allowExternalPrincipals") is False:
        return {}
    return _named("principals")(parameters, view)


def _destination(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    owner = _OWNER.match(text(parameters.get("destinationArn")))
    return {"outside": [owner[1]]} if owner and owner[1] != text(view["account"]) else {}


def _document(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """A document of Systems Manager that is shared: by account, or with all."""
    return _accounts([*strings(parameters.get("accountIdsToAdd"))], view)


def _permission_set(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    given = text(parameters.get("managedPolicyArn")).endswith(_ADMIN) or _gives_all(parameters.get("inlinePolicy"))
    return {"admin_policy": True} if given else {}


def _accounts(names: list[str], view: Mapping[str, Any]) -> dict[str, Any]:
    outside: set[str] = set()
    for one in names:
        account = _ACCOUNT.match(one)
        if account:
            outside.add(account[1])
        elif one in ("*", "all"):
            outside.add("*")
    outside -= {text(view["account"])}
    return {"outside": sorted(outside), "public": "*" in outside} if outside else {}


def _layers(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """Functions' layers by their owners' accounts. AWS's own insights and extensions are public, and still somebody else's."""
    owners = {
        parts[4]
        for one in strings(parameters.get("layers"))
        if len(parts := one.split(":")) > 5 and parts[5] == "layer"
    }
    owners -= {text(view["account"])}
    return {"layers_outside": sorted(owners)} if owners else {}


def _acl(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    everybody = any("global/AllUsers" in one or "global/AuthenticatedUsers" in one for one in strings(parameters))
    canned = {text(one) for one in as_list(parameters.get("x-amz-acl"))}
    return (
        {"outside": ["*"], "public": True}
        if everybody or canned & {"public-read", "public-read-write", "authenticated-read"}
        else {}
    )


# --- networks, logs, instances, lists ---------------------------------------------------------------------------------


def _ports(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    rules = [rule for rule in as_list(inner(parameters, "ipPermissions", "items")) if isinstance(rule, Mapping)]
    opened: set[int] = set()
    for rule in [*rules, parameters]:
        ranges = rule if rule is parameters else [rule.get("ipRanges"), rule.get("ipv6Ranges")]
        spans = {parameters.get("cidrIp"), parameters.get("cidrIpv6")} if rule is parameters else set(strings(ranges))
        if not spans & _WORLD:
            continue
        low, high = rule.get("fromPort"), rule.get("toPort")
        whole = str(rule.get("ipProtocol")) == "-1" or low in (None, -1)
        opened |= {
            port
            for port in PORTS
            if whole or (isinstance(low, int) and low <= port <= (high if isinstance(high, int) else low))
        }
    return {"open_ports": sorted(opened), "world": True} if opened else {}


def _changed_ports(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """ModifySecurityGroupRules: each rule with its new values, IPv4 and IPv6 as single texts."""
    request = inner(parameters, "ModifySecurityGroupRulesRequest") or parameters
    found: dict[str, Any] = {}
    for rule in as_list(inner(request, "SecurityGroupRule")):
        values = inner(rule, "SecurityGroupRule")
        if isinstance(values, Mapping):
            plain = {
                "fromPort": values.get("FromPort"),
                "toPort": values.get("ToPort"),
                "ipProtocol": values.get("IpProtocol"),
            }
            found.update(_ports({**plain, "cidrIp": values.get("CidrIpv4"), "cidrIpv6": values.get("CidrIpv6")}, view))
    return found


def _lifecycle(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    shortest: int | None = None
    for rule in as_list(inner(parameters, "LifecycleConfiguration", "Rule")):
        if not isinstance(rule, Mapping) or rule.get("Status") != "Enabled":
            continue
        days = inner(rule, "Expiration", "Days")
        narrowed = inner(rule, "Filter", "Prefix") or rule.get("Prefix")
        if inner(rule, "Filter", "Tag") or inner(rule, "Filter", "And") or (narrowed and narrowed != "*"):
            continue
        if isinstance(days, (int, str)) and str(days).isdigit():
            shortest = int(days) if shortest is None else min(shortest, int(days))
    return {} if shortest is None else {"expire_days": shortest}


def _selectors(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    plain = [one for one in as_list(parameters.get("eventSelectors")) if isinstance(one, Mapping)]
    advanced = as_list(parameters.get("advancedEventSelectors"))
    if advanced:
        narrowed = not any(one == "Management" for one in strings(advanced))
    else:
        narrowed = not any(
            one.get("includeManagementEvents", True) and one.get("readWriteType", "All") == "All" for one in plain
        )
    return {"logging_less": True} if narrowed else {}


def _trail(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateTrail: fewer regions, no global events, no digests, or no key any more."""
    del view
    off = ("isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation", "isOrganizationTrail")
    less = any(parameters.get(key) is False for key in off) or parameters.get("kmsKeyId") == ""
    return {"logging_less": True} if less else {}


def _instances(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    counts = [
        one.get("maxCount", 1)
        for one in as_list(inner(parameters, "instancesSet", "items"))
        if isinstance(one, Mapping)
    ]
    return {"instances": sum(int(count) for count in counts if str(count).isdigit())} if counts else {}


def _whole(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    named = any(parameters.get(key) for key in ("parameterFilters", "name", "names", "userName", "roleName"))
    return {} if named else {"whole_list": True}


_LISTS: Final = frozenset({"DescribeParameters", "ListSecrets"})
_WORKERS: Final[dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]]] = {
    **TARGETS,
    "CreateRole": _trust,
    "UpdateAssumeRolePolicy": _trust,
    "PutBucketPolicy": _resource_policy("bucketPolicy", "policy"),
    "PutKeyPolicy": _resource_policy("policy"),
    "PutResourcePolicy": _resource_policy("resourcePolicy", "policy"),
    "SetRepositoryPolicy": _resource_policy("policyText"),
    "SetTopicAttributes": _resource_policy("attributeValue"),
    "SetQueueAttributes": _queue,
    "PutBackupVaultAccessPolicy": _resource_policy("policy"),
    "PutFileSystemPolicy": _resource_policy("policy"),
    "PutAccessPointPolicy": _resource_policy("policy"),
    "UpdateDomainConfig": _resource_policy("accessPolicies"),
    "UpdateElasticsearchDomainConfig": _resource_policy("accessPolicies"),
    "CreateGrant": _named("granteePrincipal"),
    "AuthorizeSnapshotAccess": _named("accountWithRestoreAccess"),
    "CreateResourceShare": _resource_share,
    "AssociateResourceShare": _resource_share,
    "PutSubscriptionFilter": _destination,
    "PutBucketAcl": _acl,
    "AddPermission": _function_permission,
    "ModifyDocumentPermission": _document,
    "AttachManagedPolicyToPermissionSet": _permission_set,
    "PutInlinePolicyToPermissionSet": _permission_set,
    "AddLayerVersionPermission": _function_permission,
    "ModifyImageAttribute": _shared,
    "ModifySnapshotAttribute": _shared,
    "ModifyDBSnapshotAttribute": _shared_database,
    "ModifyDBClusterSnapshotAttribute": _shared_database,
    **dict.fromkeys(
        (
            "AttachUserPolicy",
            "AttachRolePolicy",
            "AttachGroupPolicy",
            "PutUserPolicy",
            "PutRolePolicy",
            "PutGroupPolicy",
            "CreatePolicy",
            "CreatePolicyVersion",
        ),
        _identity_policy,
    ),
    **dict.fromkeys(
        (
            "CreateAccessKey",
            "CreateLoginProfile",
            "UpdateLoginProfile",
            "DeactivateMFADevice",
            "CreateUser",
            "UpdateAccessKey",
            "AddUserToGroup",
            "DeleteUser",
            "DeleteLoginProfile",
            "DeleteAccessKey",
            "CreateServiceSpecificCredential",
            "ResetServiceSpecificCredential",
            "UploadSSHPublicKey",
            "UploadSigningCertificate",
        ),
        _target,
    ),
    "AuthorizeSecurityGroupIngress": _ports,
    "PutBucketLifecycle": _lifecycle,
    "PutBucketLifecycleConfiguration": _lifecycle,
    "PutEventSelectors": _selectors,
    "UpdateTrail": _trail,
    "UpdateFunctionConfiguration": _layers,
    "CreateFunction": _layers,
    "ModifySecurityGroupRules": _changed_ports,
    "RunInstances": _instances,
    "DescribeParameters": _whole,
    "ListSecrets": _whole,
}
