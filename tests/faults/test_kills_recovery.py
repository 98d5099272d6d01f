"""Recoveries in a cloud account killed by SIGKILL, at journal boundaries and around writes: each system comes back once, and the end is the same.

A database from its snapshot and another to a moment, a replica promoted, a volume from AWS Backup, an object that was deleted, and a name that is switched: on
moto, and for what it has not on the stand-in (``aws_gaps.py`` says which): AWS Backup's points and jobs, and that a promotion shows.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tenantry.clock import rfc3339
from tenantry.disaster.compile import compiled
from tenantry.disaster.load import parse_plan
from tests.support.aws_stand import REGIONS, Account, AwsStand
from tests.support.disaster import BASE, TODAY, registry
from tests.support.faults import Kill, Zygote
from tests.support.recovery import SIGKILLED, WHERE, carried, messages, outcomes, zygote
from tests.support.stand import Stand

REGION = REGIONS[0]


class Cloud:
    """One account with systems to bring back, for one recovery."""

    def __init__(self, aws: AwsStand, folder: Path) -> None:
        self.aws, self.account = aws, aws.new_account()
        self.stand = Stand(folder / "home", registry())
        self.stand.person("ann", "approver", "engineer")
        self._furnish(self.account)
        self._prepared = len(aws.calls)

    def _furnish(self, account: Account) -> None:
        rds, s3, ec2 = (account.client(name) for name in ("rds", "s3", "ec2"))
        for name in ("ledger", "orders"):
            rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass="db.t3.micro",
                Engine="postgres",
                AllocatedStorage=20,
                MasterUsername="admin",
                MasterUserPassword="not-a-secret-1",
                BackupRetentionPeriod=7,
            )
        rds.create_db_snapshot(DBSnapshotIdentifier="nightly", DBInstanceIdentifier="ledger")
        rds.create_db_instance_read_replica(
            DBInstanceIdentifier="follower", SourceDBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro"
        )
        account.client("backup").create_backup_vault(BackupVaultName="Default")
        self.volume = f"arn:aws:ec2:{REGION}:{account.id}:volume/vol-1"
        at = datetime.now(UTC) - timedelta(hours=2)
        point = self.aws.gaps.add_point(account.id, REGION, self.volume, "EBS", at)
        made = f"arn:aws:ec2:{REGION}:{account.id}:volume/"
        self.aws.gaps.makes[point] = lambda: made + ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        self.bucket = f"files-{account.id}"
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.version = s3.put_object(Bucket=self.bucket, Key="plan.txt", Body=b"as it was")["VersionId"]
        s3.delete_object(Bucket=self.bucket, Key="plan.txt")
        route53 = account.client("route53")
        zone = route53.create_hosted_zone(Name="acme.example", CallerReference=account.id)["HostedZone"]["Id"]
        self.zone = zone.rpartition("/")[2]
        record = {"Name": "db.acme.example.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "192.0.2.1"}]}
        changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch={"Changes": changes})

    def plan(self) -> str:
        rds = f"arn:aws:rds:{REGION}:{self.account.id}:db:"
        point = {"point": "${steps.find.output.point}"}
        back = {"id": "restore", "uses": "backup.restore_point", "with": point, "estimate": "1m"}
        look = {"id": "look", "uses": "backup.verify_restore", "with": point, "estimate": "1m"}

        def find(source: str) -> dict[str, Any]:
            given = {"source": source, "before": rfc3339(datetime.now(UTC) + timedelta(minutes=1))}
            return {"id": "find", "uses": "backup.find_point", "with": given, "estimate": "1m"}

        moment = {"point": f"rds:{REGION}:continuous:orders"}
        replica = {"replica": f"rds:{REGION}:replica:follower"}
        version = {"bucket": self.bucket, "key": "plan.txt", "version": self.version}
        switch = {"zone": self.zone, "name": "db.acme.example", "values": ["192.0.2.2"]}
        systems = {
            "ledger": ([find(f"{rds}ledger"), back, look], []),
            "orders": ([{**back, "with": moment}, {**look, "with": moment}], []),
            "volume": ([find(self.volume), back, look], []),
            "follower": ([{"id": "promote", "uses": "backup.promote_replica", "with": replica, "estimate": "1m"}], []),
            "files": ([{"id": "object", "uses": "storage.restore_object", "with": version, "estimate": "1m"}], []),
            "name": (
                [{"id": "switch", "uses": "dns.switch_record", "with": switch, "estimate": "1m"}],
                ["ledger", "follower"],
            ),
        }
        port = urlsplit(self.aws.base_url).port
        common = {
            **{"tier": 1, "owner": "ann", "rto": "2h", "primary": "here", "recovery": "there", "patience": "30s"},
            "primary_health": [{"kind": "tcp", "host": "127.0.0.1", "port": 1}],
            "health": [{"kind": "tcp", "host": "127.0.0.1", "port": port}],
        }
        rows = [
            {"id": name, "title": name, "needs": needs, "procedure": steps, **common}
            for name, (steps, needs) in systems.items()
        ]
        head = {"id": "cloud", "version": 1, "title": "The cloud", "tenant": "acme", "declarers": ["ann"]}
        return json.dumps({**head, "communication": {"to": ["primary"]}, "systems": rows})

    def begin(self) -> None:
        loaded = parse_plan(self.plan(), "cloud.yaml", registry(), today=TODAY, known={"ann"})
        self.stand.create(compiled(loaded, BASE, purpose="failover", graceful=False), {"plan": "cloud"})

    def places(self) -> dict[str, Any]:
        return {
            "aws": {
                "settings": self.account.settings(),
                "endpoint": self.aws.base_url,
                "secrets": self.account.secrets,
                "capabilities": ["backup", "dns", "storage", "cloud"],
            }
        }

    def seen(self) -> dict[str, Any]:
        """What there is in the account, whoever made it."""
        databases = self.account.client("rds").describe_db_instances()["DBInstances"]
        volumes = self.account.client("ec2").describe_volumes()["Volumes"]
        versions = self.account.client("s3").list_object_versions(Bucket=self.bucket)["Versions"]
        route53 = self.account.client("route53")
        records = route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        body = self.account.client("s3").get_object(Bucket=self.bucket, Key="plan.txt")["Body"].read()
        return {
            "databases": len(databases),
            "volumes": len(volumes),
            "versions": len(versions),
            "object": body,
            "name": [one["ResourceRecords"] for one in records if one["Type"] == "A"],
            "jobs": len({name for name in self.aws.gaps.jobs if self.aws.gaps.jobs[name].get("RestoreJobId")}),
        }


class Recoveries:
    def __init__(self, aws: AwsStand, zygote: Zygote, folder: Path) -> None:
        self._aws, self._zygote, self._folder, self._count = aws, zygote, folder, 0

    def carried(self, *kills: Kill) -> tuple[dict[str, Any], list[int]]:
        """What it came to, and the exit codes of the attempts."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        self._aws.gaps.jobs.clear()
        cloud = Cloud(self._aws, folder)
        try:
            cloud.begin()
            # The stand-in's promotion comes through when somebody says so.
            self._aws.watch = lambda call: (
                self._aws.gaps.promoted(cloud.account.id, REGION, "follower")
                if call.operation == "DescribeDBInstances" and cloud.account.id == call.account and promoted(cloud)
                else None
            )
            codes = carried(self._zygote, cloud.stand, "run-1", cloud.places(), kills)
            measured = cloud.stand.state().items["recovered", None].output
            end = {
                "status": cloud.stand.view()["status"],
                "errors": [(step["id"], step["error"]) for step in cloud.stand.view()["steps"] if step["error"]],
                "outcomes": outcomes(cloud.stand, "run-1"),
                "not_shown": measured["not_shown"],
                "seen": cloud.seen(),
                "messages": set(messages(cloud.stand)),
                "verified": cloud.stand.journal.verify().ok,
            }
            return end, codes
        finally:
            self._aws.watch = None
            cloud.stand.close()


