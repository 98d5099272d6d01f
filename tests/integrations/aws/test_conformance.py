"""Every capability of AWS against its conformance suite, on moto and our stand-ins (`tests/support/aws_stand.py` says which call runs on
what); and every call made is one whose IAM action is declared."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.backup.models import backup_backends

from integrations.aws.actions import ACTIONS, action_of, least_policy
from integrations.aws.provider import AwsHandle
from tasks.backup.restore_point import RestorePoint
from tasks.backup.verify_restore import VerifyRestore
from tenantry.capabilities import BackupJob, MadeAgain, RestoreTarget
from tenantry.errors import InDoubt, PermissionMissing, Rejected, TargetNotFound, VendorFault
from tests.conformance.backup import BackupConformance, BackupWorld
from tests.conformance.cloud import CloudConformance, CloudWorld
from tests.conformance.cloud_identity import CloudIdentityConformance, CloudIdentityWorld
from tests.conformance.cloud_logs import CloudLogsConformance, CloudLogsWorld
from tests.conformance.cloud_machines import CloudMachinesConformance, CloudMachinesWorld
from tests.conformance.dns import DnsConformance, DnsWorld
from tests.conformance.findings import FindingsConformance, FindingsWorld
from tests.conformance.security_alerts import SecurityAlertsConformance, SecurityAlertsWorld
from tests.conformance.storage import StorageConformance, StorageWorld
from tests.support.aws_gaps import Reply, record
from tests.support.aws_stand import ELSEWHERE, REGIONS, Account, AwsStand
from tests.support.effects import drive
from tests.support.fakes import FakeTenant
from tests.support.incident import read

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


@pytest.fixture(autouse=True)
def declared(account: Account, handle: AwsHandle, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that called something whose action the capability does not declare; and the role may do what it declares and nothing else, which
    the counterpart enforces."""
    asked: set[tuple[str, str]] = set()
    sessions = handle._sessions
    make = sessions.client

    def client(service: str, region: str, config: Any) -> Any:
        made = make(service, region, config)
        made.meta.events.register("before-call", lambda model, **_: asked.add((service, model.name)))
        return made

    sessions.client = client  # type: ignore[method-assign]
    capability = request.node.cls.capability
    every = {action for actions in ACTIONS[capability].values() for action in actions}
    account.grant(least_policy(every))
    yield
    undeclared = {action for call in asked for action in action_of(*call)} - every
    assert not undeclared, f"{capability} calls what it does not declare: {undeclared}"


class TestIdentity(CloudIdentityConformance):
    capability = "cloud_identity"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudIdentityWorld:
        iam = account.client("iam")
        for name in ("alice", "bob", "root-like"):
            iam.create_user(UserName=name)
        key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
        iam.create_login_profile(UserName="alice", Password="Old-passw0rd!x")
        serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="alice")["VirtualMFADevice"]["SerialNumber"]
        iam.enable_mfa_device(
            UserName="alice", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
        )
        iam.put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=json.dumps(ALLOW))
        attached = iam.create_policy(PolicyName="shared", PolicyDocument=json.dumps(ALLOW))["Policy"]["Arn"]
        iam.attach_user_policy(UserName="alice", PolicyArn=attached)
        iam.create_group(GroupName="devs")
        iam.add_user_to_group(GroupName="devs", UserName="alice")
        wide = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        iam.put_user_policy(UserName="root-like", PolicyName="all", PolicyDocument=json.dumps(wide))
        iam.create_access_key(UserName="root-like")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust))
        return CloudIdentityWorld(
            provider=handle.capability("cloud_identity"),
            account=account.id,
            user="user/alice",
            other="user/bob",
            role="role/app",
            key=key,
            mfa=serial,
            inline="own",
            attached=attached,
            group="group/devs",
            admin="user/root-like",
            tells_change=False,
        )


