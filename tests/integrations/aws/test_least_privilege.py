"""The policy that is exported for a client's role, enforced by the counterpart: a runbook runs to its end with it and with nothing more, what lies
outside is refused, and a role that is revoked in mid-run stops the run, which goes on when it is given back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.aws.provider import PROVIDER, AwsHandle
from tenantry.capabilities import Message
from tenantry.discovery import TaskRegistry
from tenantry.errors import PermissionMissing
from tenantry.places import SHIPPED
from tenantry.run import RunState, Status
from tenantry.runbook import load_runbook
from tests.support.aws_gaps import record
from tests.support.aws_stand import REGIONS, Account, AwsStand, Call
from tests.support.lab_stand import SUBJECT
from tests.support.stand import QUICK, Access, Stand

PATH = SHIPPED / "incidents" / "leaked_cloud_key.yaml"
PATIENT = replace(QUICK, lease_life=15.0, effect_timeout_cap=12.0)
BAD, OWN, STRANGER = "203.0.113.66", "198.51.100.20", "999988887777"
WIDE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Messages:
    """``messenger`` that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, Message] = {}

    async def sent(self, key: str, channel: str = "mail") -> bool | None:
        return key in self.kept

    async def send(self, message: Message) -> None:
        self.kept[message.key] = message


class AwsAccess(Access):
    handle: AwsHandle
    messages: Messages

    async def capability(self, name: str) -> Any:
        return self.messages if name == "messenger" else self.handle.capability(name)


@dataclass
class Incident:
    """A leaked key in a real-looking account, and a run of the runbook there."""

    aws: AwsStand
    account: Account
    stand: Stand
    access: AwsAccess
    key: str
    second: str
    machine: str

    async def go_on(self) -> RunState:
        """Until it stops by itself; every question is answered with yes."""
        while True:
            state = await self.stand.engine(self.access, PATIENT).run("run-1")
            if state.ended is not None or not self.stand.answer("run-1", "ann", reason="checked"):
                return state

    def failures(self) -> set[str]:
        return {step["error"]["code"] for step in self.stand.view()["steps"] if step["outcome"] == "failed"}

    @property
    def policy(self) -> dict[str, Any]:
        """As `tenantry tenants least-privilege` prints it for this runbook."""
        runbook = load_runbook(PATH, self.stand.registry)
        tasks = [self.stand.registry.get(step.uses) for step in runbook.steps]
        names = {name for task in tasks for p in task.permissions if p.vendor == "aws" for name in p.names}
        return dict(json.loads(PROVIDER.least_privilege(sorted(names), self.account.settings()).text))


@pytest.fixture(scope="module")
def registry() -> TaskRegistry:
    return TaskRegistry.discover(entry_points=False)


@pytest.fixture
async def incident(aws: AwsStand, account: Account, tmp_path: Path, registry: TaskRegistry) -> AsyncIterator[Incident]:
    key, second, machine = attacked(aws, account)
    stand = Stand(tmp_path, registry)
    stand.person("ann", "approver", "engineer", "lead")
    access = AwsAccess(subject=SUBJECT)
    access.handle, access.messages = await account.open(), Messages()
    stand.create(PATH.read_text(), {"access_key": key, "known_good_ips": [OWN]}, source=PATH.name)
    yield Incident(aws, account, stand, access, key, second, machine)
    await access.handle.aclose()
    stand.close()


