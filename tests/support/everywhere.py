"""One client on real counterparts at once: Microsoft 365 at the lab, its cloud account at moto, its hosts behind real sshds with restic.

The story is that of ransomware. Each place has been prepared as far as its counterpart lets us: what the cloud's log says stands in the stand-in for
``LookupEvents`` and in a file of a trail; ages of snapshots and of versions of objects are written into moto's own memory, which knows only now.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from moto.backup.models import backup_backends
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends
from pydantic import SecretBytes

from integrations.aws.caller import Caller
from integrations.aws.provider import PROVIDER as AWS
from integrations.lab import Lab
from integrations.linux.connection import Connection
from integrations.linux.provider import PROVIDER as LINUX
from tenantry.errors import InvalidTenant
from tenantry.providers import Estate
from tests.support.aws_gaps import record
from tests.support.aws_stand import QUICK as AWS_LIMITS
from tests.support.aws_stand import REGIONS, Account, AwsStand
from tests.support.compromised import ATTACKER_IP, DEPLOY_IP, OFFICE_IP, plant
from tests.support.faults import Job, Kill, Zygote, writes
from tests.support.hosts import HostNet
from tests.support.lab_stand import LabAccess, LabStand
from tests.support.stand import QUICK

RESTIC = "c4nary-restic-password"
STRANGER = "999988887777"
PATIENT = replace(QUICK, lease_life=15.0, effect_timeout_cap=12.0, settle=0.5, effect_attempts=8, read_attempts=8)
"""A real host takes longer than the lab, on a busy machine above all."""
HOSTS = ("web1", "db1", "mon1")
"""Entered and encrypted, entered, and untouched: from there it is seen that nobody gets in any more."""
FILES = {"/srv/data/ledger.csv": "2026-10-31;1200.00;paid", "/srv/data/contracts/a.txt": "Contract A, signed."}
OBJECTS = ("ledger.csv", "contracts.pdf", "old.txt")
_READS = re.compile(r"Describe|Get|List|Lookup|Simulate|Assume|HEAD |GET |POST /detector/[^/]+/findings")

_BACKED_UP = """
mkdir -p srv/data/contracts
echo '2026-10-31;1200.00;paid' > srv/data/ledger.csv; echo 'Contract A, signed.' > srv/data/contracts/a.txt; echo same > srv/data/same
printf '%s' {password} > run/pw
chroot . restic -r /srv/repo --no-cache --password-file /run/pw init >/dev/null
chroot . restic -r /srv/repo --no-cache --password-file /run/pw backup --quiet --time '{at:%Y-%m-%d %H:%M:%S}' /srv/data
rm run/pw srv/data/contracts/a.txt
head -c 32 /dev/urandom > srv/data/ledger.csv
"""

_SEEN = """nft list tables; cat /etc/cron.d/* /var/spool/cron/crontabs/* 2>/dev/null
cat ~root/.ssh/authorized_keys /home/*/.ssh/authorized_keys | sed 's/AAAA[^ ]*/KEY/'; passwd -Sa | cut -d' ' -f1,2
systemctl is-enabled sys-healthd.service node-exporter.service 2>&1; pgrep -c kworkerd
cd /srv/data 2>/dev/null && sha256sum -- * contracts/* 2>/dev/null; ls -A /var/restore /tmp /var/tmp 2>/dev/null | sed 's/[0-9a-f]\\{8,\\}/HASH/g'"""


@dataclass
class Cloud:
    """What the attacker did to the cloud account, and what must become of it."""

    account: Account
    key: str
    second: str
    bucket: str
    snapshot: str
    shared: str
    doomed: str
    database: str
    vault: str
    objects: dict[str, str] = field(default_factory=dict)
    """Object → its good version."""


def furnish(aws: AwsStand, account: Account) -> Cloud:
    """The account with its story: about three hours ago."""
    iam, ec2, s3, kms = (account.client(name) for name in ("iam", "ec2", "s3", "kms"))
    at = datetime.now(UTC) - timedelta(hours=3)
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    admin = iam.create_policy(PolicyName="Everything", PolicyDocument=json.dumps(wide))["Policy"]["Arn"]
    for name in ("ci-deploy", "kim.ops", "svc-backup"):
        iam.create_user(UserName=name)
    iam.attach_user_policy(UserName="kim.ops", PolicyArn=admin)
    iam.create_login_profile(UserName="kim.ops", Password="Old-passw0rd!x")
    key = iam.create_access_key(UserName="ci-deploy")["AccessKey"]["AccessKeyId"]
    second = iam.create_access_key(UserName="svc-backup")["AccessKey"]["AccessKeyId"]
    iam.attach_user_policy(UserName="svc-backup", PolicyArn=admin)

    machine = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    (found,) = ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"]
    volume = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    snapshot, shared = (ec2.create_snapshot(VolumeId=volume)["SnapshotId"] for _ in range(2))
    held = ec2_backends[account.id][REGIONS[0]].snapshots
    held[snapshot].start_time, held[shared].start_time = _naive(days=2), _naive(days=9)
    ec2.modify_snapshot_attribute(
        SnapshotId=shared, Attribute="createVolumePermission", OperationType="add", UserIds=[STRANGER]
    )
    doomed = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)

    account.client("rds").create_db_instance(
        DBInstanceIdentifier="ledger",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword="not-a-secret-1",
    )
    account.client("rds").create_db_snapshot(DBSnapshotIdentifier="nightly", DBInstanceIdentifier="ledger")
    rds_backends[account.id][REGIONS[0]].database_snapshots["nightly"].created = _naive(days=2)
    vault = account.client("backup").create_backup_vault(BackupVaultName="Default")["BackupVaultArn"]
    backup_backends[account.id][REGIONS[0]].vaults["Default"].num_of_recovery_points = 2

    bucket, kept = f"files-{account.id}", f"trail-{account.id}"
    for name in (bucket, kept):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    trail = account.client("cloudtrail").create_trail(Name="all", S3BucketName=kept, IsMultiRegionTrail=True)
    cloud = Cloud(
        account,
        key,
        second,
        bucket,
        snapshot,
        shared,
        doomed,
        f"arn:aws:rds:{REGIONS[0]}:{account.id}:db:ledger",
        vault,
    )
    acts = _objects(cloud, s3, at)
    acts += [
        ("CreateUser", "iam", "us-east-1", {"userName": "svc-backup"}, None),
        ("CreateAccessKey", "iam", "us-east-1", {}, {"accessKey": {"accessKeyId": second, "userName": "svc-backup"}}),
        ("ModifySnapshotAttribute", "ec2", REGIONS[0], _sharing(shared), None),
        ("ScheduleKeyDeletion", "kms", REGIONS[0], {"keyId": doomed, "pendingWindowInDays": 7}, None),
        ("StopLogging", "cloudtrail", REGIONS[0], {"name": trail["TrailARN"]}, None),
    ]
    records = [
        record(
            *(operation, at + timedelta(minutes=n)),
            source=source,
            key=key,
            account=account.id,
            region=region,
            ip=ATTACKER_IP,
            request=request,
            response=response,
        )
        for n, (operation, source, region, request, response) in enumerate(acts)
    ]
    aws.gaps.events[account.id] += [row for row in records if row["eventSource"] != "s3.amazonaws.com"]
    file = f"AWSLogs/{account.id}/CloudTrail/{REGIONS[0]}/{at:%Y/%m/%d}/1.json.gz"
    data = [row for row in records if row["eventSource"] == "s3.amazonaws.com"]
    s3.put_object(Bucket=kept, Key=file, Body=gzip.compress(json.dumps({"Records": data}).encode()))
    return cloud


def _objects(cloud: Cloud, s3: Any, at: datetime) -> list[tuple[str, str, str, Any, Any]]:
    """One is overwritten, one deleted, one left; as data events of the trail."""
    s3.put_bucket_versioning(Bucket=cloud.bucket, VersioningConfiguration={"Status": "Enabled"})
    for name in OBJECTS:
        cloud.objects[name] = s3.put_object(Bucket=cloud.bucket, Key=name, Body=f"{name}, as it was".encode())[
            "VersionId"
        ]
    keys = s3_backends[cloud.account.id]["aws"].buckets[cloud.bucket].keys
    for name in OBJECTS:
        for version in keys.getlist(name):
            version.last_modified = _naive(days=20)
    written = s3.put_object(Bucket=cloud.bucket, Key="ledger.csv", Body=b"\x8a\x11sealed")["VersionId"]
    marker = s3.delete_object(Bucket=cloud.bucket, Key="contracts.pdf")["VersionId"]
    return [
        (
            "PutObject",
            "s3",
            REGIONS[0],
            {"bucketName": cloud.bucket, "key": "ledger.csv"},
            {"x-amz-version-id": written},
        ),
        (
            "DeleteObject",
            "s3",
            REGIONS[0],
            {"bucketName": cloud.bucket, "key": "contracts.pdf"},
            {"x-amz-version-id": marker},
        ),
    ]


def _sharing(snapshot: str) -> dict[str, Any]:
    return {"snapshotId": snapshot, "createVolumePermission": {"add": {"items": [{"userId": STRANGER}]}}}


def _naive(*, days: int) -> datetime:
    """As moto keeps times."""
    return (datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None)


@dataclass(frozen=True)
class Ending:
    """What must be equal however often the run was interrupted."""

    status: str
    outcomes: Mapping[str, int]
    lab: Mapping[tuple[str, str, str, str], int]
    cloud: Mapping[str, int]
    hosts: Mapping[str, str]
    innocent_touched: int
    verified: bool


class Everywhere:
    """The client, for one story after the other: :meth:`begin` prepares account and hosts anew.

    Args:
        folder: of the platform's home and the hosts' files.
    """

    def __init__(self, folder: Path, aws: AwsStand, runbook: str = "ransomware") -> None:
        self._folder, self._aws, self._count = folder, aws, 0
        self.lab_stand = LabStand(folder / "home", scenario="ransomware", users=20, runbook=runbook, params=self.params)
        # Nobody here can fetch packages: updates have a test of their own, with an archive of their own.
        updates = re.compile(r"uses: host\.apply_updates((?:\n    (?!expect_at_most).*)*)\n    expect_at_most: 20")
        self.lab_stand.text = updates.sub(r"uses: host.read_host\1", self.lab_stand.text)
        self._book = folder / f"{runbook}.yaml"
        self._book.write_text(self.lab_stand.text, encoding="utf-8")
        self.net: HostNet | None = None
        self._ahead: Future[HostNet] | None = None
        # Hosts end with the thread that made them, so it lives as long as they may.
        self._maker = ThreadPoolExecutor(1)
        self.cloud: Cloud
        self._prepared = 0

    @property
    def lab(self) -> Lab:
        return self.lab_stand.lab

    @property
    def hosts(self) -> HostNet:
        assert self.net is not None
        return self.net

    def begin(self, *, again: bool = False) -> None:
        """A directory, an account and hosts in which only the attacker was.

        Args:
            again: another story follows: its hosts are made while this one is carried, which mostly waits.
        """
        self.lab.reset()
        self.cloud = furnish(self._aws, self._aws.new_account())
        self._prepared = len(self._aws.calls)
        if self.net is not None:
            self.net.close()
        self.net = (self._ahead or self._maker.submit(self._planted)).result()
        self._ahead = self._maker.submit(self._planted) if again else None

    def _planted(self) -> HostNet:
        self._count += 1
        folder = self._folder / f"hosts-{self._count}"
        folder.mkdir()
        net = HostNet.create(folder)
        at = datetime.now() - timedelta(days=2)  # noqa: DTZ005  # restic takes the local time
        plant(net, setup=_BACKED_UP.format(password=RESTIC, at=at), second="db1")
        return net

    def params(self, lab: Lab) -> dict[str, Any]:
        return {
            "since": (datetime.now(UTC) - timedelta(hours=30)).isoformat(),
            "hosts": ["web1", "db1"],
            "accounts": [lab.scenario_info()["accounts"]["finance"]],
            "access_keys": [self.cloud.key],
            "buckets": [self.cloud.bucket],
            "sources": [self.cloud.database],
            "probe": "mon1",
            "known_good_ips": [f"{OFFICE_IP}/24", DEPLOY_IP],
            "updates": "after_release",
        }

    def places(self) -> dict[str, Any]:
        """Where account and hosts are and what signs in, as text, for a child."""
        hosts = self.hosts.settings(*HOSTS)
        hosts["hosts"]["web1"]["backup"] = {"repository": "/srv/repo", "paths": ["/srv/data"]}
        return {
            "aws": {
                "settings": self.cloud.account.settings(),
                "endpoint": self._aws.base_url,
                "secrets": self.cloud.account.secrets,
            },
            "linux": {"settings": hosts, "secrets": {"key": self.hosts.key.pem.decode(), "restic_password": RESTIC}},
        }

    async def access(self) -> LabAccess:
        return await joined(await self.lab_stand.access(), self.places())

    async def to_the_end(self, run_id: str = "run-1") -> Any:
        """As that of :class:`LabStand`, over all places."""
        access, stand = await self.access(), self.lab_stand.stand
        try:
            while True:
                state = await stand.engine(access, PATIENT).run(run_id)
                if state.ended is not None or not stand.answer(run_id, "ann", reason="checked"):
                    return state
        finally:
            await access.aclose()

    def written(self) -> Counter[str]:
        """What was asked of the cloud account that changes something, by operation."""
        own, calls = self.cloud.account.id, self._aws.calls[self._prepared :]
        calls = [call for call in calls if call.account == own and not _READS.match(call.operation)]
        return Counter(f"{call.service}.{_plain(call.operation, own)}" for call in calls)

    def seen(self) -> dict[str, str]:
        """How the hosts stand, past ssh."""
        return {name: self.hosts.hosts[name].run(_SEEN, check=False) for name in HOSTS}

    def killed(self, zygote: Zygote, *kills: Kill, run_id: str = "run-1") -> list[int]:
        """The run in children that are killed, one after the other, and resumed until it ends; every question is answered with yes.

        Returns:
            exit codes of the attempts.
        """
        stand, codes = self.lab_stand.stand, []
        for attempt in range(60):
            kill = kills[attempt] if attempt < len(kills) else Kill()
            job = Job(
                folder=str(self._folder / "home"),
                run_id=run_id,
                base_url=self.lab_stand.server.base_url,
                scenario="ransomware",
                seed=1,
                users=20,
                kill=asdict(kill),
                book=str(self._book),
                places=self.places(),
            )
            codes += zygote.run(job)
            if stand.state(run_id).ended is not None:
                return codes
            stand.answer(run_id, "ann", reason="checked")
        raise AssertionError(f"the run did not end: {stand.view(run_id)}")

    def ending(self, run_id: str = "run-1") -> Ending:
        """How the run ended, in words that hold for every story of the same kind."""
        stand = self.lab_stand.stand
        outcomes = Counter(f"{step.partition('[')[0]} {outcome}" for step, outcome in stand.outcomes(run_id).items())
        return Ending(
            status=stand.state(run_id).status(live=False).value,
            outcomes=dict(outcomes),
            lab=writes(self.lab.audit, run_id),
            cloud=dict(self.written()),
            hosts=self.seen(),
            innocent_touched=len(self.lab.innocent_touched()),
            verified=stand.journal.verify().ok,
        )

    def close(self) -> None:
        for net in (self.net, self._ahead and self._ahead.result()):
            if net is not None:
                net.close()
        self._maker.shutdown()
        self.lab_stand.close()


def _plain(operation: str, account: str) -> str:
    """Without what is another one in each story."""
    return re.sub(r"(backup-vault|detector)[^ ]*|[0-9a-f]{12,}", "X", operation.replace(account, "ACCOUNT"))


class Killer(Protocol):
    """That of ``faults.py``."""

    def begins(self) -> bool: ...

    def ended(self) -> None: ...


def arm(killer: Killer) -> None:
    """Have it count this process's writes to cloud account and hosts, too."""
    for kind in (Caller, Connection):
        kind.write = _counted(kind.write, killer)  # type: ignore[attr-defined,method-assign]  # in a child that ends with its run


def _counted(plain: Any, killer: Killer) -> Any:
    async def write(*args: Any, **more: Any) -> Any:
        last = killer.begins()
        answer = await plain(*args, **more)
        if last:
            killer.ended()
        return answer

    return write


async def joined(access: LabAccess, places: Mapping[str, Any]) -> LabAccess:
    """The lab's tenant, with the cloud account and the hosts of these places instead of the lab's own."""

    def source(known: Mapping[str, str]) -> Any:
        async def secret(name: str) -> SecretBytes:
            if name not in known:
                raise InvalidTenant(f"no {name}")
            return SecretBytes(known[name].encode())

        return secret

    aws, linux = places["aws"], places["linux"]
    estate = Estate({"endpoint_url": aws["endpoint"]}, aws["settings"]["account"])
    cloud = await AWS.open(aws["settings"], source(aws["secrets"]), estate=estate, limits=AWS_LIMITS)
    hosts = await LINUX.open(linux["settings"], source(linux["secrets"]))
    access._handles = {
        **access._handles,
        **dict.fromkeys(AWS.capabilities, cloud),
        **dict.fromkeys(("host", "host_backup"), hosts),
    }
    return access
