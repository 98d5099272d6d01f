"""A first client's AWS account, from nothing to proven: the template is applied as it was printed, by the account's administrator."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from console.connecting import aws_renewal
from console.main import cli
from tenantry.journal import Journal
from tenantry.vault import Vault
from tests.console.desk import Desk
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, Account, AwsStand, stand_fixture
from tests.support.canary import leaks
from tests.support.faults import Errand, Kill, Killer, Zygote, kill_at_append
from tests.support.rotation import APPENDS, CALLS, SIGKILLED, WHERE
from tests.support.rotation import zygote as make_zygote

ESTATE = """\
providers:
  aws:
    vendor: aws
    settings: {{endpoint_url: "{url}"}}
    secrets: {{access_key: "vault:_msp/aws-access-key", secret_key: "vault:_msp/aws-secret-key"}}
known_networks: [192.0.2.0/24]
"""


@pytest.fixture
def aws() -> Iterator[AwsStand]:
    yield from stand_fixture()


@pytest.fixture
def client(desk: Desk, aws: AwsStand, tmp_path: Path) -> Account:
    """A client whose administrator can do anything in the account, and an MSP with a hub."""
    file = tmp_path / "acme.yaml"
    file.write_text("name: acme  # the first one\ndisplay_name: Acme\n", encoding="utf-8")
    desk.json("tenants", "add", str(file))
    (desk.home / "estate.yaml").write_text(ESTATE.format(url=aws.base_url), encoding="utf-8")
    for name, value in (("aws-access-key", HUB_KEY), ("aws-secret-key", HUB_SECRET)):
        desk.json("vault", "put", "--tenant", "_msp", name, given=value)
    return aws.new_account(role="Administrator")


def begin(desk: Desk, client: Account, *more: str, code: int = 3) -> dict[str, Any]:
    found: dict[str, Any] = desk.json(
        "connect", "aws", "acme", "--account", client.id, "--region", "eu-central-1", *more, code=code
    )
    return found


def sheet(found: dict[str, Any], file: str) -> Any:
    return json.loads(next(one["text"] for one in found["sheets"] if one["file"] == file))


def apply(aws: AwsStand, client: Account, template: dict[str, Any]) -> str:
    """As CloudFormation would: the role with what the template says; and the stand demands what the trust policy demands."""
    properties = template["Resources"]["Role"]["Properties"]
    iam = client.client("iam")
    made = iam.create_role(
        RoleName=properties["RoleName"],
        Path=properties["Path"],
        MaxSessionDuration=properties["MaxSessionDuration"],
        AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
    )["Role"]["Arn"]
    for policy in properties["Policies"]:
        iam.put_role_policy(
            RoleName=properties["RoleName"],
            PolicyName=policy["PolicyName"],
            PolicyDocument=json.dumps(policy["PolicyDocument"]),
        )
    (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
    aws.roles[made] = statement["Condition"]["StringEquals"]["sts:ExternalId"]
    return str(made)


def granted(policy: Mapping[str, Any]) -> set[str]:
    """Every action that a policy allows, on whatever."""
    actions = [statement["Action"] for statement in policy["Statement"]]
    return {action for named in actions for action in ([named] if isinstance(named, str) else named)}


def test_from_nothing_to_proven(desk: Desk, aws: AwsStand, client: Account) -> None:
    first = begin(desk, client)
    assert {step["id"]: step["state"] for step in first["steps"]} == {
        "external_id": "done",
        "hub": "done",
        "sign_in": "theirs",
    }
    shown = "\n".join(first["changed"])
    external = sheet(first, "aws-trust.json")["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"]
    assert external in shown
    assert f"+  aws: '{client.id}'" in shown
    assert "# the first one" in (desk.home / "tenants" / "acme.yaml").read_text()
    role = apply(aws, client, sheet(first, "aws-role.json"))
    allowed = granted(sheet(first, "aws-permissions.json"))
    aws.gaps.allowed[client.id] = allowed | {"iam:CreateUser"}
    wide = desk.json("connect", "aws", "acme", code=1)
    assert [step["text"] for step in wide["steps"] if step["state"] == "failed"] == [
        "iam:CreateUser is more than any runbook needs"
    ]
    aws.gaps.allowed[client.id] = allowed

    done = desk.json("connect", "aws", "acme")
    assert done["ok"], done["steps"]
    assert done["changed"] == []
    assert sheet(done, "aws-trust.json") == sheet(first, "aws-trust.json")
    assert done["check"]["facts"]["role"] == role
    assert done["check"]["missing"] == done["check"]["over_privileged"] == []
    assert done["callers"] == ["192.0.2.0/24"]


def test_only_the_hub_may_assume_it(desk: Desk, aws: AwsStand, client: Account) -> None:
    (statement,) = sheet(begin(desk, client), "aws-trust.json")["Statement"]
    assert statement["Principal"]["AWS"].startswith("arn:aws:")
    assert not statement["Principal"]["AWS"].endswith(":root")
    hub = "arn:aws:iam::999999999999:role/Hub"
    (named,) = sheet(begin(desk, client, "--hub", hub), "aws-trust.json")["Statement"]
    assert named["Principal"] == {"AWS": hub}


def test_every_client_has_an_external_id_of_its_own(desk: Desk, aws: AwsStand, client: Account, tmp_path: Path) -> None:
    for name in ("beta", "gamma"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"name: {name}\ndisplay_name: {name}\n", encoding="utf-8")
        desk.json("tenants", "add", str(file))
    ours = begin(desk, client)
    other = desk.json("connect", "aws", "beta", "--account", "123456789012", "--region", "eu-central-1", code=3)
    ids = [
        sheet(found, "aws-trust.json")["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"]
        for found in (ours, other)
    ]
    assert len(set(ids)) == 2
    assert all(len(one) > 30 for one in ids)
    account = ("--account", client.id, "--region", "eu-central-1")
    assert "called the same" in desk.refused("connect", "aws", "gamma", *account, code=5)
    assert "123456789012" in desk.refused("connect", "aws", "beta", "--provider", "second", *account, code=5)


def test_a_role_that_anybody_of_the_hub_may_be_led_to_is_named(desk: Desk, aws: AwsStand, client: Account) -> None:
    role = apply(aws, client, sheet(begin(desk, client), "aws-role.json"))
    aws.roles[role] = None  # the administrator left the condition out
    found = desk.json("connect", "aws", "acme", code=1)
    assert any("external id" in step["text"] for step in found["steps"] if step["state"] == "failed")


def test_what_cannot_be_is_refused_by_name(desk: Desk, client: Account) -> None:
    assert "--account" in desk.refused("connect", "aws", "acme", code=2)
    assert "--account" in desk.refused("connect", "aws", "acme", "--account", "12", "--region", "eu-central-1", code=2)
    assert "--region" in desk.refused("connect", "aws", "acme", "--account", client.id, "--region", "mars", code=2)
    begin(desk, client)
    assert client.id in desk.refused("connect", "aws", "acme", "--account", "123456789012", code=5)
    (desk.home / "estate.yaml").unlink()
    assert "hub" in desk.refused("connect", "aws", "acme", code=2)


def states(found: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["state"] for step in found["steps"]}


def named(desk: Desk) -> tuple[str, str]:
    """Role and external id, as the client's file has them."""
    said = yaml.safe_load((desk.home / "tenants" / "acme.yaml").read_text(encoding="utf-8"))
    settings = said["providers"]["aws"]["settings"]
    return settings["role"], settings["external_id"]