class TestCloud(CloudConformance):
    capability = "cloud"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudWorld:
        made = []
        for region in REGIONS:
            ec2 = account.client("ec2", region)
            image = "ami-12c6146b"
            made.append(ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"])
        bucket = f"files-{account.id}"
        location = {"LocationConstraint": REGIONS[0]}
        account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        kms = account.client("kms")
        key, doomed = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
        kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
        vault = account.client("backup").create_backup_vault(BackupVaultName="Default")["BackupVaultArn"]
        return CloudWorld(
            vault=vault,
            provider=handle.capability("cloud"),
            instance=made[0],
            region=REGIONS[0],
            elsewhere=made[1],
            bucket=bucket,
            key=key,
            doomed_key=doomed,
        )

    async def test_a_vaults_lock_that_may_be_taken_away_is_no_lock(self, world: CloudWorld, account: Account) -> None:
        async def shown() -> tuple[bool, bool]:
            (vault,) = [one async for one in world.provider.backup_vaults()]
            return vault.locked, vault.lock_removable

        backup = account.client("backup")
        assert await shown() == (False, False)
        backup.put_backup_vault_lock_configuration(BackupVaultName="Default", MinRetentionDays=7)
        assert await shown() == (False, True), "governance mode"
        backup.put_backup_vault_lock_configuration(BackupVaultName="Default", MinRetentionDays=7, ChangeableForDays=3)
        assert await shown() == (False, True), "for three days more"
        backup_backends[account.id][REGIONS[0]].vaults["Default"].lock_date = time.time() - 60
        assert await shown() == (True, False)


class TestStorage(StorageConformance):
    capability = "storage"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> StorageWorld:
        s3 = account.client("s3")
        location = {"LocationConstraint": REGIONS[0]}
        plain, locked = f"plain-{account.id}", f"locked-{account.id}"
        s3.create_bucket(Bucket=plain, CreateBucketConfiguration=location)
        s3.create_bucket(Bucket=locked, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
        return StorageWorld(handle.capability("storage"), plain, locked)

    async def test_what_its_writer_encrypted_does_not_open(self, world: StorageWorld, account: Account) -> None:
        """moto takes any key for SSE-C and gives the object without it, so AWS's refusal is played."""
        await world.provider.write(world.plain, "sealed", b"1")
        refusal = Reply(400, b"<Error><Code>InvalidRequest</Code><Message>canary-vendor-text</Message></Error>")
        account.stand.fault("s3", "GET .*sealed", refusal)
        assert not await world.provider.opens(world.plain, "sealed")
        account.stand.fault("s3", "GET .*sealed", Reply(403, b"<Error><Code>AccessDenied</Code></Error>"))
        with pytest.raises(PermissionMissing):
            await world.provider.opens(world.plain, "sealed")


class TestDns(DnsConformance):
    capability = "dns"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> DnsWorld:
        route53 = account.client("route53")
        zone = route53.create_hosted_zone(Name="acme.example", CallerReference=account.id)["HostedZone"]["Id"]
        row = {"Name": "www.acme.example", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "192.0.2.10"}]}
        changes = [{"Action": "CREATE", "ResourceRecordSet": row}]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        return DnsWorld(handle.capability("dns"), zone.rsplit("/", 1)[-1], "acme.example.")


class TestMachines(CloudMachinesConformance):
    capability = "cloud_machines"

    @pytest.fixture
    def world(self, account: Account, handle: AwsHandle) -> CloudMachinesWorld:
        ec2 = account.client("ec2")
        zone = f"{REGIONS[0]}a"
        volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
        subnet = ec2.describe_subnets()["Subnets"][0]
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        return CloudMachinesWorld(
            provider=handle.capability("cloud_machines"),
            snapshot=ec2.create_snapshot(VolumeId=volume)["SnapshotId"],
            zone=zone,
            image="ami-12c6146b",
            subnet=subnet["SubnetId"],
            groups=[groups["SecurityGroups"][0]["GroupId"]],
        )

    @pytest.mark.parametrize("lost", ["CreateVolume", "RunInstances"])
    async def test_one_whose_answer_never_came_is_found_and_not_made_twice(
        self, world: CloudMachinesWorld, aws: AwsStand, lost: str
    ) -> None:
        async def make() -> MadeAgain:
            if lost == "CreateVolume":
                return await world.provider.create_volume(world.snapshot, world.zone, token="run-3")
            return await world.provider.create_instance(
                world.image, "t3.micro", world.subnet, world.groups, "", token="run-3"
            )

        before = aws.made()["ec2", lost]
        aws.fault("ec2", lost, None, after=True)
        with pytest.raises(InDoubt):
            await make()
        assert (await make()).id
        assert aws.made()["ec2", lost] == before + 1