def attacked(aws: AwsStand, account: Account) -> tuple[str, str, str]:
    """What the attacker did, and what the log says of it."""
    iam, ec2, trails = (account.client(name) for name in ("iam", "ec2", "cloudtrail"))
    admin = iam.create_policy(PolicyName="Everything", PolicyDocument=json.dumps(WIDE))["Policy"]["Arn"]
    for name in ("ci-deploy", "kim.ops", "svc-backup"):
        iam.create_user(UserName=name)
    iam.attach_user_policy(UserName="kim.ops", PolicyArn=admin)
    iam.create_login_profile(UserName="kim.ops", Password="Old-passw0rd!x")
    iam.create_group(GroupName="deployers")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "sts:AssumeRole"},
        ],
    }
    iam.create_role(RoleName="build", AssumeRolePolicyDocument=json.dumps(trust))
    key = iam.create_access_key(UserName="ci-deploy")["AccessKey"]["AccessKeyId"]
    second = iam.create_access_key(UserName="svc-backup")["AccessKey"]["AccessKeyId"]
    iam.create_login_profile(UserName="svc-backup", Password="Their-passw0rd!x")
    iam.attach_user_policy(UserName="svc-backup", PolicyArn=admin)
    iam.attach_user_policy(UserName="ci-deploy", PolicyArn=admin)
    iam.put_group_policy(GroupName="deployers", PolicyName="theirs", PolicyDocument=json.dumps(WIDE))
    machine = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    bucket = f"trail-{account.id}"
    account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    trail = trails.create_trail(Name="all", S3BucketName=bucket)["TrailARN"]
    account.client("guardduty").create_detector(Enable=True)
    at = datetime.now(UTC) - timedelta(hours=3)
    acts: tuple[tuple[str, str, str, Any, Any], ...] = (
        ("CreateUser", "iam", "us-east-1", {"userName": "svc-backup"}, None),
        ("AttachUserPolicy", "iam", "us-east-1", {"userName": "svc-backup", "policyArn": admin}, None),
        ("CreateAccessKey", "iam", "us-east-1", {}, {"accessKey": {"accessKeyId": second, "userName": "svc-backup"}}),
        ("CreateLoginProfile", "iam", "us-east-1", {"userName": "svc-backup"}, None),
        ("AttachUserPolicy", "iam", "us-east-1", {"userName": "ci-deploy", "policyArn": admin}, None),
        ("PutGroupPolicy", "iam", "us-east-1", {"groupName": "deployers", "policyName": "theirs"}, None),
        (
            "UpdateAssumeRolePolicy",
            "iam",
            "us-east-1",
            {"roleName": "build", "policyDocument": json.dumps(trust)},
            None,
        ),
        ("RunInstances", "ec2", REGIONS[0], {}, {"instancesSet": {"items": [{"instanceId": machine}]}}),
        ("StopLogging", "cloudtrail", REGIONS[0], {"name": trail}, None),
    )
    aws.gaps.events[account.id] += [
        record(
            *(operation, at + timedelta(minutes=n)),
            source=source,
            key=key,
            account=account.id,
            region=region,
            ip=BAD,
            request=request,
            response=response,
        )
        for n, (operation, source, region, request, response) in enumerate(acts)
    ]
    return str(key), str(second), str(machine)


def contained(incident: Incident) -> None:
    iam, ec2 = incident.account.client("iam"), incident.account.client("ec2")
    (row,) = iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    assert row["Status"] == "Inactive"
    assert "svc-backup" not in {user["UserName"] for user in iam.list_users()["Users"]}
    assert iam.list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"] == []
    assert iam.list_group_policies(GroupName="deployers")["PolicyNames"] == []
    assert STRANGER not in json.dumps(iam.get_role(RoleName="build")["Role"]["AssumeRolePolicyDocument"])
    (found,) = ec2.describe_instances(InstanceIds=[incident.machine])["Reservations"][0]["Instances"]
    (interface,) = found["NetworkInterfaces"]
    assert [group["GroupName"] for group in interface["Groups"]] == ["tenantry-isolation"]
    assert incident.account.client("cloudtrail").get_trail_status(Name="all")["IsLogging"]
    assert incident.stand.state().item("verify_contained", None).output["contained"]


async def test_the_exported_policy_suffices_from_the_first_call_to_the_last(incident: Incident) -> None:
    incident.account.grant(incident.policy)
    state = await incident.go_on()
    assert state.ended is Status.COMPLETED, incident.failures()
    contained(incident)


async def test_what_the_policy_does_not_have_is_refused(incident: Incident) -> None:
    incident.account.grant(incident.policy)
    caller = incident.access.handle._caller
    for service, operation, params in (
        ("iam", "create_user", {"UserName": "x"}),
        ("ec2", "terminate_instances", {"InstanceIds": [incident.machine]}),
        ("cloudtrail", "delete_trail", {"Name": "all"}),
        ("ec2", "lock_snapshot", {"SnapshotId": "snap-1", "LockMode": "governance", "LockDuration": 1}),
    ):
        with pytest.raises(PermissionMissing) as caught:
            await caller.write(service, operation, **params)
        assert "policy" in caught.value.remedy
    assert incident.account.client("ec2").describe_instances()["Reservations"]
    await incident.access.handle.capability("cloud_identity").key(incident.key)


@pytest.mark.parametrize("at", ["UpdateAccessKey", "CreateSecurityGroup", "DescribeTrails"])
async def test_a_role_revoked_in_mid_run_stops_it_and_it_goes_on_when_it_is_given_back(
    incident: Incident, at: str
) -> None:
    """Each right is taken away at the moment of a call; what was done before stays done, and nothing is done twice."""
    incident.account.grant(incident.policy)

    def watch(call: Call) -> None:
        if call.operation == at and call.account == incident.account.id:
            incident.aws.watch = None
            incident.account.grant(None)

    incident.aws.watch = watch
    state = await incident.go_on()
    assert incident.aws.watch is None, "the call was made"
    assert state.ended is not Status.COMPLETED
    assert incident.failures() == {"permission_missing"}
    incident.account.grant(incident.policy)
    state = await incident.go_on()
    assert state.ended is Status.COMPLETED, incident.failures()
    contained(incident)
    made = Counter(call.operation for call in incident.aws.calls if call.account == incident.account.id)
    assert made["CreateSnapshot"] == 1
