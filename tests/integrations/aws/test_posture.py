"""The capabilities that only read, for the sweep, against their conformance suites, on moto and our stand-ins; with exactly the actions
that they declare."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from integrations.aws.actions import ACTIONS, action_of, least_policy
from integrations.aws.provider import AwsHandle
from integrations.aws.watch import _advanced
from tenantry.errors import PermissionMissing, VendorFault
from tests.conformance.cloud_access import CloudAccessConformance, CloudAccessWorld
from tests.conformance.cloud_exposure import CloudExposureConformance, CloudExposureWorld
from tests.conformance.cloud_hardening import CloudHardeningConformance, CloudHardeningWorld
from tests.conformance.cloud_watch import CloudWatchConformance, CloudWatchWorld
from tests.support.aws_access_gaps import Root
from tests.support.aws_gaps import Reply, record
from tests.support.aws_hardened import database, harden
from tests.support.aws_planted import ALL, ELSEWHERE, STRANGER, function, lend, shared_disks
from tests.support.aws_stand import REGIONS, Account, AwsStand

_KEYS: dict[str, dict[str, Any]] = {
    "rotating": {},
    "standing": {},
    "off": {},
    "asymmetric": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
    "brought": {"Origin": "EXTERNAL"},
}
_KEPT: dict[str, tuple[Account, dict[str, Any]]] = {}
"""Capability → an account that was filled once, and what the suite is told of it: the capabilities only read."""


@pytest.fixture
def account(aws: AwsStand, request: pytest.FixtureRequest) -> Account:
    capability = getattr(request.node.cls, "capability", None)
    if capability is None:
        return aws.new_account()
    if capability not in _KEPT:
        made = aws.new_account()
        _KEPT[capability] = (made, request.node.cls.fill(made))
    return _KEPT[capability][0]


@pytest.fixture(autouse=True)
def declared(account: Account, handle: AwsHandle, request: pytest.FixtureRequest) -> Iterator[None]:
    """As in `test_conformance.py`: what is called is declared, and what is declared is all that the role may."""
    asked: set[tuple[str, str]] = set()
    make = handle._sessions.client

    def client(service: str, region: str, config: Any) -> Any:
        made = make(service, region, config)
        made.meta.events.register("before-call", lambda model, **_: asked.add((service, model.name)))
        return made

    handle._sessions.client = client  # type: ignore[method-assign]
    capability = getattr(request.node.cls, "capability", None)
    every = {action for actions in ACTIONS.get(capability or "", {}).values() for action in actions}
    if capability:
        account.grant(least_policy(every))
    yield
    undeclared = {action for call in asked for action in action_of(*call)} - every
    assert not capability or not undeclared, f"{capability} calls what it does not declare: {undeclared}"


class TestAccess(CloudAccessConformance):
    capability = "cloud_access"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudAccessWorld:
        return CloudAccessWorld(provider=handle.capability(self.capability), **_KEPT[self.capability][1])

    @staticmethod
    def fill(account: Account) -> dict[str, Any]:
        iam = account.client("iam")
        for name in ("alice", "boss"):
            iam.create_user(UserName=name)
        key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
        iam.create_login_profile(UserName="alice", Password="Old-passw0rd!x")
        serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="alice")["VirtualMFADevice"]["SerialNumber"]
        iam.enable_mfa_device(
            UserName="alice", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
        )
        everything = iam.create_policy(PolicyName="everything", PolicyDocument=json.dumps(ALL))["Policy"]["Arn"]
        iam.create_group(GroupName="admins")
        iam.attach_group_policy(GroupName="admins", PolicyArn=everything)
        iam.add_user_to_group(GroupName="admins", UserName="boss")
        read = iam.create_policy(
            PolicyName="read",
            PolicyDocument=json.dumps(ALL | {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}),
        )["Policy"]["Arn"]
        trust = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "sts:AssumeRole"}
            ]
        }
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust))
        iam.create_role(
            RoleName="bounded", AssumeRolePolicyDocument=json.dumps({"Statement": []}), PermissionsBoundary=read
        )
        iam.attach_role_policy(RoleName="bounded", PolicyArn=everything)
        iam.put_role_policy(RoleName="app", PolicyName="all", PolicyDocument=json.dumps(ALL))
        iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
        iam.create_open_id_connect_provider(
            Url="https://token.actions.githubusercontent.com",
            ClientIDList=["sts.amazonaws.com"],
            ThumbprintList=["0" * 40],
        )
        access = account.stand.gaps.access
        access.roots[account.id] = Root(mfa=False, keys=1, password_used_at=datetime.now(UTC))
        arn = f"arn:aws:rolesanywhere:{REGIONS[0]}:{account.id}:trust-anchor/00000000-0000-0000-0000-000000000001"
        access.anchors[account.id, REGIONS[0]] = [
            {
                "trustAnchorArn": arn,
                "trustAnchorId": "00000000-0000-0000-0000-000000000001",
                "name": "theirs",
                "enabled": True,
                "source": {"sourceType": "CERTIFICATE_BUNDLE", "sourceData": {"x509CertificateData": "…"}},
                "createdAt": "2026-11-20T10:00:00Z",
                "updatedAt": "2026-11-20T10:00:00Z",
            }
        ]
        return dict(  # noqa: C408  # named as the suite names them
            account=account.id,
            user="user/alice",
            key=key,
            administrator="user/boss",
            group="group/admins",
            bounded="role/bounded",
            role="role/app",
            stranger=STRANGER,
            service_role="role/AWSServiceRoleForAutoScaling",
            own_role=f"role/{account.role}",
            issuer="token.actions.githubusercontent.com",
            anchor=arn,
        )

    async def test_a_user_that_the_report_does_not_know_yet_is_asked_about(
        self, world: CloudAccessWorld, account: Account
    ) -> None:
        assert [found async for found in world.provider.users()]
        iam = account.client("iam")
        iam.create_user(UserName="late")
        iam.create_login_profile(UserName="late", Password="Old-passw0rd!x")
        late = next(iter([found async for found in world.provider.users() if found.ref == "user/late"]))
        assert (late.password, late.mfa, late.keys) == (True, False, ())

    async def test_a_report_without_root_is_not_whole(self, world: CloudAccessWorld, account: Account) -> None:
        content = base64.b64encode(b"user,arn,password_enabled,mfa_active,access_key_1_active\n").decode()
        text = (
            f"<GetCredentialReportResponse><GetCredentialReportResult><Content>{content}</Content>"
            "<GeneratedTime>2026-11-22T00:00:00Z</GeneratedTime></GetCredentialReportResult></GetCredentialReportResponse>"
        )
        account.stand.fault("iam", "GetCredentialReport", Reply(200, text.encode()))
        with pytest.raises(VendorFault):
            await world.provider.root()


class TestWatch(CloudWatchConformance):
    capability = "cloud_watch"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudWatchWorld:
        return CloudWatchWorld(provider=handle.capability(self.capability), **_KEPT[self.capability][1])

    @staticmethod
    def fill(account: Account) -> dict[str, Any]:
        s3, trails = account.client("s3"), account.client("cloudtrail")
        made = {}
        for name in ("whole", "narrow"):
            bucket = f"{name}-{account.id}"
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
            made[name] = trails.create_trail(
                Name=name, S3BucketName=bucket, IsMultiRegionTrail=name == "whole", S3KeyPrefix="log"
            )["TrailARN"]
        trails.start_logging(Name="whole")
        trails.put_event_selectors(
            TrailName="narrow",
            EventSelectors=[
                {
                    "ReadWriteType": "WriteOnly",
                    "IncludeManagementEvents": True,
                    "ExcludeManagementEventSources": ["kms.amazonaws.com"],
                    "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
                }
            ],
        )
        rules = [
            {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "log/"}, "Expiration": {"Days": 3}},
            {"ID": "other", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}},
        ]
        s3.put_bucket_lifecycle_configuration(Bucket=f"narrow-{account.id}", LifecycleConfiguration={"Rules": rules})
        config = account.client("config")
        config.put_configuration_recorder(
            ConfigurationRecorder={
                "name": "default",
                "roleARN": f"arn:aws:iam::{account.id}:role/config",
                "recordingGroup": {"allSupported": True},
            }
        )
        ec2 = account.client("ec2")
        network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        flow = ec2.create_flow_logs(
            ResourceIds=[network],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::whole-{account.id}",
        )["FlowLogIds"][0]
        names = account.client("route53resolver").create_resolver_query_log_config(
            Name="names", DestinationArn=f"arn:aws:s3:::whole-{account.id}", CreatorRequestId="1"
        )["ResolverQueryLogConfig"]["Id"]
        return dict(  # noqa: C408  # named as the suite names them
            whole=made["whole"],
            narrow=made["narrow"],
            excluded="kms.amazonaws.com",
            region=REGIONS[0],
            flow=flow,
            network=network,
            names=names,
        )


class TestExposure(CloudExposureConformance):
    capability = "cloud_exposure"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudExposureWorld:
        told = _KEPT[self.capability][1]
        denied = Reply(403, b"<Error><Code>AccessDenied</Code><Message>canary-vendor-text</Message></Error>")
        account.stand.fault("s3", f"GET /{told['refusing']}", denied, times=10**6)
        return CloudExposureWorld(provider=handle.capability(self.capability), **told)

    @staticmethod
    def fill(account: Account) -> dict[str, Any]:
        stand = account.stand
        script = "#!/bin/bash\necho canary-start-script\n"
        ec2 = account.client("ec2", ELSEWHERE)
        machine = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData=script)["Instances"][0]
        here = account.client("ec2")
        groups = {}
        for name, cidr in (("open", "0.0.0.0/0"), ("closed", "198.51.100.0/24")):
            groups[name] = here.create_security_group(GroupName=name, Description=name)["GroupId"]
            here.authorize_security_group_ingress(
                GroupId=groups[name], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=cidr
            )
        disks = shared_disks(account, STRANGER)
        s3 = account.client("s3")
        names = {name: f"{name}-{account.id}" for name in ("public", "refusing", "elsewhere")}
        for name in ("public", "refusing"):
            s3.create_bucket(Bucket=names[name], CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
        account.client("s3", "us-east-1").create_bucket(Bucket=names["elsewhere"])
        s3.put_bucket_acl(Bucket=names["public"], ACL="public-read")
        s3.put_bucket_versioning(Bucket=names["public"], VersioningConfiguration={"Status": "Suspended"})
        policy = {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"},
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{names['public']}/*",
                }
            ]
        }
        s3.put_bucket_policy(Bucket=names["public"], Policy=json.dumps(policy))
        rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
        s3.put_bucket_lifecycle_configuration(Bucket=names["public"], LifecycleConfiguration={"Rules": [rule]})
        function(account, "fn")
        layer = lend(account, "fn", STRANGER)
        functions = account.client("lambda")
        functions.add_permission(
            FunctionName="fn", StatementId="theirs", Action="lambda:InvokeFunction", Principal=STRANGER
        )
        stand.gaps.access.consoles.add((account.id, ELSEWHERE))
        return dict(  # noqa: C408  # named as the suite names them
            account=account.id,
            machine=machine["InstanceId"],
            region=ELSEWHERE,
            script=script,
            open_=groups["open"],
            closed=groups["closed"],
            stranger=STRANGER,
            disks=disks,
            public=names["public"],
            refusing=names["refusing"],
            elsewhere=names["elsewhere"],
            function="fn",
            layer=layer,
        )


class TestHardening(CloudHardeningConformance):
    capability = "cloud_hardening"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudHardeningWorld:
        return CloudHardeningWorld(provider=handle.capability(self.capability), **_KEPT[self.capability][1])

    @staticmethod
    def fill(account: Account) -> dict[str, Any]:
        harden(account)
        ec2, kms = account.client("ec2"), account.client("kms")
        database(account, "bad", good=False)
        account.client("ec2", REGIONS[1]).disable_ebs_encryption_by_default()
        keys = {kind: kms.create_key(**kind_of)["KeyMetadata"]["KeyId"] for kind, kind_of in _KEYS.items()}
        kms.enable_key_rotation(KeyId=keys["rotating"])
        kms.disable_key(KeyId=keys["off"])
        logged = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        return dict(  # noqa: C408  # named as the suite names them
            account=account.id,
            enciphering=REGIONS[0],
            plain=REGIONS[1],
            good="good",
            bad="bad",
            rotating=keys["rotating"],
            standing=keys["standing"],
            logged=logged,
            unlogged=ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"],
        )

    async def test_an_account_without_rules(self, aws: AwsStand) -> None:
        handle = await aws.new_account().open()
        found = await handle.capability(self.capability).password_rules()
        assert (found.set_, found.shortest, found.remembered) == (False, None, None)
        await handle.aclose()


class TestDisks:
    """As few requests as there can be: what cannot be shared is not asked about."""

    async def test_snapshots_under_the_vendors_own_key_are_not_asked_about(
        self, aws: AwsStand, account: Account, handle: AwsHandle
    ) -> None:
        ec2, made = account.client("ec2"), {}
        for encrypted in (True, False):
            volume = ec2.create_volume(AvailabilityZone=f"{REGIONS[0]}a", Size=1, Encrypted=encrypted)["VolumeId"]
            made[encrypted] = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        # moto does not say under which key a snapshot is encrypted.
        vendors = account.client("kms").describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["Arn"]
        ec2_backends[account.id][REGIONS[0]].snapshots[made[True]].kms_key_id = vendors
        aws.calls.clear()
        found = {disk.id async for disk in handle.capability("cloud_exposure").disks()}
        assert made[False] in found
        assert made[True] not in found
        assert aws.made(account.id)["ec2", "DescribeSnapshotAttribute"] == 1


class TestRegions:
    """Of the log too: a region that may not be read keeps no other from being read."""

    async def test_a_region_that_may_not_be_read_is_said_when_the_others_were(
        self, account: Account, handle: AwsHandle
    ) -> None:
        events = handle.capability("cloud_logs").events
        now = datetime.now(UTC)
        account.stand.gaps.events[account.id] += [record("ListUsers", now, region=ELSEWHERE, account=account.id)]
        denied = Reply.json_error(400, "AccessDeniedException")
        account.stand.fault("cloudtrail", "LookupEvents", denied)
        found = []

        async def read() -> None:
            async for one in events(now - timedelta(hours=1), now + timedelta(hours=1)):
                found.append(one.region)

        with pytest.raises(PermissionMissing) as caught:
            await read()
        assert found == [ELSEWHERE]
        assert REGIONS[0] in caught.value.message


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"eventCategory": ["Management"]}, (True, True, (), False)),
        ({"eventCategory": ["Management"], "readOnly": ["true"]}, (True, False, (), False)),
        ({"eventCategory": ["Management"], "readOnly": ["false"]}, (False, True, (), False)),
        ({"eventCategory": ["Management"], "eventName": ["CreateUser"]}, (True, True, ("*",), False)),
        ({"eventCategory": ["Data"], "resources.type": ["AWS::S3::Object"]}, (False, False, (), True)),
        (
            {"eventCategory": ["Data"], "resources.type": ["AWS::S3::Object"], "readOnly": ["true"]},
            (False,) * 2 + ((), False),
        ),
        ({"eventCategory": ["Data"], "resources.type": ["AWS::Lambda::Function"]}, (False, False, (), False)),
    ],
)
def test_advanced_selectors(fields: dict[str, list[str]], said: tuple[Any, ...]) -> None:
    row = {"FieldSelectors": [{"Field": name, "Equals": values} for name, values in fields.items()]}
    found = _advanced([row])
    assert (found.reads, found.writes, found.excluded, found.objects) == said