class TestBackupOfDatabases(BackupConformance):
    """RDS, on moto."""

    capability = "backup"

    @pytest.fixture
    async def world(self, account: Account, handle: AwsHandle) -> BackupWorld:
        rds = account.client("rds")
        database = rds.create_db_instance(
            DBInstanceIdentifier="ledger",
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="admin",
            MasterUserPassword="not-a-secret-1",
            BackupRetentionPeriod=7,
        )["DBInstance"]["DBInstanceArn"]
        rds.create_db_snapshot(DBSnapshotIdentifier="nightly", DBInstanceIdentifier="ledger")

        async def finish(_: BackupJob) -> None:
            """moto is done at once."""

        return BackupWorld(
            provider=handle.capability("backup"),
            source=database,
            point=f"rds:{REGIONS[0]}:snapshot:nightly",
            target=RestoreTarget(name="ledger-restored"),
            finish=finish,
        )

    async def test_to_a_moment_and_away_again(self, world: BackupWorld) -> None:
        points = [p async for p in world.provider.points(world.source)]
        (continuous,) = [point for point in points if point.kind == "continuous"]
        assert continuous.latest is not None
        job = await world.provider.restore(continuous.id, world.target, token="run-9", at=continuous.latest)
        found = await world.provider.job_of("run-9")
        assert found is not None
        assert found.id == job.id
        await world.provider.remove_restored(job.id)
        await world.provider.remove_restored(job.id)
        assert await world.provider.job_of("run-9") is None

    async def test_a_replica_is_promoted_once_and_known_by_its_token(
        self, world: BackupWorld, aws: AwsStand, account: Account
    ) -> None:
        rds, provider = account.client("rds"), world.provider
        rds.create_db_instance_read_replica(
            DBInstanceIdentifier="follower", SourceDBInstanceIdentifier="ledger", DBInstanceClass="db.t3.micro"
        )
        (point,) = [p async for p in provider.points(world.source) if p.kind == "replica"]
        assert point.state == "available"
        aws.fault("rds", "PromoteReadReplica", None, after=True)
        with pytest.raises(InDoubt):
            await provider.promote(point.id, token="run-7")
        begun = await provider.job_of("run-7")
        assert begun is not None
        assert (begun.action, begun.state) == ("promote", "running")
        again = await provider.promote(point.id, token="run-7")
        assert (again.id, again.state) == (begun.id, "running"), "asked again it is the same"
        aws.gaps.promoted(account.id, REGIONS[0], "follower")
        done = await provider.job(begun.id)
        assert (done.state, bool(done.result)) == ("completed", True)
        assert (await provider.promote(point.id, token="run-7")).state == "completed"
        assert (await provider.verify(begun.id)).state == "unknown"
        with pytest.raises(Rejected):
            await provider.promote(point.id, token="another run's")
        assert aws.made()["rds", "PromoteReadReplica"] == 2
        for wrong in (f"rds:{REGIONS[0]}:snapshot:nightly", f"rds:{REGIONS[0]}:replica:ledger"):
            with pytest.raises(Rejected):
                await provider.promote(wrong, token="x")
        with pytest.raises(TargetNotFound):
            await provider.promote(f"rds:{REGIONS[0]}:replica:nobody", token="x")

    async def test_a_promotion_that_never_reached_the_vendor_is_none(
        self, world: BackupWorld, aws: AwsStand, account: Account
    ) -> None:
        account.client("rds").create_db_instance_read_replica(
            DBInstanceIdentifier="follower", SourceDBInstanceIdentifier="ledger", DBInstanceClass="db.t3.micro"
        )
        point = f"rds:{REGIONS[0]}:replica:follower"
        aws.fault("rds", "PromoteReadReplica", None)
        with pytest.raises(InDoubt):
            await world.provider.promote(point, token="run-8")
        assert await world.provider.job_of("run-8") is None
        assert (await world.provider.promote(point, token="run-8")).state == "running"

    async def test_a_restore_whose_answer_never_came_is_found_by_its_token(
        self, world: BackupWorld, aws: AwsStand
    ) -> None:
        points = [p async for p in world.provider.points(world.source)]
        (continuous,) = [point for point in points if point.kind == "continuous"]
        aws.fault("rds", "RestoreDBInstanceToPointInTime", None, after=True)
        with pytest.raises(InDoubt):
            await world.provider.restore(continuous.id, world.target, token="run-6")
        found = await world.provider.job_of("run-6")
        assert found is not None
        assert (await world.provider.restore(continuous.id, world.target, token="run-6")).id == found.id
        assert aws.made()["rds", "RestoreDBInstanceToPointInTime"] == 1
        late = datetime.now(UTC) + timedelta(days=1)
        with pytest.raises(Rejected):
            await world.provider.restore(continuous.id, world.target, token="run-5", at=late)


