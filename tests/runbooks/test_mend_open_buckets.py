"""A finding of a compliance sweep is mended from where it stands: planned first, approved, taken back; on an account at moto."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from pydantic import SecretStr

from flows.complying import mending
from flows.recording import prepare
from tenantry.errors import Conflict, InvalidInput, NotFound
from tenantry.names import MSP
from tenantry.run import Engine, Status
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, Account, the_stand
from tests.support.taken_on import POLICY, Client, client

GUARDED = "aws_foundations/buckets_guarded"
REQUESTER: dict[str, Any] = {"person": None, "proven": False, "via": "test"}


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[tuple[Client, Account]]:
    aws = the_stand()
    aws.forget()
    account = aws.new_account()
    for name in ("open", "shut"):
        account.client("s3").create_bucket(
            Bucket=f"{name}-{account.id}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    guard(account, "shut", closed=True)
    kept = ("m365/client-secret", "sink/token", "cloud/token")
    with client(tmp_path, kept=kept) as made:
        vault = made.installation.vault
        for name, value in (("hub-key", HUB_KEY), ("hub-secret", HUB_SECRET)):
            vault.put(MSP, name, SecretStr(value), kind="key")
        hub = {
            "vendor": "aws",
            "settings": {"endpoint_url": aws.base_url},
            "secrets": {"access_key": f"vault:{MSP}/hub-key", "secret_key": f"vault:{MSP}/hub-secret"},
        }
        made.installation.home.estate.write_text(yaml.safe_dump({"providers": {"hub": hub}}), encoding="utf-8")

        def at_moto(file: dict[str, Any]) -> None:
            del file["providers"]["cloud"]
            file["providers"]["aws"] = {"vendor": "aws", "settings": account.settings(regions=["eu-central-1"])}
            file["estate_handles"] = {"hub": account.id}

        made.edit(at_moto)
        yield made, account
    aws.forget()


def guard(account: Account, name: str, *, closed: bool) -> None:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    account.client("s3").put_public_access_block(
        Bucket=f"{name}-{account.id}", PublicAccessBlockConfiguration=dict.fromkeys(names, closed)
    )


def guarded(account: Account, name: str) -> bool:
    with contextlib.suppress(ClientError):
        held = account.client("s3").get_public_access_block(Bucket=f"{name}-{account.id}")
        return all(held["PublicAccessBlockConfiguration"].values())
    return False


def begin(acme: Client, runbook: str, params: dict[str, Any], mode: str = "run") -> str:
    return prepare(acme.installation, runbook, acme.name, params, mode, REQUESTER, None)


async def swept(acme: Client) -> None:
    state = await acme.carry(begin(acme, "compliance_sweep", {"baselines": ["aws_foundations"]}))
    assert state.ended is Status.COMPLETED, acme.installation.view(state.run_id)["steps"]


def recording(account: Account, trail: str) -> bool:
    return bool(account.client("cloudtrail").get_trail_status(Name=trail)["IsLogging"])


async def test_a_stopped_trail_records_again_once_it_is_approved(acme: tuple[Client, Account]) -> None:
    one, account = acme
    trails = account.client("cloudtrail")
    arns = [
        trails.create_trail(Name=name, S3BucketName=f"shut-{account.id}")["TrailARN"] for name in ("stopped", "runs")
    ]
    trails.start_logging(Name="runs")
    await swept(one)
    runbook, params = mending(one.installation, one.name, "aws_foundations/trails_record")
    assert (runbook, params) == ("mend_stopped_trails", {"trails": arns[:1]})

    planned = await one.carry(begin(one, runbook, params, "plan"))
    assert [step["outcome"] for step in one.installation.view(planned.run_id)["steps"]] == ["would_change"]
    assert not recording(account, "stopped")

    run = begin(one, runbook, params)
    await one.carry(run)
    assert not recording(account, "stopped"), "nobody has approved it yet"
    one.answer(run, "start")
    assert (await one.carry(run)).ended is Status.COMPLETED, one.installation.view(run)["steps"]
    assert recording(account, "stopped")

    async with one.installation.access(one.name, "run", params) as access:
        await Engine(one.installation.surroundings(), access, policy=POLICY).undo(run, step=None, by=REQUESTER)
    assert recording(account, "stopped"), "an undo of the whole run does not blind anybody"


async def test_planned_approved_mended_and_taken_back(acme: tuple[Client, Account]) -> None:
    one, account = acme
    name = f"open-{account.id}"
    with pytest.raises(NotFound, match="nobody has looked"):
        mending(one.installation, one.name, GUARDED)
    await swept(one)
    runbook, params = mending(one.installation, one.name, GUARDED)
    assert (runbook, params) == ("mend_open_buckets", {"buckets": [name]})

    planned = await one.carry(begin(one, runbook, params, "plan"))
    assert {(step["id"], step["outcome"]) for step in one.installation.view(planned.run_id)["steps"]} == {
        ("close", "would_change")
    }
    assert not guarded(account, "open")

    run = begin(one, runbook, params)
    await one.carry(run)
    assert [step for step, _ in one.waits(run)] == ["close"]
    assert not guarded(account, "open")
    one.answer(run, "close")
    assert (await one.carry(run)).ended is Status.COMPLETED, one.installation.view(run)["steps"]
    assert guarded(account, "open")
    await swept(one)
    with pytest.raises(Conflict, match="did not fail"):
        mending(one.installation, one.name, GUARDED)

    async with one.installation.access(one.name, "run", params) as access:
        await Engine(one.installation.surroundings(), access, policy=POLICY).undo(run, step=None, by=REQUESTER)
    assert not guarded(account, "open")
    assert guarded(account, "shut")

    await swept(one)
    for about, wrong in ((("never",), "not never"), ((name, "never"), "not never")):
        with pytest.raises(InvalidInput, match=wrong):
            mending(one.installation, one.name, GUARDED, about)
    assert mending(one.installation, one.name, GUARDED, (name,))[1] == {"buckets": [name]}
    with pytest.raises(InvalidInput, match="no runbook mends"):
        mending(one.installation, one.name, "aws_foundations/root_second_factor")
