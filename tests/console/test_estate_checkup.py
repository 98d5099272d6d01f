"""The check-up of the MSP's own credentials: whom the hub reaches, and that whatever it may do besides is a finding."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import yaml
from pydantic import SecretStr

from tenantry.names import MSP
from tests.console.desk import Desk
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, REGIONS, AwsStand, stand_fixture

ROLE = "arn:aws:iam::{}:role/TenantryResponse"


@pytest.fixture
def aws() -> Iterator[AwsStand]:
    yield from stand_fixture()


class Hub:
    """A user at AWS whose key is the estate's, and two clients."""

    def __init__(self, aws: AwsStand, desk: Desk) -> None:
        self.desk = desk
        self.user = f"tenantry-{uuid.uuid4().hex}"
        self.iam: Any = boto3.client(
            "iam",
            region_name=REGIONS[0],
            endpoint_url=aws.base_url,
            aws_access_key_id=HUB_KEY,
            aws_secret_access_key=HUB_SECRET,
        )
        self.iam.create_user(UserName=self.user)
        made = self.iam.create_access_key(UserName=self.user)["AccessKey"]
        self.secret = str(made["SecretAccessKey"])
        aws.strict = True
        hub = {
            "vendor": "aws",
            "settings": {"endpoint_url": aws.base_url},
            "secrets": {"key": f"vault:{MSP}/aws-key"},
        }
        mail = {
            "vendor": "messages",
            "settings": {"via": "smtp", "host": "smtp.msp.example", "user": "i", "sender": "i@msp.example"},
            "secrets": {"password": f"vault:{MSP}/smtp"},
        }
        with desk.opened() as installation:
            home = installation.home
            home.estate.write_text(yaml.safe_dump({"providers": {"hub": hub, "mail": mail}}))
            installation.vault.put(MSP, "aws-key", SecretStr(f"{made['AccessKeyId']}:{self.secret}"))
            self.accounts = {name: aws.new_account() for name in ("acme", "globex")}
            for name, account in self.accounts.items():
                file = {
                    "name": name,
                    "display_name": name,
                    "estate_handles": {"hub": account.id},
                    "providers": {"aws": {"vendor": "aws", "settings": account.settings()}},
                }
                (home.tenants / f"{name}.yaml").write_text(yaml.safe_dump(file))

    def grant(self, policy: str) -> None:
        self.iam.put_user_policy(UserName=self.user, PolicyName="hub", PolicyDocument=policy)


@pytest.fixture
def hub(aws: AwsStand, desk: Desk) -> Iterator[Hub]:
    yield Hub(aws, desk)
    aws.strict = False


def test_what_is_printed_is_given_and_nothing_is_found(hub: Hub) -> None:
    printed = hub.desk("tenants", "check", MSP, "--least-privilege").stdout
    hub.grant(printed)
    report = hub.desk.json("tenants", "check", MSP)
    (one,) = report["providers"]  # of the relay each client's check-up tells
    assert (one["name"], one["of"], one["signed_in"], one["over_privileged"]) == ("hub", "estate", True, [])
    assert one["facts"]["may_assume"] == sorted(ROLE.format(account.id) for account in hub.accounts.values())
    assert (report["ok"], report["problems"]) == (True, [])
    shown = hub.desk("tenants", "check", MSP).stdout
    assert all(ROLE.format(account.id) in shown for account in hub.accounts.values())
    assert hub.secret not in f"{printed}{report}{shown}"


def test_what_goes_beyond_is_a_finding(hub: Hub) -> None:
    policy = json.loads(hub.desk("tenants", "check", MSP, "--least-privilege").stdout)
    policy["Statement"][0]["Resource"] = ["arn:aws:iam::*:role/*"]
    policy["Statement"].append({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    hub.grant(json.dumps(policy))
    report = hub.desk.json("tenants", "check", MSP, code=1)
    assert len(report["problems"]) == 2
    wide, buckets = sorted(report["problems"], reverse=True)
    assert wide.startswith("hub: sts:AssumeRole on arn:aws:iam::*:role/* is more than it is for; grant ")
    assert all(ROLE.format(account.id) in wide for account in hub.accounts.values())
    assert buckets == "hub: s3:* on * is more than it is for"


def test_a_client_that_it_does_not_reach_and_one_whose_file_is_broken(hub: Hub) -> None:
    text = hub.desk("tenants", "check", MSP, "--least-privilege").stdout
    hub.grant(text)
    (hub.desk.home / "tenants" / "globex.yaml").write_text("name: [")
    report = hub.desk.json("tenants", "check", MSP, code=1)
    gone = ROLE.format(hub.accounts["globex"].id)
    assert any(problem.startswith("the file of globex cannot be read") for problem in report["problems"])
    assert [one["name"] for one in report["providers"][0]["over_privileged"]] == [f"sts:AssumeRole on {gone}"]


def test_what_expired_is_a_finding_and_what_will_is_told(hub: Hub) -> None:
    hub.grant(hub.desk("tenants", "check", MSP, "--least-privilege").stdout)
    now = datetime.now(UTC)
    with hub.desk.opened() as installation:
        installation.vault.put(MSP, "smtp", "x", expires_at=now - timedelta(days=1))
        installation.vault.put(MSP, "hook", "x", expires_at=now + timedelta(days=9, hours=1))
    report = hub.desk.json("tenants", "check", MSP, code=1)
    assert [one.partition(" ")[0] for one in report["problems"]] == [f"vault:{MSP}/smtp"]
    assert report["warnings"] == [f"vault:{MSP}/hook expires in 9 days"]


def test_a_clients_expired_credential_is_a_finding_too(hub: Hub) -> None:
    with hub.desk.opened() as installation:
        installation.vault.create_tenant_key("acme")
        installation.vault.put("acme", "vpn/psk", "x", expires_at=datetime.now(UTC) - timedelta(days=1))
    report = hub.desk.json("tenants", "check", "acme", code=1)
    assert any(problem.startswith("vault:acme/vpn/psk expired on ") for problem in report["problems"])
    assert not any("vpn/psk" in warning for warning in report["warnings"])


def test_runbooks_say_nothing_of_the_estate(hub: Hub) -> None:
    said = hub.desk.refused("tenants", "check", MSP, "--least-privilege", "--runbook", "ransomware", code=2)
    assert "does not follow from runbooks" in said