def promoted(cloud: Cloud) -> bool:
    return any(call.operation == "PromoteReadReplica" for call in cloud.aws.calls[cloud._prepared :])


@pytest.fixture(scope="module")
def recoveries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recoveries]:
    with zygote() as children:  # before the stand's threads are there
        stand = AwsStand()
        yield Recoveries(stand, children, tmp_path_factory.mktemp("recoveries"))
        stand.close()


def fine(end: dict[str, Any]) -> None:
    """As one that nobody killed: each thing is made once, however often it had to be asked for."""
    assert end["status"] == "completed", end["errors"]
    assert end["not_shown"] == []
    good = {"observed", "changed", "already"}
    assert set(end["outcomes"].values()) <= good, end["outcomes"]
    # Two databases and a replica were there; two come beside them, and one volume.
    assert end["seen"]["databases"] == 5
    assert (end["seen"]["volumes"], end["seen"]["jobs"], end["seen"]["object"]) == (1, 1, b"as it was")
    assert end["seen"]["name"] == [[{"Value": "192.0.2.2"}]]
    # What was put there, and what was made of it again.
    assert end["seen"]["versions"] == 2
    assert end["messages"] == {1}, "everybody heard once"
    assert end["verified"]


@pytest.mark.torture  # `make test` has the recovery of a destroyed host, killed in the same way (tests/runbooks/test_disaster_activation.py)
def test_killed_again_and_again(recoveries: Recoveries) -> None:
    """One recovery, killed on its way through every system and every kind of boundary."""
    dice = random.Random(7)
    end, codes = recoveries.carried(*(Kill(where, dice.randint(1, 6)) for where in (*WHERE, *WHERE)))
    assert codes.count(SIGKILLED) >= 5, codes
    fine(end)


@pytest.mark.torture
def test_uninterrupted(recoveries: Recoveries) -> None:
    end, codes = recoveries.carried()
    assert set(codes) == {0}
    fine(end)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, recoveries: Recoveries) -> None:
    # After the first question is answered: the attempt that recovers is the second one.
    for nth in range(1, 10_000):
        end, codes = recoveries.carried(Kill(), Kill(where, nth))
        fine(end)
        if SIGKILLED not in codes:
            assert nth > 5
            return
