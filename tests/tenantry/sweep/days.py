"""Days of logs that never were: quiet ones of a company at work, with all that looks like an attack and is none, and
attacks in other orders, accounts and regions than those that the rules were written beside."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 9, 14, 0, 0, tzinfo=UTC)
Row = dict[str, Any]
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/129.0 Safari/537.36 Edg/129.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"


class Maker:
    """A seeded source of events.

    Args:
        days: how many; work happens between 7 and 18 o'clock UTC.
    """

    def __init__(self, seed: int, days: int = 3) -> None:
        self.rng, self.days = random.Random(seed), days
        self.rows: list[Row] = []
        self.number = 0

    def id(self) -> str:
        self.number += 1
        return f"{self.rng.getrandbits(32):08x}-0000-4000-8000-{self.number:012x}"

    def at(self, day: int, hour: float | None = None) -> datetime:
        hour = self.rng.uniform(7, 18) if hour is None else hour
        return START + timedelta(days=day, hours=hour)

    def shuffled(self) -> list[Row]:
        """As exports come: in no order."""
        rows = list(self.rows)
        self.rng.shuffle(rows)
        return rows


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- Amazon -----------------------------------------------------------------------------------------------------------


class Aws(Maker):
    account = "444455556666"

    def user(self, name: str) -> Row:
        return {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::{self.account}:user/{name}",
            "accountId": self.account,
            "accessKeyId": f"AKIA{name.upper():0<16}"[:20],
            "userName": name,
        }

    def role(self, role: str, session: str, key: str | None = None) -> Row:
        issuer = {"type": "Role", "arn": f"arn:aws:iam::{self.account}:role/{role}", "userName": role}
        arn = f"arn:aws:sts::{self.account}:assumed-role/{role}/{session}"
        return {
            "type": "AssumedRole",
            "arn": arn,
            "accountId": self.account,
            "accessKeyId": key or f"ASIA{role}{session}",
            "sessionContext": {"sessionIssuer": issuer},
        }

    def call(
        self,
        at: datetime,
        who: Row,
        api: str,
        parameters: Any = None,
        *,
        ip: str = "203.0.113.10",
        agent: str = "aws-cli/2.17",
        region: str = "eu-west-1",
        error: str | None = None,
        **more: Any,
    ) -> Row:
        service, _, name = api.partition(":")
        row = {
            "eventVersion": "1.09", "userIdentity": who, "eventTime": stamp(at), "eventSource": f"{service}.amazonaws.com", "eventName": name,
            "awsRegion": region, "sourceIPAddress": ip, "userAgent": agent, "requestParameters": parameters, "responseElements": None,
            "eventID": self.id(), "readOnly": name.startswith(("Get", "List", "Describe", "Head")), "eventType": "AwsApiCall",
            "managementEvent": True, "recipientAccountId": self.account, **more,
        }  # fmt: skip
        if error:
            row["errorCode"] = error
        self.rows.append(row)
        return row

    def quiet(self) -> None:
        """People in the console, infrastructure code, deployments, scanners, backups, autoscaling, secrets for pods."""
        terraform = "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) aws-sdk-go-v2/1.30"
        for day in range(self.days):
            for person in ("ada@corp.example", "ben@corp.example", "cy@corp.example"):
                who = self.role("AWSReservedSSO_Developer_1f", person, f"ASIACONSOLE{person[:3]}{day}")
                for _ in range(60):
                    api = self.rng.choice(
                        [
                            "ec2:DescribeInstances",
                            "s3:ListBuckets",
                            "cloudwatch:GetMetricData",
                            "iam:ListRoles",
                            "lambda:ListFunctions20150331",
                            "rds:DescribeDBInstances",
                            "logs:DescribeLogGroups",
                            "ce:GetCostAndUsage",
                            "iam:ListUsers",
                            "secretsmanager:ListSecrets",
                        ]
                    )
                    self.call(
                        self.at(day),
                        who,
                        api,
                        ip=self.rng.choice(["203.0.113.10", "AWS Internal"]),
                        agent="AWS Internal",
                    )
                self.call(
                    self.at(day),
                    who,
                    "secretsmanager:GetSecretValue",
                    {"secretId": f"team/{person[:3]}"},
                    agent="AWS Internal",
                )
                self.call(
                    self.at(day), who, "iam:ListPolicies", ip="203.0.113.10", agent="AWS Internal", error="AccessDenied"
                )
                self.call(
                    self.at(day),
                    who,
                    "signin:ConsoleLogin",
                    None,
                    agent=BROWSERS[0],
                    responseElements={"ConsoleLogin": "Success"},
                    additionalEventData={"MFAUsed": "No"},
                )
            deploy = self.role("ci-deploy", f"gha-{day}")
            begin = self.at(day, 10)
            for number in range(40):
                at = begin + timedelta(seconds=number * 2)
                self.call(at, deploy, "secretsmanager:DescribeSecret", {"secretId": f"app/{number}"}, agent=terraform)
                self.call(
                    at,
                    deploy,
                    "secretsmanager:GetSecretValue",
                    {"secretId": f"app/{number}", "versionId": f"v{number}"},
                    agent=terraform,
                )
                self.call(
                    at,
                    deploy,
                    "ec2:DescribeInstanceAttribute",
                    {"instanceId": f"i-{number:017x}", "attribute": "userData"},
                    agent=terraform,
                )
                self.call(at, deploy, "iam:GetRole", {"roleName": f"r{number}"}, agent=terraform)
            self.call(
                begin,
                deploy,
                "iam:CreateRole",
                {
                    "roleName": f"svc{day}",
                    "assumeRolePolicyDocument": json.dumps(
                        {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Principal": {"Service": "lambda.amazonaws.com"},
                                    "Action": "sts:AssumeRole",
                                }
                            ]
                        }
                    ),
                },
                agent=terraform,
            )
            self.call(
                begin,
                deploy,
                "ec2:AuthorizeSecurityGroupIngress",
                {
                    "groupId": "sg-1",
                    "ipPermissions": {
                        "items": [
                            {
                                "ipProtocol": "tcp",
                                "fromPort": 443,
                                "toPort": 443,
                                "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                            }
                        ]
                    },
                },
                agent=terraform,
            )
            self.call(
                begin,
                deploy,
                "lambda:UpdateFunctionCode20150331v2",
                {"functionName": "api", "s3Bucket": "builds", "s3Key": "x.zip"},
                agent=terraform,
            )
            self.call(
                begin,
                deploy,
                "s3:PutBucketLifecycle",
                {
                    "bucketName": "scratch",
                    "LifecycleConfiguration": {
                        "Rule": {"Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
                    },
                },
                agent=terraform,
            )
            self.call(
                begin,
                deploy,
                "ec2:RunInstances",
                {
                    "instancesSet": {"items": [{"imageId": "ami-1", "minCount": 2, "maxCount": 2}]},
                    "instanceType": "m6i.large",
                },
                agent=terraform,
            )
            scanner = self.role("SecurityAudit", "scan")
            scan = self.at(day, 3)
            for number, api in enumerate(SCAN):
                self.call(
                    scan + timedelta(seconds=number),
                    scanner,
                    api,
                    agent="Boto3/1.35 Botocore/1.35",
                    error="AccessDenied" if number % 9 == 0 else None,
                )
            pods = self.role("external-secrets", "k8s")
            for hour in range(24):
                for number in range(25):
                    self.call(
                        self.at(day, hour),
                        pods,
                        "secretsmanager:GetSecretValue",
                        {"secretId": f"prod/{number}"},
                        ip="10.0.3.4",
                        agent="aws-sdk-go/1.55",
                    )
            for number in range(12):
                self.call(
                    self.at(day, 1) + timedelta(seconds=number),
                    {"type": "AWSService", "invokedBy": "dlm.amazonaws.com"},
                    "ec2:DeleteSnapshot",
                    {"snapshotId": f"s{number}"},
                    ip="dlm.amazonaws.com",
                )
            patch = self.role("patching", "ssm")
            for number in range(20):
                self.call(
                    self.at(day, 2) + timedelta(seconds=number),
                    patch,
                    "ssm:SendCommand",
                    {"documentName": "AWS-RunPatchBaseline", "instanceIds": [f"i-{number}"]},
                )
            web = self.role("web", "i-0aa11bb22cc33dd44")
            for _ in range(100):
                self.call(
                    self.at(day, self.rng.uniform(0, 24)),
                    web,
                    self.rng.choice(
                        ["s3:GetObject", "sqs:ReceiveMessage", "kms:Decrypt", "ssm:UpdateInstanceInformation"]
                    ),
                    ip="18.200.1.9",
                    agent="aws-sdk-java/2.27",
                )
            self.call(
                self.at(day),
                web,
                "ssm:GetParametersByPath",
                {"path": "/app", "withDecryption": True},
                ip="18.200.1.9",
                agent="aws-sdk-java/2.27",
            )
        self.call(
            self.at(1),
            self.role("AWSReservedSSO_Admin_2c", "ada@corp.example"),
            "iam:CreateRole",
            {
                "roleName": "monitoring-vendor",
                "assumeRolePolicyDocument": json.dumps(
                    {
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"AWS": "arn:aws:iam::777788889999:root"},
                                "Action": "sts:AssumeRole",
                                "Condition": {"StringEquals": {"sts:ExternalId": "abc"}},
                            }
                        ]
                    }
                ),
            },
            agent="AWS Internal",
        )

    def attack(self, day: int) -> dict[str, list[str]]:
        """A stolen key of a program: look around, make an account, read secrets, switch detection off, take a copy, mine."""
        steps: dict[str, list[str]] = {}
        ci = self.user("report-sync")
        at = self.at(day, 2.3)
        how: Row = {
            "ip": "45.9.148.3",
            "agent": "Boto3/1.34 md/Botocore#1.34 ua/2.0 os/linux#6.1",
            "region": "us-west-2",
        }

        def do(step: str, api: str, parameters: Any = None, who: Row | None = None, **more: Any) -> None:
            nonlocal at
            at += timedelta(seconds=self.rng.randint(2, 20))
            steps.setdefault(step, []).append(self.call(at, who or ci, api, parameters, **{**how, **more})["eventID"])

        for api in (
            "sts:GetCallerIdentity",
            "iam:ListUsers",
            "iam:ListRoles",
            "s3:ListBuckets",
            "ec2:DescribeInstances",
            "iam:ListAttachedUserPolicies",
            "secretsmanager:ListSecrets",
            "lambda:ListFunctions20150331",
            "rds:DescribeDBInstances",
            "iam:GetAccountSummary",
            "ses:GetSendQuota",
        ):
            do("enumerate", api, error="AccessDenied" if api.startswith("ses") else None)
        for number in range(9):
            do("secrets", "secretsmanager:GetSecretValue", {"secretId": f"prod/db{number}"})
        do("user", "iam:CreateUser", {"userName": "aws-support-sync"})
        do(
            "user",
            "iam:AttachUserPolicy",
            {"userName": "aws-support-sync", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        )
        do("key", "iam:CreateAccessKey", {"userName": "aws-support-sync"})
        do("key", "iam:CreateLoginProfile", {"userName": "aws-support-sync"})
        new = self.user("aws-support-sync")
        do("detection", "guardduty:UpdateDetector", {"detectorId": "d", "enable": False}, new)
        do("trail", "cloudtrail:UpdateTrail", {"name": "main", "isMultiRegionTrail": False}, new)
        do(
            "snapshot",
            "rds:ModifyDBClusterSnapshotAttribute",
            {"dBClusterSnapshotIdentifier": "s", "attributeName": "restore", "valuesToAdd": ["999900001111"]},
            new,
        )
        do(
            "role",
            "iam:UpdateAssumeRolePolicy",
            {
                "roleName": "Admin",
                "policyDocument": json.dumps(
                    {
                        "Statement": [
                            {"Effect": "Allow", "Principal": {"AWS": "999900001111"}, "Action": "sts:AssumeRole"}
                        ]
                    }
                ),
            },
            new,
        )
        do(
            "mining",
            "ec2:RunInstances",
            {
                "instancesSet": {"items": [{"imageId": "ami-9", "minCount": 1, "maxCount": 30}]},
                "instanceType": "c6i.32xlarge",
            },
            new,
            region="ap-southeast-3",
        )
        do(
            "port",
            "ec2:AuthorizeSecurityGroupIngress",
            {
                "groupId": "sg-2",
                "ipPermissions": {"items": [{"ipProtocol": "-1", "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]},
            },
            new,
        )
        for number in range(6):
            do("shell", "ssm:SendCommand", {"documentName": "AWS-RunShellScript", "instanceIds": [f"i-{number}"]}, new)
        do("token", "sts:GetFederationToken", {"name": "x"}, new)
        thief = self.role("web", "i-0aa11bb22cc33dd44")
        do("instance", "sts:GetCallerIdentity", None, thief, agent="aws-cli/2.15 Python/3.11 Linux/6.8")
        do("instance", "s3:ListBuckets", None, thief, agent="aws-cli/2.15 Python/3.11 Linux/6.8")
        return steps


SCAN = [
    f"{service}:{verb}{noun}"
    for service, nouns in {
        "iam": ("Users", "Roles", "Policies", "Groups", "AccountSummary"), "ec2": ("Instances", "SecurityGroups", "Snapshots", "Volumes", "Vpcs"),
        "s3": ("Buckets", "BucketAcl", "BucketPolicy"), "rds": ("DBInstances", "DBSnapshots"), "lambda": ("Functions20150331",), "kms": ("Keys",),
        "cloudtrail": ("Trails", "EventSelectors"), "guardduty": ("Detectors",), "ecr": ("Repositories",), "eks": ("Clusters",), "sqs": ("Queues",),
    }.items()
    for noun in nouns
    for verb in (("Describe", "List") if service in ("ec2", "rds") else ("List",))
]  # fmt: skip


# --- Microsoft --------------------------------------------------------------------------------------------------------


class Microsoft(Maker):
    domain = "corp.example"

    def __init__(self, seed: int, days: int = 3, users: int = 120) -> None:
        super().__init__(seed, days)
        self.users = [f"user{number:03d}@{self.domain}" for number in range(users)]
        self.sign_ins: list[Row] = []
        self.audits: list[Row] = []

    def home(self, user: str) -> str:
        return f"84.{self.users.index(user) % 200}.7.{self.users.index(user) % 250}"

    def ual(
        self,
        at: datetime,
        user: str,
        operation: str,
        *,
        ip: str | None = None,
        workload: str = "Exchange",
        parameters: Row | None = None,
        modified: Row | None = None,
        user_type: int = 0,
        **more: Any,
    ) -> str:
        row: Row = {
            "CreationTime": stamp(at)[:-1],
            "Id": self.id(),
            "Operation": operation,
            "Workload": workload,
            "UserId": user,
            "UserType": user_type,
            "RecordType": 1,
            "ResultStatus": "Success",
            "ClientIP": ip or "62.10.4.4",
            "OrganizationName": f"{self.domain.split('.')[0]}.onmicrosoft.com",
            **more,
        }
        if parameters:
            row["Parameters"] = [{"Name": name, "Value": value} for name, value in parameters.items()]
        if modified:
            row["ModifiedProperties"] = [
                {"Name": name, "NewValue": value, "OldValue": ""} for name, value in modified.items()
            ]
        self.rows.append(row)
        return str(row["Id"])

    def sign_in(
        self,
        at: datetime,
        user: str,
        *,
        error: int = 0,
        ip: str = "62.10.4.4",
        agent: str = BROWSERS[0],
        country: str = "NL",
        place: tuple[float, float] = (52.4, 4.9),
        **more: Any,
    ) -> str:
        row: Row = {
            "id": self.id(), "createdDateTime": stamp(at), "userPrincipalName": user, "userDisplayName": user, "userId": user, "appId": "x",
            "appDisplayName": "Office 365 Exchange Online", "ipAddress": ip, "clientAppUsed": "Browser", "isInteractive": True, "userAgent": agent,
            "resourceDisplayName": "Office 365", "status": {"errorCode": error}, "deviceDetail": {"operatingSystem": "Windows"},
            "riskLevelDuringSignIn": "none", "riskState": "none", "riskEventTypes_v2": [],
            "location": {"city": "x", "countryOrRegion": country, "geoCoordinates": {"latitude": place[0], "longitude": place[1]}},
            "authenticationProtocol": "none", "authenticationRequirement": "multiFactorAuthentication", **more,
        }  # fmt: skip
        self.sign_ins.append(row)
        session = more.get("sessionId")
        logged = {
            "ErrorNumber": str(error),
            "ExtendedProperties": [{"Name": "UserAgent", "Value": agent}],
            "DeviceProperties": [{"Name": "SessionId", "Value": session}] if session else [],
        }
        self.ual(
            at,
            user,
            "UserLoggedIn" if not error else "UserLoginFailed",
            ip=ip,
            workload="AzureActiveDirectory",
            **logged,
        )
        return str(row["id"])

    def audit(
        self,
        at: datetime,
        who: str,
        activity: str,
        *,
        target: str = "",
        kind: str = "User",
        app: str | None = None,
        modified: Row | None = None,
    ) -> str:
        properties = [
            {"displayName": name, "oldValue": "[]", "newValue": json.dumps(value)}
            for name, value in (modified or {}).items()
        ]
        row: Row = {
            "id": self.id(), "activityDateTime": stamp(at), "activityDisplayName": activity, "category": "Directory", "result": "success",
            "loggedByService": "Core Directory", "initiatedBy": {"app": {"displayName": app}} if app else {"user": {"userPrincipalName": who, "ipAddress": "62.10.4.4"}},
            "targetResources": [{"displayName": target, "userPrincipalName": target if kind == "User" else None, "type": kind, "modifiedProperties": properties}],
        }  # fmt: skip
        self.audits.append(row)
        return str(row["id"])

    def quiet(self) -> None:
        """An office behind one address, telephones, people at home and on journeys, passwords that expire, rules for
        newsletters, shared mailboxes, the system account, roles through PIM."""
        rng = self.rng
        system = "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)"
        for day in range(self.days):
            for user in self.users:
                index = self.users.index(user)
                if index == 20 and day == self.days - 1:
                    continue  # on a journey
                browser = BROWSERS[index % 2]
                session = f"s-{index}-{day}"
                if rng.random() < 0.1:
                    self.sign_in(self.at(day), user, error=50126, agent=browser)
                self.sign_in(self.at(day), user, agent=browser, sessionId=session)
                self.sign_in(self.at(day), user, agent=browser, ip=self.home(user), sessionId=session)
                if rng.random() < 0.5:
                    self.sign_in(
                        self.at(day), user, agent=PHONE, ip=f"31.{index % 60}.2.{day}", sessionId=f"p-{index}-{day}"
                    )
                if rng.random() < 0.3:
                    self.sign_in(self.at(day), user, error=50074, agent=browser)
                for _ in range(6):
                    self.ual(
                        self.at(day),
                        user,
                        "MailItemsAccessed",
                        ClientInfoString="Client=OWA",
                        AppId="00000002-0000-0ff1-ce00-000000000000",
                    )
                    self.ual(
                        self.at(day),
                        user,
                        rng.choice(["FileAccessed", "FileDownloaded", "FileModified"]),
                        workload="SharePoint",
                    )
            for user in rng.sample(self.users, 6):
                self.ual(
                    self.at(day),
                    user,
                    "New-InboxRule",
                    parameters={"Name": "Newsletters", "From": "news@list.example", "MoveToFolder": "Newsletters"},
                )
            self.ual(
                self.at(day),
                self.users[3],
                "New-InboxRule",
                parameters={"Name": "Invoices", "SubjectContainsWords": "invoice", "MoveToFolder": "Invoices"},
            )
            self.ual(
                self.at(day),
                self.users[4],
                "Set-Mailbox",
                parameters={
                    "Identity": self.users[4],
                    "ForwardingSmtpAddress": f"smtp:{self.users[5]}",
                    "DeliverToMailboxAndForward": "True",
                },
            )
            for user in rng.sample(self.users, 30):
                self.ual(
                    self.at(day),
                    system,
                    "Add-MailboxPermission",
                    parameters={"Identity": user, "User": "S-1-5-21", "AccessRights": "FullAccess"},
                    user_type=3,
                )
                self.ual(
                    self.at(day),
                    system,
                    "Set-Mailbox",
                    parameters={"Identity": user, "ForwardingSmtpAddress": "smtp:x@journal.example"},
                    user_type=3,
                )
            for user in rng.sample(self.users, 5):
                self.ual(self.at(day), user, "AddFolderPermissions")
                self.audit(
                    self.at(day),
                    user,
                    "Consent to application",
                    target="Calendar helper",
                    kind="ServicePrincipal",
                    modified={
                        "ConsentAction.Permissions": "[] => [[ConsentType: Principal, Scope: User.Read Calendars.Read openid]]"
                    },
                )
                self.audit(self.at(day), user, "User registered security info", target=user)
                self.audit(self.at(day), user, "Update user", target=user, modified={"Department": ["x"]})
            self.audit(
                self.at(day),
                "admin@corp.example",
                "Add member to role completed (PIM activation)",
                target=self.users[0],
                modified={"Role.DisplayName": "Global Administrator"},
            )
            self.audit(
                self.at(day),
                "",
                "Add member to role",
                target=self.users[0],
                app="MS-PIM",
                modified={"Role.DisplayName": "Global Administrator"},
            )
            self.audit(
                self.at(day),
                "admin@corp.example",
                "Update conditional access policy",
                target="Require MFA",
                kind="Policy",
                modified={"ConditionalAccessPolicy": json.dumps({"state": "enabled", "displayName": "x"})},
            )
            self.audit(self.at(day), "admin@corp.example", "Reset user password", target=self.users[9])
        traveller = self.users[20]
        self.sign_in(
            self.at(self.days - 1, 16), traveller, agent=BROWSERS[0], ip="201.4.4.4", country="BR", place=(-23.5, -46.6)
        )
        self.sign_in(
            self.at(self.days - 1, 17), traveller, agent=BROWSERS[0], ip="201.4.4.4", country="BR", place=(-23.5, -46.6)
        )
        for number in range(3):
            self.sign_in(
                self.at(1) + timedelta(seconds=number),
                "printer@corp.example",
                agent="",
                ip="62.10.4.4",
                clientAppUsed="Authenticated SMTP",
                authenticationRequirement="singleFactorAuthentication",
            )

    # The attacks: each gives the ids of what it did, by step.

    def business_email_compromise(self, day: int) -> dict[str, list[str]]:
        """A session taken by a proxy, a method added, a rule that hides answers, mail sent."""
        victim, bad = self.users[11], "185.220.101.7"
        at = self.at(day, 9)
        chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"
        first = self.sign_in(at - timedelta(minutes=30), victim, agent=BROWSERS[1], sessionId="stolen")
        second = self.sign_in(at, victim, ip=bad, agent=chrome, country="NG", place=(6.5, 3.4), sessionId="stolen")
        method = self.audit(at + timedelta(minutes=4), victim, "User registered security info", target=victim)
        return {
            "session": [first, second],
            "method": [method],
            "rule": [
                self.ual(
                    at + timedelta(minutes=9),
                    victim,
                    "New-InboxRule",
                    ip=bad,
                    parameters={
                        "Name": "..",
                        "SubjectOrBodyContainsWords": "invoice;bank;payment",
                        "MoveToFolder": "RSS Feeds",
                        "MarkAsRead": "True",
                    },
                )
            ],
            "forward": [
                self.ual(
                    at + timedelta(minutes=12),
                    victim,
                    "Set-Mailbox",
                    ip=bad,
                    parameters={"Identity": victim, "ForwardingSmtpAddress": "smtp:inbox@mailbox.example"},
                )
            ],
        }

    def consent_phishing(self, day: int) -> dict[str, list[str]]:
        """A user lets a stranger's application read mail."""
        victim = self.users[33]
        at = self.at(day, 13)
        scopes = "[] => [[ConsentType: Principal, Scope: User.Read Mail.Read Mail.Send offline_access]]"
        return {
            "consent": [
                self.audit(
                    at,
                    victim,
                    "Consent to application",
                    target="Doc viewer",
                    kind="ServicePrincipal",
                    modified={"ConsentAction.Permissions": scopes},
                )
            ],
            "consent in the unified log": [
                self.ual(
                    at,
                    victim,
                    "Consent to application.",
                    workload="AzureActiveDirectory",
                    modified={"ConsentAction.Permissions": scopes},
                )
            ],
        }

    def spray(self, day: int) -> dict[str, list[str]]:
        """One address, many accounts, one that opens."""
        at, bad = self.at(day, 4), "193.32.10.9"
        failed = [
            self.sign_in(
                at + timedelta(seconds=20 * number),
                user,
                error=50126,
                ip=bad,
                agent="",
                country="RU",
                place=(55.7, 37.6),
            )
            for number, user in enumerate(self.users[40:70])
        ]
        return {
            "spray": failed,
            "opened": [
                self.sign_in(
                    at + timedelta(minutes=20), self.users[55], ip=bad, agent="", country="RU", place=(55.7, 37.6)
                )
            ],
        }

    def device_code(self, day: int) -> dict[str, list[str]]:
        """A code that came by mail."""
        return {
            "device code": [
                self.sign_in(
                    self.at(day, 15),
                    self.users[70],
                    ip="45.76.1.1",
                    country="US",
                    place=(40.7, -74.0),
                    authenticationProtocol="deviceCode",
                )
            ]
        }

    def persistence(self, day: int) -> dict[str, list[str]]:
        """An administrator's account in other hands: roles, secrets, federation, exceptions, logs."""
        admin, at = "admin@corp.example", self.at(day, 23)
        return {
            "role": [
                self.audit(
                    at,
                    admin,
                    "Add member to role",
                    target=self.users[80],
                    modified={"Role.DisplayName": "Privileged Role Administrator"},
                )
            ],
            "secret": [
                self.audit(
                    at,
                    admin,
                    "Update application – Certificates and secrets management ",
                    target="Backup",
                    kind="Application",
                    modified={"KeyDescription": ["x"]},
                )
            ],
            "permission": [
                self.audit(
                    at,
                    admin,
                    "Add app role assignment to service principal",
                    target="Backup",
                    kind="ServicePrincipal",
                    modified={"AppRole.Value": "full_access_as_app"},
                )
            ],
            "federation": [self.audit(at, admin, "Set domain authentication", target="corp.example", kind="Domain")],
            "exception": [
                self.audit(at, admin, "Delete conditional access policy", target="Require MFA", kind="Policy")
            ],
            "mfa": [self.audit(at, admin, "Disable Strong Authentication", target=self.users[81])],
            "transport": [
                self.ual(
                    at,
                    admin,
                    "New-TransportRule",
                    parameters={"Name": "archive", "BlindCopyTo": "copy@box.example"},
                    user_type=2,
                )
            ],
            "audit": [
                self.ual(
                    at,
                    admin,
                    "Set-AdminAuditLogConfig",
                    parameters={"UnifiedAuditLogIngestionEnabled": "False"},
                    user_type=2,
                )
            ],
            "mailbox": [
                self.ual(
                    at,
                    admin,
                    "Add-MailboxPermission",
                    parameters={"Identity": "ceo", "User": admin, "AccessRights": "FullAccess"},
                    user_type=2,
                )
            ],
        }
