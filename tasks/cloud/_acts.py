"""What single calls of an attacker's left behind: from an event of the cloud's log to the thing that was made.

Names of operations and where they say what they made: docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.capabilities import CloudEvent

_POLICIES = {
    "AttachUserPolicy": ("user", "policyArn"),
    "AttachRolePolicy": ("role", "policyArn"),
    "AttachGroupPolicy": ("group", "policyArn"),
    "PutUserPolicy": ("user", "policyName"),
    "PutRolePolicy": ("role", "policyName"),
    "PutGroupPolicy": ("group", "policyName"),
}
_SESSIONS = frozenset({"AssumeRole", "GetSessionToken", "GetFederationToken"})
TECHNIQUES = {
    "CreateUser": "T1136.003",
    "CreateRole": "T1136.003",
    "CreateAccessKey": "T1098.001",
    "CreateLoginProfile": "T1098.001",
    "UpdateLoginProfile": "T1098.001",
    "EnableMFADevice": "T1556.006",
    "UpdateAssumeRolePolicy": "T1098.003",
    **dict.fromkeys(_POLICIES, "T1098.003"),
    "RunInstances": "T1578.002",
    "StopLogging": "T1562.008",
    "DeleteTrail": "T1562.008",
}


@dataclass
class Left:
    """Everything that a set of events left behind, each thing with the ids of the events that tell."""

    principals: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    session_keys: dict[str, list[str]] = field(default_factory=dict)
    logins: dict[str, list[str]] = field(default_factory=dict)
    devices: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    policies: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    trusts: dict[str, list[str]] = field(default_factory=dict)
    instances: dict[str, list[str]] = field(default_factory=dict)
    trails: dict[str, list[str]] = field(default_factory=dict)
    assumed: dict[str, list[str]] = field(default_factory=dict)
    """Roles that were assumed: their sessions live on."""
    others: list[CloudEvent] = field(default_factory=list)
    """Writes that nothing here takes apart: a person looks at them."""


def take(left: Left, event: CloudEvent) -> None:  # one branch for each kind of thing
    """Note what one event left behind. Failed calls and reads left nothing."""
    if event.error:
        return
    name, request, response = event.operation, event.request, event.response
    if name in ("CreateUser", "CreateRole"):
        kind = name.removeprefix("Create").lower()
        _note(left.principals, _ref(kind, request) or _ref(kind, _inner(response, kind)), event)
    elif name == "CreateAccessKey":
        _note(left.keys, _text(_inner(response, "accessKey"), "accessKeyId"), event)
    elif name in _SESSIONS:
        _note(left.session_keys, _text(_inner(response, "credentials"), "accessKeyId"), event)
        role = _text(request, "roleArn")
        if role:
            _note(left.assumed, role, event)
    elif name in ("CreateLoginProfile", "UpdateLoginProfile"):
        _note(left.logins, _ref("user", request), event)
    elif name == "EnableMFADevice":
        user, serial = _ref("user", request), _text(request, "serialNumber")
        if user and serial:
            left.devices.setdefault((user, serial), []).append(event.id)
    elif name in _POLICIES:
        kind, key = _POLICIES[name]
        principal, policy = _ref(kind, request), _text(request, key)
        if principal and policy:
            left.policies.setdefault((principal, policy), []).append(event.id)
    elif name == "UpdateAssumeRolePolicy":
        _note(left.trusts, _ref("role", request), event)
    elif name == "RunInstances":
        for item in _inner(response, "instancesSet").get("items") or ():
            _note(left.instances, _text(item, "instanceId"), event)
    elif name in ("StopLogging", "DeleteTrail"):
        _note(left.trails, _text(request, "name"), event)
    elif not event.read_only:
        left.others.append(event)


def _note(into: dict[str, list[str]], what: str, event: CloudEvent) -> None:
    if what:
        into.setdefault(what, []).append(event.id)


def _text(row: Any, name: str) -> str:
    return str(row.get(name) or "") if isinstance(row, Mapping) else ""


def _inner(row: Any, name: str) -> Mapping[str, Any]:
    found = row.get(name) if isinstance(row, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _ref(kind: str, row: Any) -> str:
    name = _text(row, f"{kind}Name")
    return f"{kind}/{name}" if name else ""
