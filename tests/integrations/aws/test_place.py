"""Packages to S3, on moto: parts that arrived are not sent again, and what the store says is held against what was read."""

from __future__ import annotations

import os
from pathlib import Path

import bagit
import pytest

from integrations.aws.place import S3Place
from integrations.aws.provider import AwsHandle
from tenantry.errors import Conflict, DestinationFull, NotDelivered, PermissionMissing, TenantryError, Unreachable
from tenantry.handover.deliver import deliver
from tenantry.handover.source import FolderSource
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import Account, AwsStand, Call
from tests.tenantry.handover.scenes import INFO, Crooked, fill

MB = 1024 * 1024


@pytest.fixture
def place(account: Account, handle: AwsHandle) -> S3Place:
    account.client("s3").create_bucket(
        Bucket=bucket(account), CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return handle.place(bucket(account), "from msp/acme")


def bucket(account: Account) -> str:
    return f"theirs-{account.id}"


def downloaded(account: Account, folder: Path) -> Path:
    client = account.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket(account)):
        for row in page["Contents"]:
            to = folder / row["Key"]
            to.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket(account), row["Key"], str(to))
    return folder / "from msp" / "acme"


async def test_a_package_arrives_whole(account: Account, place: S3Place, tmp_path: Path) -> None:
    fill(tmp_path / "source", large=9 * MB)
    receipt = await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
    bagit.Bag(str(downloaded(account, tmp_path / "got"))).validate(processes=1)
    assert receipt.place == f"s3://{bucket(account)}/from msp/acme"


async def test_parts_that_arrived_are_not_sent_again(account: Account, place: S3Place, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(os.urandom(17 * MB))
    crooked = Crooked(place)
    crooked.stop_after = 2
    with pytest.raises(Unreachable):
        await deliver(FolderSource(tmp_path / "source"), crooked, tmp_path / "work", INFO)
    crooked.stop_after = None
    receipt = await deliver(FolderSource(tmp_path / "source"), crooked, tmp_path / "work", INFO)
    assert receipt.sent == 1 * MB
    bagit.Bag(str(downloaded(account, tmp_path / "got"))).validate(processes=1)


async def test_an_upload_that_somebody_gave_up_is_begun_again(account: Account, place: S3Place, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(os.urandom(9 * MB))
    crooked = Crooked(place)
    crooked.stop_after = 1
    with pytest.raises(Unreachable):
        await deliver(FolderSource(tmp_path / "source"), crooked, tmp_path / "work", INFO)
    client = account.client("s3")
    (upload,) = client.list_multipart_uploads(Bucket=bucket(account))["Uploads"]
    client.abort_multipart_upload(Bucket=bucket(account), Key=upload["Key"], UploadId=upload["UploadId"])
    crooked.stop_after = None
    receipt = await deliver(FolderSource(tmp_path / "source"), crooked, tmp_path / "work", INFO)
    assert receipt.sent == receipt.size


@pytest.mark.parametrize("large", [False, True])
async def test_a_write_whose_answer_never_came_is_looked_up(
    aws: AwsStand, place: S3Place, tmp_path: Path, large: bool
) -> None:
    """A file's PUT, and the POST that completes an upload (the second one): done, and not answered."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(os.urandom(9 * MB if large else 10))
    posts = []

    def watch(call: Call) -> None:
        if call.service == "s3" and call.operation.startswith("POST" if large else "PUT"):
            posts.append(call)
            if len(posts) == (2 if large else 1):
                aws.fault("s3", "POST" if large else "PUT", None, after=True)

    aws.watch = watch
    receipt = await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
    assert [fault.times for fault in aws.faults] == [0]
    assert receipt.sent == receipt.size


async def test_an_object_that_is_another_there_is_named(account: Account, place: S3Place, tmp_path: Path) -> None:
    fill(tmp_path / "source")
    client, real = account.client("s3"), place.put

    async def put(name: str, data: bytes) -> None:
        await real(name, data)
        if name == "data/empty":
            client.put_object(Bucket=bucket(account), Key="from msp/acme/data/empty", Body=b"x")

    place.put = put
    with pytest.raises(NotDelivered, match="empty: "):
        await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(507, b"<Error><Code>InsufficientStorage</Code></Error>"), DestinationFull),
        (Reply(403, b"<Error><Code>XMinioAdminBucketQuotaExceeded</Code></Error>"), DestinationFull),
        (Reply(403, b"<Error><Code>AccessDenied</Code></Error>"), PermissionMissing),
    ],
)
async def test_a_store_that_is_full_says_so(
    aws: AwsStand, place: S3Place, tmp_path: Path, reply: Reply, error: type[TenantryError]
) -> None:
    fill(tmp_path / "source")
    aws.fault("s3", "PUT", reply, times=100)
    with pytest.raises(error):
        await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)


async def test_somebody_elses_prefix_is_left_alone(account: Account, place: S3Place, tmp_path: Path) -> None:
    fill(tmp_path / "source")
    account.client("s3").put_object(Bucket=bucket(account), Key="from msp/acme/old", Body=b"x")
    with pytest.raises(Conflict, match="old"):
        await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)


def test_an_upload_has_few_enough_parts(place: S3Place) -> None:
    for size in (1, 8 * MB, 70 * 1024 * MB, 5 * 1024 * 1024 * MB):
        part = place.part_bytes(size)
        assert part >= 5 * MB
        assert -(-size // part) <= 10_000
