"""What an AWS call is about: the machine that a session opens, what is deleted by its name, whose key encrypts. Part of
:mod:`tenantry.sweep.logs.aws_meaning`, whose table says what each field of the view holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tenantry.sweep.logs.values import as_list, inner, strings, text

__all__ = ["TARGETS"]

_KEY: Final = re.compile(r"arn:aws[\w-]*:kms:[\w-]+:(\d{12}):")
_LONGEST: Final = 2000


def _machine(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    del view
    machine = text(parameters.get("target") or parameters.get("instanceId"))
    return {"machine": machine} if machine else {}


def _about(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """The names in the parameters; calls of this kind have no others."""
    del view
    return {"about": " ".join(strings(parameters))[:_LONGEST]}


def _foreign_key(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """Keys are named by ARN where they are another account's: an id or alias is the caller's own."""
    given = [
        parameters.get("kmsKeyId"),
        parameters.get("x-amz-server-side-encryption-aws-kms-key-id"),
        inner(parameters, "ModifyEbsDefaultKmsKeyIdRequest", "KmsKeyId"),
        *strings(parameters.get("ServerSideEncryptionConfiguration")),
    ]
    owners = {found[1] for one in given if (found := _KEY.match(text(one)))} - {text(view["account"])}
    return {"foreign_key": sorted(owners)} if owners else {}


def _replicated(parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    rules = as_list(inner(parameters, "ReplicationConfiguration", "Rule"))
    owners = {text(inner(rule, "Destination", "Account")) for rule in rules if isinstance(rule, Mapping)}
    owners -= {"", text(view["account"])}
    return {"outside": sorted(owners)} if owners else {}


TARGETS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]]] = {
    **dict.fromkeys(("StartSession", "SendSSHPublicKey", "SendSerialConsoleSSHPublicKey"), _machine),
    **dict.fromkeys(
        (
            "DisableRule",
            "DeleteRule",
            "RemoveTargets",
            "DeleteAlarms",
            "DisableAlarmActions",
            "DeleteTopic",
            "DeleteMetricFilter",
            "DeleteSubscriptionFilter",
            "DeleteLogGroup",
            "DeleteLogStream",
            "DeleteBucket",
            "DeleteDeliveryStream",
        ),
        _about,
    ),
    **dict.fromkeys(
        (
            "CreateVolume",
            "CopySnapshot",
            "CopyImage",
            "CopyDBSnapshot",
            "CopyDBClusterSnapshot",
            "RestoreDBInstanceFromDBSnapshot",
            "PutBucketEncryption",
            "CopyObject",
            "ModifyEbsDefaultKmsKeyId",
        ),
        _foreign_key,
    ),
    "PutBucketReplication": _replicated,
}
"""Operation → what is worked out of its parameters and the view."""