def connected(desk: Desk, aws: AwsStand, client: Account) -> str:
    first = begin(desk, client)
    aws.gaps.allowed[client.id] = granted(sheet(first, "aws-permissions.json"))
    role = apply(aws, client, sheet(first, "aws-role.json"))
    assert desk.json("connect", "aws", "acme")["ok"]
    return role


def test_a_new_role_takes_the_old_ones_place(desk: Desk, aws: AwsStand, client: Account) -> None:
    old_arn = connected(desk, aws, client)
    old = named(desk)
    asked = desk.json("connect", "aws", "acme", "--renew", code=3)
    assert states(asked)["renewal"] == "theirs"
    template = sheet(asked, "aws-role.json")
    assert template["Resources"]["Role"]["Properties"]["RoleName"] == "TenantryResponse-2"
    assert "--stack-name Tenantry-2 " in next(one["text"] for one in asked["sheets"] if one["file"] == "aws-create.sh")
    assert named(desk) == old, "the old one is in use until the new one is proven"
    again = desk.json("connect", "aws", "acme", "--renew", code=3)
    assert sheet(again, "aws-role.json") == template, "asked again it is the same one"

    new_arn = apply(aws, client, template)
    wanted, aws.roles[new_arn] = aws.roles[new_arn], None  # the administrator left the condition out
    assert states(desk.json("connect", "aws", "acme", code=3))["renewal"] == "theirs"
    assert named(desk) == old
    aws.roles[new_arn] = wanted

    switched = desk.json("connect", "aws", "acme", code=3)
    assert (states(switched)["renewal"], states(switched)["sign_in"]) == ("done", "done")
    assert states(switched)["old_role"] == "theirs", "it can still be assumed"
    assert named(desk) == ("TenantryResponse-2", wanted)
    assert wanted != old[1]
    assert "delete-stack --stack-name Tenantry " in next(
        one["text"] for one in switched["sheets"] if one["file"] == "aws-remove.sh"
    )
    aws.roles.pop(old_arn)
    done = desk.json("connect", "aws", "acme")
    assert done["ok"], done["steps"]
    assert states(done)["old_role"] == "done"
    last = desk.json("connect", "aws", "acme")
    assert last["ok"]
    assert "renewal" not in states(last)
    assert "rotations/aws/role" not in [one["name"] for one in desk.json("vault", "list", "--tenant", "acme")]
    assert leaks(desk.home.parent, {"the hub's key": HUB_SECRET}) == []


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


