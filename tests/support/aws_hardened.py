"""An account at the stand that is set up against mishaps: what `cloud_hardening` reads, as it should be, and one of everything that the
baseline for accounts is about."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tests.support.aws_planted import HUB, LOGS, ORDINARY, bucket, function, letting_in, opened, run, shared_disks
from tests.support.aws_stand import ELSEWHERE, REGIONS, Account

__all__ = ["database", "found", "furnish_soundly", "harden", "neglect"]


def harden(account: Account) -> None:
    """Rules for passwords, a good database; in every region enciphered disks, flow logs, and empty default groups."""
    account.client("iam").update_account_password_policy(MinimumPasswordLength=14, PasswordReusePrevention=24)
    files = flows(account)
    for region in (*REGIONS, ELSEWHERE):
        ec2 = account.client("ec2", region)
        ec2.enable_ebs_encryption_by_default()
        for network in ec2.describe_vpcs()["Vpcs"]:
            ec2.create_flow_logs(
                ResourceIds=[network["VpcId"]],
                ResourceType="VPC",
                TrafficType="ALL",
                LogDestinationType="s3",
                LogDestination=f"arn:aws:s3:::{files}",
            )
        named = [{"Name": "group-name", "Values": ["default"]}]
        for group in ec2.describe_security_groups(Filters=named)["SecurityGroups"]:
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
            if group["IpPermissions"]:
                ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    database(account, "good", good=True)


def furnish_soundly(account: Account, now: datetime) -> None:
    """One of everything that a policy of the baseline is about, as it demands it. ``now``: of the sweep."""
    iam, kms = account.client("iam"), account.client("kms")
    iam.create_user(UserName="deploy")
    iam.create_access_key(UserName="deploy")
    trust = letting_in(f"arn:aws:iam::{HUB}:root", StringEquals={"sts:ExternalId": "tn-x"})
    iam.create_role(RoleName="Msp", AssumeRolePolicyDocument=trust)
    iam.create_saml_provider(Name="people", SAMLMetadataDocument="<md>" + "x" * 1000 + "</md>")
    old = (now - timedelta(days=300)).isoformat()
    authority = {"name": "devices", "enabled": True, "source": {"sourceType": "AWS_ACM_PCA"}}
    account.stand.gaps.access.anchors[account.id, REGIONS[0]] = [
        {"trustAnchorArn": f"arn:aws:rolesanywhere:{REGIONS[0]}:{account.id}:trust-anchor/1", "trustAnchorId": "1"}
        | {**authority, "createdAt": old, "updatedAt": old}
    ]
    kms.enable_key_rotation(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    account.client("ec2").modify_instance_metadata_options(
        InstanceId=run(account, REGIONS[0], ORDINARY), HttpTokens="required"
    )
    function(account, "inside")
    files = bucket(account, "trail")
    trails = account.client("cloudtrail")
    trails.create_trail(Name="all", S3BucketName=files, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    objects = {"ReadWriteType": "All", "IncludeManagementEvents": True}
    objects["DataResources"] = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
    trails.put_event_selectors(TrailName="all", EventSelectors=[objects])
    trails.start_logging(Name="all")
    _watch(account, files)
    shared_disks(account, LOGS)
    rds = account.client("rds")
    for name in (row["DBInstanceIdentifier"] for row in rds.describe_db_instances()["DBInstances"]):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)  # whose snapshot was shared
    account.stand.gaps.detections[account.id, REGIONS[0]] = [found(account, now, archived=True)]
    harden(account)
    _guard(account)


def _watch(account: Account, files: str) -> None:
    for region in (*REGIONS, ELSEWHERE):
        account.client("guardduty", region).create_detector(Enable=True)
        account.client("securityhub", region).enable_security_hub()
        config = account.client("config", region)
        recorded = {"allSupported": True, "includeGlobalResourceTypes": True}
        config.put_configuration_recorder(
            ConfigurationRecorder={
                "name": "default",
                "roleARN": f"arn:aws:iam::{account.id}:role/c",
                "recordingGroup": recorded,
            }
        )
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": files})
        config.start_configuration_recorder(ConfigurationRecorderName="default")


def _guard(account: Account) -> None:
    s3 = account.client("s3")
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    for name in (row["Name"] for row in s3.list_buckets()["Buckets"]):
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=closed)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        by = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        resources = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        plain = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources}
        plain["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [plain]}))
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [by]})


def neglect(account: Account, now: datetime) -> None:
    """What an intruder has no part in: databases and wide openings to everybody, keys that are not rotated, a finding that nobody dealt with."""
    database(account, "careless", good=False)
    account.client("kms").create_key()
    opened(account, "databases", 5432)
    wide = opened(account, "wide", 8000)
    account.client("ec2").authorize_security_group_ingress(
        GroupId=wide, IpProtocol="tcp", FromPort=20000, ToPort=30000, CidrIp="0.0.0.0/0"
    )
    account.stand.gaps.detections[account.id, REGIONS[0]] = [found(account, now, archived=False)]


def found(account: Account, now: datetime, *, archived: bool) -> dict[str, Any]:
    """What a detector of GuardDuty found the day before."""
    at = (now - timedelta(days=1)).isoformat()
    return {
        "id": "f1",
        "accountId": account.id,
        "region": REGIONS[0],
        "title": "An address that is known for attacks was spoken to",
        "type": "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom",
        "severity": 5.0,
        "createdAt": at,
        "updatedAt": at,
        "resource": {},
        "service": {"archived": archived, "count": 1},
    }


def flows(account: Account) -> str:
    """A bucket for flow logs."""
    name = f"flows-{account.id}"
    account.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    return name


def database(account: Account, name: str, *, good: bool) -> None:
    """One that the vendor runs, made well or carelessly."""
    account.client("rds", REGIONS[0]).create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        MasterUsername="app",
        MasterUserPassword="canary-passw0rd",
        AllocatedStorage=10,
        StorageEncrypted=good,
        PubliclyAccessible=not good,
        BackupRetentionPeriod=14 if good else 0,
        AutoMinorVersionUpgrade=good,
        DeletionProtection=good,
    )
