"""`tenantry vault rotate`: a lab's secret and the estate's own key, from the command line."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from console import labtenant
from integrations.lab import LabServer
from tenantry.capabilities.credentials import LABEL
from tests.console.desk import TENANT, Desk, carry
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, REGIONS, AwsStand, stand_fixture

ROTATE = ("vault", "rotate", "--tenant", "_msp", "aws-key", "--as", labtenant.LEAD)


@pytest.fixture
def aws() -> Iterator[AwsStand]:
    yield from stand_fixture()


@pytest.fixture
def hub(desk: Desk, aws: AwsStand) -> Iterator[str]:
    """A hub whose user has one key, stored with both halves in one; its id."""
    iam = boto3.client(
        "iam",
        region_name=REGIONS[0],
        endpoint_url=aws.base_url,
        aws_access_key_id=HUB_KEY,
        aws_secret_access_key=HUB_SECRET,
    )
    iam.create_user(UserName=f"tenantry-{desk.home.parent.name}")
    made = iam.create_access_key(UserName=f"tenantry-{desk.home.parent.name}")["AccessKey"]
    value = f"{made['AccessKeyId']}:{made['SecretAccessKey']}"
    desk.json("vault", "put", "--tenant", "_msp", "aws-key", given=value)
    block = f'{{endpoint_url: "{aws.base_url}"}}'
    text = f'providers:\n  aws:\n    vendor: aws\n    settings: {block}\n    secrets: {{key: "vault:_msp/aws-key"}}\n'
    (desk.home / "estate.yaml").write_text(text, encoding="utf-8")
    with desk.opened() as installation:
        labtenant.register(installation, TENANT, "http://127.0.0.1:9", labtenant.lab_for(TENANT, users=20))
    aws.strict = True
    yield str(made["AccessKeyId"])
    aws.strict = False


def test_a_lab_as_the_command_serves_it_can_rotate(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tenantry lab` registers our application in the lab's tenant, so a reader can try it."""
    monkeypatch.setattr("flows.launch.resume", carry)
    lab = labtenant.lab_for(TENANT, scenario="quiet", users=20, application="here")
    with LabServer(lab) as server:
        desk.register(server.base_url, lab)
        plan = desk.json("vault", "rotate", "--tenant", TENANT, "m365/client-secret", "--mode", "plan")
        assert plan["status"] == "planned"
        assert lab.audit == []
        done = desk.json("vault", "rotate", "--tenant", TENANT, "m365/client-secret")
        assert done["status"] == "completed"
        assert lab.own_registration is not None
        (now,) = lab.own_registration.props["passwordCredentials"]
        assert now["displayName"].startswith(LABEL)
        assert desk.json("vault", "show", "--tenant", TENANT, "m365/client-secret")["version"] == 2
        lab.reset()  # as POST /_lab/reset: what it signs in with is not part of the story
        assert desk.json("vault", "rotate", "--tenant", TENANT, "m365/client-secret")["status"] == "completed"


def test_the_estates_own_key(desk: Desk, hub: str) -> None:
    assert "lead" in desk.refused("vault", "rotate", "--tenant", "_msp", "aws-key", code=5)
    done = desk.json(*ROTATE, given=desk.code(labtenant.LEAD))
    assert done["status"] == "completed", done
    assert done["tenant"] == "_msp"
    assert desk.json("vault", "show", "--tenant", "_msp", "aws-key")["version"] == 2
    with desk.opened() as installation:
        value = installation.vault.get("_msp", "aws-key").get_secret_value().decode()
        assert not value.startswith(hub)
        assert value.partition(":")[2] not in str(installation.journal.tail("_msp"))
    assert [run["tenant"] for run in desk.json("runs", "list")] == ["_msp"]
    # A run of the estate is shown, exported and resumed like any other; one that has ended stays as it is.
    for name in ("run.md", "run.html"):
        file = desk.home.parent / name
        assert desk("timeline", done["run_id"], "--format", file.suffix[1:], "-o", str(file)).exit_code == 0
        assert "credential" in file.read_text(encoding="utf-8")
    folder = desk.home.parent / "evidence"
    assert "the MSP's own record" in desk.refused("evidence", "export", done["run_id"], "-o", str(folder), code=5)
    assert desk.json("resume", done["run_id"])["status"] == "completed"


def test_one_that_stopped_is_carried_on_by_resume(desk: Desk, hub: str, aws: AwsStand) -> None:
    aws.fault("iam", "CreateAccessKey", Reply.query_error(403, "AccessDenied"), times=9)
    stopped = desk.json(*ROTATE, given=desk.code(labtenant.LEAD), code=4)
    assert stopped["status"] == "paused_by_failed_step"
    aws.faults.clear()
    assert desk.json("resume", stopped["run_id"])["status"] == "completed"


def test_what_nobody_signs_in_with_is_refused(desk: Desk, hub: str) -> None:
    assert "no provider of _msp signs in with this" in desk.refused("vault", "rotate", "--tenant", "_msp", "x", code=2)