class TestBackupVaults(BackupConformance):
    """AWS Backup: vaults, their locks and tags at moto, points and jobs at the stand-in; what is made is a volume at moto."""

    capability = "backup"

    @pytest.fixture
    async def world(self, aws: AwsStand, account: Account, handle: AwsHandle) -> BackupWorld:
        ec2 = account.client("ec2")
        account.client("backup").create_backup_vault(BackupVaultName="Default")
        volume = f"arn:aws:ec2:{REGIONS[0]}:{account.id}:volume/vol-1"
        at = datetime.now(UTC) - timedelta(days=1)
        arn = aws.gaps.add_point(account.id, REGIONS[0], volume, "EBS", at)

        async def finish(job: BackupJob) -> None:
            id = job.id.rsplit(":", 1)[-1]
            if job.action == "backup":
                made = aws.gaps.add_point(account.id, REGIONS[0], volume, "EBS", datetime.now(UTC))
                aws.gaps.finish(id, RecoveryPointArn=made)
            else:
                name = ec2.create_volume(AvailabilityZone=f"{REGIONS[0]}a", Size=1)["VolumeId"]
                aws.gaps.finish(id, CreatedResourceArn=f"arn:aws:ec2:{REGIONS[0]}:{account.id}:volume/{name}")

        return BackupWorld(
            provider=handle.capability("backup"),
            source=volume,
            point=f"backup:{REGIONS[0]}:point:Default|{arn}",
            target=RestoreTarget(name="restored"),
            finish=finish,
        )

    async def test_what_was_made_is_looked_at(self, world: BackupWorld, account: Account) -> None:
        job = await world.provider.restore(world.point, world.target, token="run-2")
        assert (await world.provider.verify(job.id)).limits == "the job is running"
        await world.finish(job)
        seen = await world.provider.verify(job.id)
        assert (seen.state, seen.checked) == ("unknown", 1)
        assert seen.limits.startswith("It is there and available; ")
        made = (await world.provider.job(job.id)).result
        assert made is not None
        account.client("ec2").delete_volume(VolumeId=made.rsplit("/", 1)[-1])
        gone = await world.provider.verify(job.id)
        assert (gone.state, gone.differences) == ("failed", (f"{made} is not there (any more)",))

    @pytest.mark.parametrize("lost", ["PUT /restore-jobs", "POST /tags/"])
    async def test_killed_between_begin_and_mark_it_is_the_same_job(
        self, world: BackupWorld, aws: AwsStand, lost: str
    ) -> None:
        aws.fault("backup", lost, None, after=lost.startswith("PUT"))
        with pytest.raises(InDoubt):
            await world.provider.restore(world.point, world.target, token="run-3")
        assert await world.provider.job_of("run-3") is None
        job = await world.provider.restore(world.point, world.target, token="run-3")
        assert len(aws.gaps.jobs) == len(set(aws.gaps.jobs)), "the token's job, and no other"
        found = await world.provider.job_of("run-3")
        assert found is not None
        assert found.id == job.id

    async def test_the_task_sees_it_to_its_end(self, world: BackupWorld, aws: AwsStand, account: Account) -> None:
        """What AWS Backup made is looked for by whoever comes later, too."""
        tenant = FakeTenant()
        tenant.more = {"backup": world.provider}
        arn = world.point.rpartition("|")[2]
        ec2, made = account.client("ec2"), f"arn:aws:ec2:{REGIONS[0]}:{account.id}:volume/"
        aws.gaps.makes[arn] = lambda: made + ec2.create_volume(AvailabilityZone=f"{REGIONS[0]}a", Size=1)["VolumeId"]
        assert (await drive(tenant, RestorePoint(), {"point": world.point})).outcome == "changed"
        seen = await read(tenant, VerifyRestore, point=world.point)
        assert (seen.verified, seen.checked) == (False, 1)
        assert seen.result is not None
        assert seen.result.startswith(made)

    async def test_a_database_is_restored_under_another_name(
        self, world: BackupWorld, aws: AwsStand, account: Account
    ) -> None:
        """The name that it had is taken, and AWS refuses it."""
        source = f"arn:aws:rds:{REGIONS[0]}:{account.id}:db:orders"
        arn = aws.gaps.add_point(account.id, REGIONS[0], source, "RDS", datetime.now(UTC) - timedelta(days=1))
        point = f"backup:{REGIONS[0]}:point:Default|{arn}"
        assert (await world.provider.restore(point, world.target, token="run-4")).state == "running"
        taken = RestoreTarget(name="x", options={"DBInstanceIdentifier": "orders"})
        with pytest.raises(Rejected):
            await world.provider.restore(point, taken, token="run-5")

    async def test_a_point_is_locked_where_its_vault_is_for_good(
        self, world: BackupWorld, aws: AwsStand, account: Account
    ) -> None:
        """A lock that its owner may take away again protects from nobody who is administrator."""
        until = (datetime.now(UTC) + timedelta(days=90)).replace(microsecond=0)
        (row,) = aws.gaps.points[account.id, REGIONS[0]]
        row["CalculatedLifecycle"] = {"DeleteAt": until.timestamp()}
        backup = account.client("backup")
        assert (await world.provider.point(world.point)).locked_until is None
        backup.put_backup_vault_lock_configuration(BackupVaultName="Default", MinRetentionDays=7, ChangeableForDays=3)
        assert (await world.provider.point(world.point)).locked_until is None, (
            "for three days more it may be taken away"
        )
        backup_backends[account.id][REGIONS[0]].vaults["Default"].lock_date = time.time() - 60
        assert (await world.provider.point(world.point)).locked_until == until


