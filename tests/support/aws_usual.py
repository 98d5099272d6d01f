"""An account at the stand as a client's usually is: everything that a check might take for something else, and nothing wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.organizations.models import organizations_backends

from tests.support.aws_gaps import record
from tests.support.aws_planted import (
    ALL,
    HUB,
    LOGS,
    ORDINARY,
    VENDOR,
    age,
    bucket,
    function,
    lend,
    letting_in,
    opened,
    run,
    second_factor,
    shared_disks,
)
from tests.support.aws_stand import REGIONS, Account


def furnish(account: Account, master: Account, now: datetime) -> None:
    """Everything, older than any window. ``master``: the account that manages the organisation."""
    master.client("organizations").create_organization(FeatureSet="ALL")
    organizations_backends.master_accounts[account.id] = (master.id, "aws")
    _access(account, master, now - timedelta(days=200))
    _watch(account)
    _exposure(account)
    account.stand.gaps.events[account.id] += [
        record(name, now - timedelta(days=1, minutes=n), account=account.id, user="kim", agent="console.amazonaws.com")
        for n, name in enumerate(("ListUsers", "GetUser", "DescribeInstances", "ListBuckets", "CreateTags"))
    ]


def _access(account: Account, master: Account, old: datetime) -> None:
    iam = account.client("iam")
    wide = iam.create_policy(PolicyName="everything", PolicyDocument=json.dumps(ALL))["Policy"]["Arn"]
    iam.create_group(GroupName="admins")
    iam.attach_group_policy(GroupName="admins", PolicyArn=wide)
    for name in ("kim", "deploy"):
        iam.create_user(UserName=name)
    iam.add_user_to_group(GroupName="admins", UserName="kim")
    iam.create_login_profile(UserName="kim", Password="Own-passw0rd!x")
    second_factor(account, "kim")
    iam.create_access_key(UserName="deploy")
    age(account, "kim", old)
    age(account, "deploy", old, old)
    trusts: dict[str, str] = {
        "Msp": letting_in(f"arn:aws:iam::{HUB}:root", StringEquals={"sts:ExternalId": "tn-x"}),
        "OrganizationAccountAccessRole": letting_in(f"arn:aws:iam::{master.id}:root"),
        "Vendor": letting_in(f"arn:aws:iam::{VENDOR}:root", StringEquals={"sts:ExternalId": "x"}),
        "Inside": letting_in(f"arn:aws:iam::{account.id}:root"),
    }
    for name, trust in trusts.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="OrganizationAccountAccessRole", PolicyArn=wide)
    iam.create_service_linked_role(AWSServiceName="guardduty.amazonaws.com")
    iam.create_saml_provider(
        Name="AWSSSO_0123456789abcdef_DO_NOT_DELETE", SAMLMetadataDocument="<md>" + "x" * 1000 + "</md>"
    )


def _watch(account: Account) -> None:
    s3, trails = account.client("s3"), account.client("cloudtrail")
    files = bucket(account, "trail")
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 365}}
    s3.put_bucket_lifecycle_configuration(Bucket=files, LifecycleConfiguration={"Rules": [rule]})
    trails.create_trail(Name="all", S3BucketName=files, IsMultiRegionTrail=True)
    trails.start_logging(Name="all")
    for region in REGIONS:
        account.client("guardduty", region).create_detector(Enable=True)
        account.client("securityhub", region).enable_security_hub()
        config = account.client("config", region)
        config.put_configuration_recorder(
            ConfigurationRecorder={"name": "default", "roleARN": f"arn:aws:iam::{account.id}:role/c"}
        )
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": files})
        config.start_configuration_recorder(ConfigurationRecorderName="default")
    ec2 = account.client("ec2")
    ec2.create_flow_logs(
        ResourceIds=[ec2.describe_vpcs()["Vpcs"][0]["VpcId"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{files}",
    )


def _exposure(account: Account) -> None:
    run(account, REGIONS[0], ORDINARY)
    opened(account, "web", 443)
    shared_disks(account, LOGS)
    site: Any = bucket(account, "site", "s3:GetObject")
    account.client("s3").put_bucket_versioning(Bucket=site, VersioningConfiguration={"Status": "Enabled"})
    bucket(account, "lb", "s3:PutObject", principal={"AWS": "arn:aws:iam::054676820928:root"})
    account.client("kms").create_key()
    function(account, "api")
    lend(account, "api", "580247275435")
    account.client("lambda").add_permission(
        FunctionName="api",
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )


def long_after() -> datetime:
    """When all of it is old."""
    return datetime.now(UTC) + timedelta(days=60)
