"""The runbook as a whole on real counterparts at once: the lab's directory, a cloud account at moto, two hosts behind real sshds with restic."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenantry.run import Status
from tests.faults.test_kills import SIGKILLED
from tests.faults.test_kills_ransomware import WHERE
from tests.support.aws_stand import HUB_SECRET, the_stand
from tests.support.canary import leaks
from tests.support.everywhere import FILES, PATIENT, RESTIC, STRANGER, Ending, Everywhere
from tests.support.faults import Kill, Zygote
from tests.support.runs import changes, troubles
from tests.support.tools import needs_program

KILLS = (Kill("write_after", 9), Kill("append_after", 30))
"""While it contains, after a write whose answer was never recorded; and of the second attempt."""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("everywhere")


@pytest.fixture(scope="module")
def client(zygote: Zygote, folder: Path) -> Iterator[Everywhere]:  # forked before anything here has threads
    needs_program("restic")
    made = Everywhere(folder, the_stand())
    made.begin()
    yield made
    made.close()


@pytest.fixture(scope="module")
def planned(client: Everywhere) -> set[str]:
    """What a plan says, after which nothing is other than before."""
    hosts = client.seen()
    client.lab_stand.create("plan", mode="plan")
    state = _run(client, "plan")
    assert state.ended is Status.PLANNED, troubles(client.lab_stand, "plan")
    assert client.lab.audit == []
    assert client.written() == {}
    assert client.seen() == hosts
    return changes(state)


@pytest.fixture(scope="module")
def ended(client: Everywhere, planned: set[str], zygote: Zygote) -> Any:  # the plan comes first
    """The run, killed twice."""
    client.lab_stand.create(requester={"person": "bob", "proven": True, "via": "test"})
    codes = client.killed(zygote, *KILLS)
    assert codes[: len(KILLS)] == [SIGKILLED] * len(KILLS)
    return client.lab_stand.stand.state()


def _run(client: Everywhere, run_id: str) -> Any:
    import asyncio

    return asyncio.run(client.to_the_end(run_id))


def test_killed_twice_everything_is_contained_and_brought_back(client: Everywhere, ended: Any) -> None:
    assert ended.ended is Status.COMPLETED, troubles(client.lab_stand)
    contained = ended.item("containment", None).output
    assert (contained["contained"], contained["gaps"]) == (True, [])
    assert client.lab.innocent_touched() == []
    assert client.lab_stand.stand.journal.verify().ok
    _hosts(client)
    _cloud(client)


def _hosts(client: Everywhere) -> None:
    web, db = client.hosts.hosts["web1"], client.hosts.hosts["db1"]
    assert "kworkerd" not in web.run("ps -eo args")
    for host in (web, db):
        assert host.run("cat /etc/cron.d/0sync").startswith("#tenantry-quarantined ")
        keys = host.run("cat ~root/.ssh/authorized_keys").splitlines()
        assert [line.startswith("#tenantry-quarantined ") for line in keys] == [False, True], host.name
        assert host.run("nft list tables") == "", "let on the network again"
        assert "tenantry" not in host.run("ls -A /tmp /root /home/responder /etc/cron.d /dev/shm")
        assert "tenantry-" not in host.run("ps -eo args")
    assert "sysupd L" in web.run("passwd -S sysupd")
    for path, text in FILES.items():
        assert web.run(f"cat {path}").strip() == text
    assert web.run("find /var/restore -path '*.before/*' -name ledger.csv").strip(), "what was encrypted is kept"


def _cloud(client: Everywhere) -> None:
    cloud = client.cloud
    iam, ec2, s3 = (cloud.account.client(name) for name in ("iam", "ec2", "s3"))
    for user in ("ci-deploy", "svc-backup"):
        (key,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        assert key["Status"] == "Inactive"
    shares = ec2.describe_snapshot_attribute(SnapshotId=cloud.shared, Attribute="createVolumePermission")
    assert STRANGER not in str(shares)
    assert cloud.account.client("kms").describe_key(KeyId=cloud.doomed)["KeyMetadata"]["KeyState"] == "Enabled"
    assert cloud.snapshot in client._aws.gaps.locks
    assert cloud.shared not in client._aws.gaps.locks, "of each volume the newest from before, and no other"
    for name in ("ledger.csv", "contracts.pdf"):
        assert s3.get_object(Bucket=cloud.bucket, Key=name)["Body"].read() == f"{name}, as it was".encode()
    assert len(s3.list_object_versions(Bucket=cloud.bucket)["Versions"]) == 6, "no version was deleted"
    databases = cloud.account.client("rds").describe_db_instances()["DBInstances"]
    assert len(databases) == 2, "restored beside what is there, once"
    done = client.written()
    once = {name for name in done if name.startswith(("ec2.LockSnapshot", "rds.Restore", "ec2.CreateSnapshot"))}
    assert {done[name] for name in once} == {1}


def test_it_did_what_the_plan_said(client: Everywhere, planned: set[str], ended: Any) -> None:  # one client
    told = {"message/RUN/not_contained_notice/sent", "message/RUN/contained_notice/sent"}
    assert planned - told == changes(ended) - told, "a plan never says contained"


def test_no_secret_is_anywhere(client: Everywhere, folder: Path, ended: Any) -> None:  # after it
    pem = client.hosts.key.pem.decode().split("\n")[2]
    secrets = {"restic": RESTIC, "hub": HUB_SECRET, "ssh": pem, "graph": client.lab.client_secret}
    assert leaks(folder / "home", secrets) == []


async def test_undo_gives_the_attacker_nothing(client: Everywhere, ended: Any) -> None:  # after it
    access = await client.access()
    try:
        state = await client.lab_stand.stand.engine(access, PATIENT).undo("run-1", step=None, by={"person": "ann"})
    finally:
        await access.aclose()
    assert state.ended is Status.UNDONE, troubles(client.lab_stand)
    web = client.hosts.hosts["web1"]
    assert web.run("cat /srv/data/ledger.csv", check=False).strip() != FILES["/srv/data/ledger.csv"]
    assert web.run("cat ~root/.ssh/authorized_keys").splitlines()[1].startswith("#tenantry-quarantined ")
    assert "sysupd L" in web.run("passwd -S sysupd")
    (key,) = client.cloud.account.client("iam").list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    assert key["Status"] == "Inactive"
    databases = client.cloud.account.client("rds").describe_db_instances()["DBInstances"]
    assert [row["DBInstanceIdentifier"] for row in databases] == ["ledger"], "what was restored is taken away again"


# --- torture ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted(client: Everywhere, zygote: Zygote, ended: Any) -> Ending:  # after the tests above
    end, codes = _again(client, zygote, "whole")
    assert set(codes) == {0}
    assert end.status == "completed"
    return end


def _again(client: Everywhere, zygote: Zygote, run_id: str, *kills: Kill) -> tuple[Ending, list[int]]:
    client.begin(again=True)
    client.lab_stand.create(run_id)
    codes = client.killed(zygote, *kills, run_id=run_id)
    return client.ending(run_id), codes


@pytest.mark.torture
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, client: Everywhere, zygote: Zygote, uninterrupted: Ending) -> None:
    for nth in range(1, 10_000):
        end, codes = _again(client, zygote, f"{where}-{nth}", Kill(where, nth))
        assert end == uninterrupted, f"{where} {nth}"
        if SIGKILLED not in codes:
            assert nth > 30
            return


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_killed_again_and_again(seed: int, client: Everywhere, zygote: Zygote, uninterrupted: Ending) -> None:
    dice = random.Random(seed)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 30)) for _ in range(4)]
    end, _ = _again(client, zygote, f"seed-{seed}", *kills)
    assert end == uninterrupted, kills
