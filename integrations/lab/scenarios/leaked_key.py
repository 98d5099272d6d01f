"""A leaked access key: the deployment user's key lay in a public repository, and somebody uses it.

About nine hours before the lab begins the attacker asks who the key is, makes an administrator with a key, a password and a second factor, lets an account of
their own assume a role, makes a role for themselves, gives another user a second key, stops the trail, and starts large machines in two regions, the last ones
with the new administrator's key. Beside it the deployment goes on with the same key from its own address, and an operator hires somebody.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.cloud.account import ADMINISTRATOR, HOME, REGIONS, CloudAccount
from integrations.lab.cloud.logs import event
from integrations.lab.state import Story

ATTACKER_IP = "203.0.113.66"
OTHER_ATTACKER_IP = "203.0.113.71"
DEPLOY_IP = "198.51.100.20"
OFFICE_IP = "198.51.100.7"
ATTACKER_ACCOUNT = "999988887777"
_AGENT = "Boto3/1.26.0 Python/3.9.2 Linux/5.10"


class Script:
    """Writes the log as the acts are made up. ``first``: another story's script in the same account begins with another number."""

    def __init__(self, account: CloudAccount, first: int = 0) -> None:
        self.account = account
        self._number = first

    def by(self, user: str, key: str, ip: str, at: datetime, operation: str, **facts: Any) -> None:
        self._number += 1
        actor = f"arn:aws:iam::{self.account.id}:user/{user}"
        facts.setdefault("user_agent", "aws-cli/2.15.30" if ip.startswith("198.") else _AGENT)
        event(self.account, self._number, at, operation, actor=actor, access_key=key, ip=ip, **facts)


def ordinary(account: CloudAccount) -> None:
    """What the account has without any story."""
    account.principal("group", "operators", attached=(ADMINISTRATOR,))
    account.principal("user", "dana.ops", groups=("group/operators",), login=True)
    account.principal("user", "kim.ops", groups=("group/operators",), login=True)
    account.device("user/dana.ops", "dana.ops", account.start - timedelta(days=300))
    account.principal("user", "ci-deploy")
    account.principal("role", "build")
    account.key("user/dana.ops", "own")
    account.key("user/ci-deploy", "deploy", id=account.lab.access_key)
    for name in ("web-1", "db-1"):
        account.machine(name)
    policy = {"region": HOME, "state": "enabled", "deletion": None}
    account.add("kms", account.made_up("", "kms", "data", size=32), policy)
    vault = {"region": HOME, "name": "Default", "points": 2, "locked": False, "policy": None}
    account.add("vaults", f"arn:aws:backup:{HOME}:{account.id}:backup-vault:Default", vault)
    for bucket in ("files", "backups"):
        row = {"created": account.start - timedelta(days=500), "versioned": True, "lock": bucket == "backups"}
        account.add("buckets", f"{bucket}-{account.id}", {**row, "policy": None})


def furnish(account: CloudAccount, story: Story) -> None:
    """The account with its story."""
    ordinary(account)
    script = Script(account)
    key = next(record.id for record in account.table("keys") if record.props["owner"] == "user/ci-deploy")
    dana = next(record.id for record in account.table("keys") if record.props["owner"] == "user/dana.ops")
    began = account.start - timedelta(hours=9)
    story.began_at = began
    story.compromised = ["user/ci-deploy"]
    story.accounts |= {"key": key, "user": "ci-deploy"}
    story.attacker = {"ips": [ATTACKER_IP, OTHER_ATTACKER_IP], "account": ATTACKER_ACCOUNT}
    _every_day(script, key, dana)
    _look_alikes(script, story, key, dana, began)
    new_key = _footholds(script, story, key, began)
    _machines(script, story, key, new_key, began + timedelta(hours=2))
    story.innocent += ["user/dana.ops/keys/" + dana, "user/dana.ops/login", "user/dana.ops/mfa", "user/kim.ops"]
    story.innocent += ["role/TenantryResponse", "group/operators", *_instances(account, "web-1", "db-1")]
    account.events.sort(key=lambda row: (row["at"], row["id"]))


def _every_day(script: Script, key: str, dana: str) -> None:
    """The key's ordinary life, from one address, for three weeks."""
    for day in range(1, 22):
        at = script.account.start - timedelta(days=day, hours=3)
        for n, operation in enumerate(("GetCallerIdentity", "DescribeInstances", "GetObject")):
            moment = at + timedelta(minutes=n)
            script.by("ci-deploy", key, DEPLOY_IP, moment, operation, service="sts" if not n else "ec2", region=HOME)
        script.by("dana.ops", dana, OFFICE_IP, at + timedelta(hours=1), "ListUsers")


def _look_alikes(script: Script, story: Story, key: str, dana: str, began: datetime) -> None:
    account = script.account
    web = account.machine("web-2", at=began + timedelta(hours=1))
    script.by(
        *("ci-deploy", key, DEPLOY_IP, began + timedelta(hours=1), "RunInstances"),
        service="ec2",
        region=HOME,
        request={"instanceType": "t3.large"},
        response={"instancesSet": {"items": [{"instanceId": web}]}},
    )
    hired = began + timedelta(hours=3)
    account.principal("user", "new.hire", at=hired, login=True)
    for operation, response in (
        ("CreateUser", {"user": {"userName": "new.hire"}}),
        ("CreateLoginProfile", {"loginProfile": {"userName": "new.hire"}}),
    ):
        script.by("dana.ops", dana, OFFICE_IP, hired, operation, request={"userName": "new.hire"}, response=response)
    story.innocent += [f"instances/{web}", "user/new.hire"]