class TestLogs(CloudLogsConformance):
    capability = "cloud_logs"

    @pytest.fixture
    def world(self, aws: AwsStand, account: Account, handle: AwsHandle) -> CloudLogsWorld:
        since = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
        key = "AKIAEXAMPLE000000001"
        records = [
            record("ListUsers", since + timedelta(minutes=n), key=key, account=account.id, region=REGIONS[n % 2])
            for n in range(120)
        ]
        mine = [
            record("CreateUser", since + timedelta(minutes=n), user="dana", key="AKIAOTHER", account=account.id)
            for n in range(5)
        ]
        aws.gaps.events[account.id] += records + mine
        bucket = f"trail-{account.id}"
        s3, trails = account.client("s3"), account.client("cloudtrail")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
        trail = trails.create_trail(Name="all", S3BucketName=bucket, IsMultiRegionTrail=True)["TrailARN"]
        trails.start_logging(Name=trail)
        for at, some in enumerate((records[:50], records[50:])):
            day = since + timedelta(hours=12 * at)
            name = f"AWSLogs/{account.id}/CloudTrail/{REGIONS[at]}/{day:%Y/%m/%d}/{at}.json.gz"
            s3.put_object(Bucket=bucket, Key=name, Body=gzip.compress(json.dumps({"Records": some}).encode()))
        return CloudLogsWorld(
            provider=handle.capability("cloud_logs"),
            since=since,
            until=since + timedelta(hours=19),
            key=key,
            user="dana",
            events=120,
            trail=trail,
            archived=120,
        )

    async def test_what_is_done_in_a_region_that_nobody_uses_is_seen(
        self, world: CloudLogsWorld, aws: AwsStand, account: Account
    ) -> None:
        at = world.since + timedelta(hours=1)
        aws.gaps.events[account.id].append(
            record("RunInstances", at, source="ec2", key="AKIAFAR", account=account.id, region=ELSEWHERE)
        )
        found = [event async for event in world.provider.events(world.since, world.until, access_key="AKIAFAR")]
        assert [(event.operation, event.region) for event in found] == [("RunInstances", ELSEWHERE)]
        aws.fault("ec2", "DescribeRegions", Reply.ec2_error(403, "UnauthorizedOperation"), times=9)
        handle = await account.open()
        with pytest.raises(PermissionMissing):  # and it is never taken for an empty log
            [event async for event in handle.capability("cloud_logs").events(world.since, world.until)]
        await handle.aclose()

    async def test_all_members_of_a_file_are_read_and_a_cut_one_is_a_fault(
        self, world: CloudLogsWorld, account: Account
    ) -> None:
        s3 = account.client("s3")
        bucket, day = f"trail-{account.id}", world.since + timedelta(hours=1)
        name = f"AWSLogs/{account.id}/CloudTrail/{REGIONS[0]}/{day:%Y/%m/%d}/9.json.gz"
        rows = [record("ListUsers", day, key=world.key, account=account.id) for _ in range(3)]
        text = json.dumps({"Records": rows}).encode()
        packed = gzip.compress(text[:100]) + gzip.compress(text[100:])
        s3.put_object(Bucket=bucket, Key=name, Body=packed)
        found = [event async for event in world.provider.archived(world.trail, world.since, world.until)]
        assert len(found) == world.archived + 3
        for broken in (packed[:-4], packed + b"more", b""):
            s3.put_object(Bucket=bucket, Key=name, Body=broken)
            with pytest.raises(VendorFault):
                [event async for event in world.provider.archived(world.trail, world.since, world.until)]

    async def test_the_organizations_trail_is_not_taken_for_an_empty_one(
        self, world: CloudLogsWorld, account: Account
    ) -> None:
        made = account.client("cloudtrail").create_trail(
            Name="organization", S3BucketName=f"trail-{account.id}", IsOrganizationTrail=True
        )
        with pytest.raises(Rejected):
            [event async for event in world.provider.archived(made["TrailARN"], world.since, world.until)]


