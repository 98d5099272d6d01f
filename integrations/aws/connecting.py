"""The role by which a client lets us into their account: who may assume it, under which external id, and what it may do.

Sources (docs.aws.amazon.com):
    /IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html           the external id, one for each client, made by us
    /IAM/latest/UserGuide/reference_policies_condition-keys.html               aws:MultiFactorAuthPresent
    /AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html             the template
    /general/latest/gr/rande.html                                              addresses of services in regions

The external id is no secret to AWS (it stands in the client's template), and has to be one that nobody guesses.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any, Final

from integrations.aws.actions import least_policy
from integrations.aws.settings import HubSettings, Settings
from tenantry.providers import Endpoint

__all__ = ["ROLE", "addresses", "new_external_id", "permissions", "role_lines", "template", "trust"]

ROLE: Final = "TenantryResponse"
"""The role's name unless another is asked for."""
_REGIONAL: Final = {
    "backup": "AWS Backup",
    "cloudtrail": "CloudTrail",
    "config": "Config",
    "ec2": "EC2",
    "guardduty": "GuardDuty",
    "kms": "KMS",
    "lambda": "Lambda",
    "rds": "RDS",
    "rolesanywhere": "IAM Roles Anywhere",
    "route53resolver": "Route 53 Resolver",
    "s3": "S3",
    "securityhub": "Security Hub",
    "sts": "sign-in",
}
_GLOBAL: Final = {"iam": "IAM", "organizations": "Organizations", "route53": "Route 53"}


def new_external_id() -> str:
    """128 random bits."""
    return f"tn-{secrets.token_hex(16)}"


def trust(hub: str, settings: Settings, *, second_factor: bool) -> dict[str, Any]:
    """The trust policy.

    Args:
        hub: resource name of the MSP's user or role that assumes it, and of nothing else: never a whole account.
        second_factor: only sessions of that user that were begun with its second factor. A role of the hub's carries none.
    """
    conditions: dict[str, Any] = {"StringEquals": {"sts:ExternalId": settings.external_id}}
    if second_factor:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TenantryHub",
                "Effect": "Allow",
                "Principal": {"AWS": hub},
                "Action": "sts:AssumeRole",
                "Condition": conditions,
            }
        ],
    }


def permissions(settings: Settings, names: Iterable[str]) -> dict[str, Any]:
    """What the role may do: these actions, and ask what it may itself."""
    return least_policy(names, settings.role_arn)


def template(hub: str, settings: Settings, names: Iterable[str], *, second_factor: bool) -> str:
    """A CloudFormation template, JSON, that makes the role and says its name."""
    path, _, name = f"/{settings.role.lstrip('/')}".rpartition("/")
    made = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role by which the MSP answers incidents in this account. Delete the stack to end it at once.",
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": name,
                    "Path": f"{path}/",
                    "MaxSessionDuration": max(3600, settings.session_seconds),
                    "AssumeRolePolicyDocument": trust(hub, settings, second_factor=second_factor),
                    "Policies": [{"PolicyName": "Tenantry", "PolicyDocument": permissions(settings, names)}],
                },
            }
        },
        "Outputs": {"Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }
    return json.dumps(made, indent=2) + "\n"


def role_lines(settings: Settings, file: str, stack: str = "Tenantry") -> str:
    """Lines for the client's administrator, in the AWS command line; the console's CloudFormation page does the same."""
    return (
        "aws sts get-caller-identity --query Account        # must say " + settings.account + "\n"
        f"aws cloudformation deploy --stack-name {stack} --template-file {file} --capabilities CAPABILITY_NAMED_IAM "
        f"--region {settings.regions[0]}\n"
    )


def addresses(settings: Settings, hub: HubSettings) -> tuple[Endpoint, ...]:
    """Every address that a run may connect to. Buckets are names below those of S3."""
    from integrations.aws.session import isolated

    session = isolated(None)
    regions = list(settings.regions)
    wanted = [(service, region, what) for service, what in _REGIONAL.items() for region in regions]
    wanted += [(service, regions[0], what) for service, what in _GLOBAL.items()]
    if hub.region is not None and hub.region not in regions:
        wanted.append(("sts", hub.region, _REGIONAL["sts"]))
    found: dict[str, Endpoint] = {}
    for service, region, what in wanted:
        client = session.create_client(service, region_name=region)
        made = Endpoint.of(client.meta.endpoint_url, what)
        client.close()
        found.setdefault(made.host, made)
        if service == "s3":
            found.setdefault(f"*.{made.host}", Endpoint(f"*.{made.host}", 443, "S3, one name a bucket"))
    return tuple(found.values())