def _footholds(script: Script, story: Story, key: str, began: datetime) -> str:
    account = script.account

    def act(minutes: int, operation: str, **facts: Any) -> None:
        script.by("ci-deploy", key, ATTACKER_IP, began + timedelta(minutes=minutes), operation, **facts)

    for n, operation in enumerate(("GetCallerIdentity", "ListUsers", "ListRoles", "GetAccountAuthorizationDetails")):
        act(n, operation)
    act(5, "CreatePolicyVersion", error="AccessDenied", request={"policyArn": "arn:aws:iam::aws:policy/x"})

    name, at = "svc-backup-sync", began + timedelta(minutes=8)
    account.principal("user", name, at=at, attached=(ADMINISTRATOR,), login=True)
    made = account.key(f"user/{name}", "attacker", at=at)
    device = account.device(f"user/{name}", name, at)
    act(8, "CreateUser", request={"userName": name}, response={"user": {"userName": name}})
    act(9, "AttachUserPolicy", request={"userName": name, "policyArn": ADMINISTRATOR})
    act(
        10,
        "CreateAccessKey",
        request={"userName": name},
        response={"accessKey": {"accessKeyId": made, "userName": name}},
    )
    act(11, "CreateLoginProfile", request={"userName": name}, response={"loginProfile": {"userName": name}})
    act(12, "EnableMFADevice", request={"userName": name, "serialNumber": device})
    story.artefacts["user"] = {"ref": f"user/{name}", "key": made, "device": device, "at": iso(at)}

    second = account.key("user/dana.ops", "attacker", at=began + timedelta(minutes=15))
    given = {"accessKey": {"accessKeyId": second, "userName": "dana.ops"}}
    act(15, "CreateAccessKey", request={"userName": "dana.ops"}, response=given)
    story.artefacts["second_key"] = {"ref": "user/dana.ops", "key": second}

    stranger = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ATTACKER_ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
    role = account.truth("principals", "role/build").props
    role["trust"] = {**role["trust"], "Statement": [*role["trust"]["Statement"], stranger]}
    act(18, "UpdateAssumeRolePolicy", request={"roleName": "build", "policyDocument": json.dumps(role["trust"])})
    story.artefacts["trust"] = {"ref": "role/build", "principal": stranger["Principal"]}

    trust = {"Version": "2012-10-17", "Statement": [stranger]}
    account.principal("role", "AccountAudit", at=began + timedelta(minutes=22), attached=(ADMINISTRATOR,), trust=trust)
    act(22, "CreateRole", request={"roleName": "AccountAudit"}, response={"role": {"roleName": "AccountAudit"}})
    act(23, "AttachRolePolicy", request={"roleName": "AccountAudit", "policyArn": ADMINISTRATOR})
    story.artefacts["role"] = {"ref": "role/AccountAudit"}

    # The deployment user gets more rights than it had, too.
    user = account.truth("principals", "user/ci-deploy").props
    user["attached"] = [*user["attached"], ADMINISTRATOR]
    act(25, "AttachUserPolicy", request={"userName": "ci-deploy", "policyArn": ADMINISTRATOR})
    story.artefacts["attachment"] = {"ref": "user/ci-deploy", "policy": ADMINISTRATOR}

    (trail,) = account.table("trails")
    trail.props["recording"] = False
    act(28, "StopLogging", service="cloudtrail", region=HOME, request={"name": trail.id})
    story.artefacts["trail"] = {"id": trail.id}
    finding = f"guardduty:{HOME}:lab:{account.made_up('', 'finding', size=32)}"
    account.add(
        "findings",
        finding,
        {
            "service": "guardduty",
            "region": HOME,
            "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
            "title": f"{key} was used from a malicious address",
            "severity": "high",
            "first_seen": began,
            "updated_at": began + timedelta(hours=1),
            "resources": (key, "ci-deploy"),
            "open": True,
        },
    )
    return made


def _machines(script: Script, story: Story, key: str, new_key: str, at: datetime) -> None:
    account, made = script.account, []
    for n, (user, used, ip, region) in enumerate(
        (
            ("ci-deploy", key, ATTACKER_IP, REGIONS[1]),
            ("svc-backup-sync", new_key, OTHER_ATTACKER_IP, HOME),
        )
    ):
        moment = at + timedelta(minutes=7 * n)
        id = account.machine(f"worker-{n}", region=region, kind="p3.16xlarge", at=moment)
        given = {"instancesSet": {"items": [{"instanceId": id}]}}
        request = {"instanceType": "p3.16xlarge"}
        script.by(user, used, ip, moment, "RunInstances", service="ec2", region=region, request=request, response=given)
        made.append(id)
    story.artefacts["instances"] = {"ids": made}


def _instances(account: CloudAccount, *names: str) -> list[str]:
    return [f"instances/{record.id}" for record in account.table("instances") if record.props["name"] in names]
