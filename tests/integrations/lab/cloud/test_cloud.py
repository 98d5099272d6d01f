"""The stand-in cloud account passes every suite that AWS passes, over its own wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from integrations.http import Limits
from integrations.lab import FaultPlan, Lab
from integrations.lab.cloud import LabCloudHandle
from integrations.lab.cloud.account import ADMINISTRATOR, HOME, REGIONS
from integrations.lab.cloud.logs import event
from integrations.lab.cloud.wire import SERVED
from integrations.lab.provider import PROVIDER
from tenantry.capabilities import CAPABILITIES, BackupJob, RestoreTarget
from tenantry.errors import InDoubt, OutOfScope, PermissionMissing, Rejected, SignInFailed, VendorFault
from tests.conformance.backup import BackupConformance, BackupWorld
from tests.conformance.cloud import CloudConformance, CloudWorld
from tests.conformance.cloud_identity import CloudIdentityConformance, CloudIdentityWorld
from tests.conformance.cloud_logs import CloudLogsConformance, CloudLogsWorld
from tests.conformance.cloud_machines import CloudMachinesConformance, CloudMachinesWorld
from tests.conformance.dns import DnsConformance, DnsWorld
from tests.conformance.findings import FindingsConformance, FindingsWorld
from tests.conformance.storage import StorageConformance, StorageWorld


async def opened(lab: Lab, token: str | None = None) -> LabCloudHandle:
    async def secret(_: str) -> SecretBytes:
        return SecretBytes((token or lab.cloud_token).encode())

    async def sleep(_: float) -> None:
        """Nobody waits here."""

    return await PROVIDER.open(
        {"base_url": "http://lab.invalid/cloud"},
        secret,
        transport=httpx.ASGITransport(lab.app),
        limits=Limits(attempts=4),
        sleep=sleep,
    )


@pytest.fixture
def lab() -> Lab:
    return Lab("quiet", users=20)


@pytest.fixture
async def handle(lab: Lab) -> AsyncIterator[LabCloudHandle]:
    made = await opened(lab)
    yield made
    await made.aclose()


class TestIdentity(CloudIdentityConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> CloudIdentityWorld:
        account = lab.cloud
        account.principal("group", "devs")
        account.principal("user", "alice", groups=("group/devs",), login=True)
        account.principal("user", "bob")
        shared = f"arn:aws:iam::{account.id}:policy/shared"
        document = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
        account.managed[shared] = document
        alice = account.truth("principals", "user/alice").props
        alice["inline"], alice["attached"] = {"own": document}, [shared]
        account.principal("user", "root-like", attached=(ADMINISTRATOR,), login=True)
        account.principal("role", "app")
        return CloudIdentityWorld(
            provider=handle.capability("cloud_identity"),
            account=account.id,
            user="user/alice",
            other="user/bob",
            role="role/app",
            key=account.key("user/alice", "one"),
            mfa=account.device("user/alice", "alice", account.start),
            inline="own",
            attached=shared,
            group="group/devs",
            admin="user/root-like",
        )


class TestCloud(CloudConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> CloudWorld:
        account = lab.cloud
        doomed = {"region": HOME, "state": "pending_deletion", "deletion": account.start + timedelta(days=7)}
        account.add("kms", "doomed", doomed)
        (key,) = [record.id for record in account.table("kms") if record.id != "doomed"]
        (bucket, *_) = [record.id for record in account.table("buckets")]
        (vault,) = [record.id for record in account.table("vaults")]
        return CloudWorld(
            vault=vault,
            provider=handle.capability("cloud"),
            instance=account.machine("one"),
            region=HOME,
            elsewhere=account.machine("two", region=REGIONS[1]),
            bucket=bucket,
            key=key,
            doomed_key="doomed",
        )


class TestMachines(CloudMachinesConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> CloudMachinesWorld:
        account = lab.cloud
        row = {"region": HOME, "volume": "vol-1", "at": account.start, "token": "", "locked": None}
        account.add("snapshots", "snap-1", row)
        return CloudMachinesWorld(handle.capability("cloud_machines"), "snap-1", f"{HOME}a", "ami-1", "subnet-1")


class TestStorage(StorageConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> StorageWorld:
        row = {"created": lab.cloud.start, "versioned": False, "lock": False, "policy": None}
        lab.cloud.add("buckets", "plain", row)
        lab.cloud.add("buckets", "locked", {**row, "versioned": True, "lock": True})
        return StorageWorld(handle.capability("storage"), "plain", "locked")

    async def test_what_its_writer_encrypted_neither_opens_nor_is_read(self, world: StorageWorld, lab: Lab) -> None:
        version = await world.provider.write("locked", "sealed", b"1")
        lab.cloud.objects["locked"][-1]["sealed"] = True
        assert not await world.provider.opens("locked", "sealed", version)
        with pytest.raises(Rejected):
            [_ async for _ in world.provider.read("locked", "sealed")]
        with pytest.raises(Rejected):
            await world.provider.restore_version("locked", "sealed", version)


class TestDns(DnsConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> DnsWorld:
        lab.cloud.add("zones", "Z1", {"name": "acme.example."})
        row = {"name": "www.acme.example.", "type": "A", "ttl": 300, "values": ["192.0.2.10"], "alias": "", "set": ""}
        lab.cloud.add("records", "Z1|www.acme.example.|A|", row)
        return DnsWorld(handle.capability("dns"), "Z1", "acme.example.")


class TestBackup(BackupConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> BackupWorld:
        lab.cloud.add("points", "rp-1", {"source": "vol-1", "at": lab.cloud.start - timedelta(days=1)})

        async def finish(_: BackupJob) -> None:
            """Done at the next look."""

        return BackupWorld(handle.capability("backup"), "vol-1", "rp-1", RestoreTarget(name="back"), finish)


class TestLogs(CloudLogsConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> CloudLogsWorld:
        account = lab.cloud
        since = account.start - timedelta(hours=20)
        for n in range(120):
            at, actor = since + timedelta(minutes=n), f"arn:aws:iam::{account.id}:user/ci"
            event(account, n, at, "ListUsers", access_key="AKIAONE", actor=actor, region=REGIONS[n % 2])
        for n in range(5):
            at, actor = since + timedelta(minutes=n), f"arn:aws:iam::{account.id}:user/dana"
            event(account, 200 + n, at, "CreateUser", access_key="AKIATWO", actor=actor)
        (trail,) = [record.id for record in account.table("trails")]
        until = since + timedelta(hours=19)
        return CloudLogsWorld(handle.capability("cloud_logs"), since, until, "AKIAONE", "dana", 120, trail, 125)


class TestFindings(FindingsConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: LabCloudHandle) -> FindingsWorld:
        since = lab.cloud.start - timedelta(days=1)
        for id in ("high", "low"):
            lab.cloud.add(
                "findings",
                id,
                {
                    "service": "guardduty",
                    "region": HOME,
                    "type": "x",
                    "title": "x",
                    "severity": id,
                    "first_seen": since,
                    "updated_at": since + timedelta(hours=1),
                    "resources": (f"AKIA{id}",),
                    "open": True,
                },
            )
        return FindingsWorld(
            handle.capability("findings"), since, "high", "low", "AKIAhigh", watched=HOME, unwatched=REGIONS[1]
        )


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_it_plays_every_capability_of_a_cloud_account(lab: Lab) -> None:
    from integrations.lab.cloud.service import implementations

    found = implementations(lab.cloud)
    assert set(found) == set(SERVED) == set(PROVIDER.capabilities)
    for name in SERVED:
        assert isinstance(found[name], CAPABILITIES[name])


async def test_a_wrong_token_opens_nothing(lab: Lab) -> None:
    handle = await opened(lab, "canary-token-1")
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("cloud_identity").caller()
    assert "canary-token-1" not in repr(caught.value)
    assert not (await handle.check()).signed_in
    with pytest.raises(OutOfScope):
        handle.capability("mail")


async def test_what_is_not_granted(lab: Lab, handle: LabCloudHandle) -> None:
    lab.cloud_refused.add("cloud_identity.set_key_active")
    key = next(record.id for record in lab.cloud.table("keys"))
    with pytest.raises(PermissionMissing):
        await handle.capability("cloud_identity").set_key_active(key, False)
    assert lab.audit == []


async def test_writes_are_in_the_audit_once_and_late_where_the_lab_says_so(lab: Lab, handle: LabCloudHandle) -> None:
    identity = handle.capability("cloud_identity")
    key = next(record.id for record in lab.cloud.table("keys"))
    lab.faults.set(FaultPlan(propagation_ms=60_000))
    await identity.set_key_active(key, False)
    assert (await identity.key(key)).active, "readers lag behind"
    assert lab.cloud.truth("keys", key).props["active"] is False
    assert [(entry["service"], entry["method"]) for entry in lab.audit] == [("cloud", "set_key_active")]


@pytest.mark.parametrize("fault", ["timeout_after_effect", "error", "drop", "partial_page"])
async def test_faults_befall_it_as_any_other_service(lab: Lab, handle: LabCloudHandle, fault: str) -> None:
    identity: Any = handle.capability("cloud_identity")
    key = next(record.id for record in lab.cloud.table("keys"))
    lab.faults.set(FaultPlan.model_validate({"script": [{"fault": fault, "status": 502, "style": "html"}]}))
    if fault == "partial_page":
        lab.faults.set(FaultPlan.model_validate({"script": [{"fault": fault, "style": "truncated"}]}))
        with pytest.raises(VendorFault):
            [principal async for principal in identity.principals()]
        return
    with pytest.raises(InDoubt):
        await identity.set_key_active(key, False)
    assert len(lab.audit) == (1 if fault == "timeout_after_effect" else 0)


def test_the_story_of_the_leaked_key_is_the_same_for_the_same_seed() -> None:
    one, other = (Lab("leaked_key", seed=7, users=20) for _ in range(2))
    info = one.scenario_info()
    assert info["artefacts"]["user"]["key"] == other.scenario_info()["artefacts"]["user"]["key"]
    assert info["compromised"] == ["user/ci-deploy"]
    assert {"user", "role", "trust", "attachment", "second_key", "instances", "trail"} <= set(info["artefacts"])
    assert len(info["innocent"]) >= 8


@pytest.mark.parametrize(
    "answer", [{}, {"result": "odd"}, {"result": {"account": []}}, {"value": ["odd"]}, {"value": {}}, []]
)
async def test_nothing_is_concluded_from_an_answer_that_makes_no_sense(lab: Lab, answer: Any) -> None:
    async def secret(_: str) -> SecretBytes:
        return SecretBytes(lab.cloud_token.encode())

    async def asleep(_: float) -> None: ...

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    handle = await PROVIDER.open({"base_url": "https://lab.invalid/cloud"}, secret, transport=transport, sleep=asleep)
    with pytest.raises(VendorFault):
        await handle.capability("cloud_identity").caller()
    with pytest.raises(VendorFault):
        [zone async for zone in handle.capability("dns").zones()]
    await handle.aclose()