class TestSecurityAlerts(SecurityAlertsConformance):
    capability = "security_alerts"

    @pytest.fixture
    def world(self, aws: AwsStand, account: Account, handle: AwsHandle) -> SecurityAlertsWorld:
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        detector = account.client("guardduty").create_detector(Enable=True)["DetectorId"]
        for id, updated in (("open", at), ("over", at + timedelta(minutes=1)), ("old", at - timedelta(days=200))):
            aws.gaps.detections[account.id, REGIONS[0]].append(
                {
                    "accountId": account.id,
                    "id": id,
                    "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
                    "title": f"an {id} one",
                    "severity": 8.0,
                    "createdAt": (at - timedelta(days=201)).isoformat(),
                    "updatedAt": updated.isoformat(),
                    "resource": {"accessKeyDetails": {"accessKeyId": f"AKIA{id}", "userName": "ci"}},
                    "service": {"archived": id == "over", "eventFirstSeen": at.isoformat()},
                }
            )
        before = f"guardduty:{REGIONS[0]}:{detector}:"
        return SecurityAlertsWorld(
            provider=handle.capability("security_alerts"),
            at=at,
            open=f"{before}open",
            over=f"{before}over",
            old=f"{before}old",
            entity="access_key:akiaopen",
        )


class TestFindings(FindingsConformance):
    capability = "findings"

    @pytest.fixture
    def world(self, aws: AwsStand, account: Account, handle: AwsHandle) -> FindingsWorld:
        since = datetime.now(UTC) - timedelta(days=1)
        detector = account.client("guardduty").create_detector(Enable=True)["DetectorId"]
        for id, severity in (("high", 8.0), ("low", 2.0)):
            aws.gaps.detections[account.id, REGIONS[0]].append(
                {
                    "id": id,
                    "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
                    "title": f"a {id} one",
                    "severity": severity,
                    "createdAt": (since + timedelta(hours=1)).isoformat(),
                    "updatedAt": (since + timedelta(hours=2)).isoformat(),
                    "resource": {"accessKeyDetails": {"accessKeyId": f"AKIA{id}", "userName": "ci"}},
                    "service": {"archived": False, "eventFirstSeen": since.isoformat()},
                }
            )
        return FindingsWorld(
            provider=handle.capability("findings"),
            since=since,
            high=f"guardduty:{REGIONS[0]}:{detector}:high",
            low=f"guardduty:{REGIONS[0]}:{detector}:low",
            resource="AKIAhigh",
            watched=REGIONS[0],
            unwatched=REGIONS[1],
        )