async def connecting(kill: Kill, *, home: str, arguments: list[str]) -> None:
    """The command, in a child that is killed around an entry of the record, or around what it writes to vault and file."""
    os.environ["TENANTRY_HOME"] = home
    counted = Killer(kill)

    def around(plain: Any) -> Any:
        def work(*given: Any, **more: Any) -> Any:
            last = counted.begins()
            answer = plain(*given, **more)
            if last:
                counted.ended()
            return answer

        return work

    if kill.where in APPENDS:
        opened = Journal.__init__

        def opening(journal: Journal, *given: Any, **more: Any) -> None:
            opened(journal, *given, **more)
            kill_at_append(journal, kill)

        Journal.__init__ = opening  # type: ignore[method-assign]  # in a child that ends with its command
    elif kill.where in CALLS:
        Vault.put, Vault.delete = around(Vault.put), around(Vault.delete)  # type: ignore[method-assign]  # likewise
        aws_renewal.set_entry = around(aws_renewal.set_entry)
    await asyncio.to_thread(CliRunner().invoke, cli, ["connect", "aws", "acme", *arguments])


def renewals(desk: Desk, aws: AwsStand, client: Account, zygote: Zygote, kills: Iterable[tuple[int, Kill]]) -> int:
    """One renewal after the other, the n-th of its three commands killed: what the file names works, and at the end nothing else does.

    Returns:
        how many were ended by SIGKILL.
    """
    connected(desk, aws, client)
    killed = 0
    for command, kill in kills:
        before = named(desk)
        for number, more in enumerate((["--renew"], [], []), 1):
            if number == command:
                given = {"home": str(desk.home), "arguments": more}
                (code,) = zygote.run(Errand(f"{__name__}:connecting", asdict(kill), given))
                killed += code == SIGKILLED
                works(aws, client, desk)
            code = desk("connect", "aws", "acme", *more).exit_code
            works(aws, client, desk)
            if number == 1:  # the administrator's turn
                made = desk.json("connect", "aws", "acme", code=3)
                new = sheet(made, "aws-role.json")
                if named(desk) == before:
                    apply(aws, client, new)
            if number == 2:
                desk("connect", "aws", "acme")
                assert named(desk) != before, kill
                aws.roles.pop(f"arn:aws:iam::{client.id}:role/{before[0]}")
        assert desk.json("connect", "aws", "acme")["ok"], kill
        live = [arn for arn in aws.roles if f"::{client.id}:role/TenantryResponse" in arn]
        assert live == [f"arn:aws:iam::{client.id}:role/{named(desk)[0]}"], kill
        assert "rotations/aws/role" not in [one["name"] for one in desk.json("vault", "list", "--tenant", "acme")]
    return killed


def works(aws: AwsStand, client: Account, desk: Desk) -> None:
    role, external_id = named(desk)
    assert aws.roles.get(f"arn:aws:iam::{client.id}:role/{role}") == external_id, "what the file names works"


def test_a_renewal_that_is_killed_goes_on(desk: Desk, aws: AwsStand, client: Account, zygote: Zygote) -> None:
    assert renewals(desk, aws, client, zygote, [(2, Kill("write_after", 1))]) == 1


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
def test_a_renewal_that_is_killed_everywhere_goes_on(
    desk: Desk, aws: AwsStand, client: Account, zygote: Zygote, where: str
) -> None:
    kills = [(command, Kill(where, nth)) for command in (1, 2, 3) for nth in range(1, 9 if where in APPENDS else 3)]
    assert renewals(desk, aws, client, zygote, kills) >= 3


def test_a_new_role_needs_a_name_of_its_own(desk: Desk, aws: AwsStand, client: Account) -> None:
    connected(desk, aws, client)
    assert "--role" in desk.refused("connect", "aws", "acme", "--renew", "--role", "tenantryresponse", code=2)
    asked = desk.json("connect", "aws", "acme", "--renew", "--role", "msp/Responder", code=3)
    properties = sheet(asked, "aws-role.json")["Resources"]["Role"]["Properties"]
    assert (properties["Path"], properties["RoleName"]) == ("/msp/", "Responder")


def test_addresses_are_those_of_the_regions() -> None:
    from integrations.aws.provider import PROVIDER

    settings = {"account": "123456789012", "role": "R", "external_id": "tn-12345678", "regions": ["eu-central-1"]}
    found = {one.host for one in PROVIDER.endpoints(settings, {})}
    assert {"sts.eu-central-1.amazonaws.com", "iam.amazonaws.com", "ec2.eu-central-1.amazonaws.com"} <= found
    assert all(one.port == 443 for one in PROVIDER.endpoints(settings, {}))
