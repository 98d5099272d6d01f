"""What the vendor may do to us, and what becomes of it. Every class of botocore's is somebody's."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3.exceptions
import botocore.exceptions as boto
import botocore.httpchecksum  # defines exceptions of its own  # noqa: F401
import pytest

from integrations.aws.errors import FATES, Fate, code_of, fate_of, mapped
from integrations.aws.provider import AwsHandle
from integrations.turns import Turns, held, shared_in
from tenantry import deadline
from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    Rejected,
    SignInFailed,
    TargetNotFound,
    TenantryError,
    Throttled,
    TimedOut,
    VendorFault,
)
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import QUICK, Account, AwsStand


def _below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


@pytest.mark.parametrize("kind", sorted(set(_below(boto.BotoCoreError)), key=str), ids=lambda kind: kind.__name__)
def test_every_exception_of_botocore_is_somebodys(kind: type[BaseException]) -> None:
    if kind.__module__.startswith("boto3"):
        return
    names = [each.__name__ for each in kind.__mro__ if each.__module__.startswith("botocore")]
    assert any(name in FATES for name in names), f"{kind.__name__} stands in no row of FATES"
    raised = kind.__new__(kind)
    for write in (False, True):
        assert isinstance(mapped(raised, "iam.X", write=write), TenantryError)


def test_what_is_not_botocores_is_not_swallowed() -> None:
    assert fate_of(ValueError()) is None
    assert mapped(KeyError("x"), "iam.X", write=True) is None
    assert issubclass(boto3.exceptions.Boto3Error, Exception)


def client_error(code: str, status: int) -> boto.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "canary-vendor-text"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1", "HTTPHeaders": {"retry-after": "7"}},
    }
    return boto.ClientError(response, "X")


@pytest.mark.parametrize(
    ("code", "status", "read", "write"),
    [
        ("Throttling", 400, Throttled, Throttled),
        ("RequestLimitExceeded", 503, Throttled, Throttled),
        ("Whatever", 429, Throttled, Throttled),
        ("InternalError", 500, VendorFault, InDoubt),
        ("ServiceUnavailable", 503, VendorFault, InDoubt),
        ("502", 502, VendorFault, InDoubt),
        ("404", 404, VendorFault, Rejected),
        ("", 0, VendorFault, Rejected),
        ("ExpiredToken", 400, SignInFailed, SignInFailed),
        ("SignatureDoesNotMatch", 403, SignInFailed, SignInFailed),
        ("AccessDenied", 403, PermissionMissing, PermissionMissing),
        ("UnauthorizedOperation", 403, PermissionMissing, PermissionMissing),
        ("NoSuchEntity", 404, TargetNotFound, TargetNotFound),
        ("InvalidInstanceID.NotFound", 400, TargetNotFound, TargetNotFound),
        ("LimitExceeded", 409, Rejected, Rejected),
        ("MalformedPolicyDocument", 400, Rejected, Rejected),
    ],
)
def test_codes(code: str, status: int, read: type[TenantryError], write: type[TenantryError]) -> None:
    for kind, writes in ((read, False), (write, True)):
        error = mapped(client_error(code, status), "iam.X", write=writes)
        assert type(error) is kind
        assert "canary-vendor-text" not in f"{error.message}{error.detail}"
        assert error.detail.get("request_id") == "r-1"
        if isinstance(error, Throttled):
            assert error.retry_after == 7
    assert code_of(client_error(code, status)) == code


def test_fates_are_of_all_kinds() -> None:
    assert set(FATES.values()) == set(Fate)


# --- through the whole stack ------------------------------------------------------------------------------------------


@pytest.fixture
def key(account: Account) -> str:
    iam = account.client("iam")
    iam.create_user(UserName="ci")
    return str(iam.create_access_key(UserName="ci")["AccessKey"]["AccessKeyId"])


def active(account: Account, key: str) -> bool:
    (row,) = account.client("iam").list_access_keys(UserName="ci")["AccessKeyMetadata"]
    assert row["AccessKeyId"] == key
    return bool(row["Status"] == "Active")


@pytest.mark.parametrize("reply", [Reply.html(502), Reply(500), Reply.query_error(503, "ServiceUnavailable"), None])
async def test_a_read_is_repeated_and_then_the_vendors_fault(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str, reply: Reply | None
) -> None:
    identity = handle.capability("cloud_identity")
    aws.fault("iam", "ListUsers", reply, times=2)
    assert [p.ref async for p in identity.principals("user")] == ["user/ci"]
    aws.fault("iam", "ListUsers", reply, times=3)
    with pytest.raises(VendorFault):
        [p async for p in identity.principals("user")]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<!DOCTYPE html><html><body>Sign in to the guest network</body></html>", "text/html"),
        Reply(200, b"<html><body>well formed</body></html>", "text/html"),
        Reply(200, b""),
        Reply(200, b"<ListUsersResponse><ListUsersResult><Users>"),
        Reply(200, b"<ListUsersResponse><ListUsersResult><Users><member><UserName>\xff\xfe</UserName>"),
        Reply(200, "<ListUsersResponse/>".encode("utf-16")),
        Reply(200, b"\x1f\x8b\x08no gzip", headers=(("Content-Encoding", "gzip"),)),
    ],
    ids=["html", "well formed html", "nothing", "half", "no UTF-8", "UTF-16", "no gzip"],
)
async def test_nothing_is_concluded_from_an_answer_that_makes_no_sense(
    aws: AwsStand, handle: AwsHandle, reply: Reply
) -> None:
    aws.fault("iam", "ListUsers", reply, times=9)
    with pytest.raises(VendorFault):
        [p async for p in handle.capability("cloud_identity").principals("user")]


async def test_nor_where_botocore_looks_into_the_answer_a_second_time(
    aws: AwsStand, account: Account, handle: AwsHandle
) -> None:
    """Of a bucket's place, which older regions answer in a form of their own."""
    location = {"LocationConstraint": "eu-central-1"}
    account.client("s3").create_bucket(Bucket=f"b-{account.id}", CreateBucketConfiguration=location)
    for reply in (Reply(200, b"no page at all"), Reply(200, b"")):
        aws.fault("s3", "GET /b-", reply, times=3)
        with pytest.raises(VendorFault):
            [bucket async for bucket in handle.capability("storage").buckets()]
    assert [bucket.region async for bucket in handle.capability("storage").buckets()] == ["eu-central-1"]


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"trailList": "\xff"}', '{"trailList": []}'.encode("utf-16"), b"{}", b""]
)
async def test_nor_from_json_that_is_none(aws: AwsStand, handle: AwsHandle, body: bytes) -> None:
    aws.fault("cloudtrail", "DescribeTrails", Reply(200, body, "application/x-amz-json-1.1"), times=9)
    with pytest.raises(VendorFault):
        await handle.capability("cloud_logs").trails()


async def test_a_page_that_broke_off_is_read_again(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str
) -> None:
    aws.fault("iam", "ListUsers", None, cut=True)
    assert [p.ref async for p in handle.capability("cloud_identity").principals("user")] == ["user/ci"]
    assert aws.made()["iam", "ListUsers"] >= 2


@pytest.mark.parametrize(
    "reply", [None, Reply.html(502), Reply(500), Reply(200, b"<html><p>no"), Reply(200, b"\xff\xfe<")]
)
@pytest.mark.parametrize("after", [True, False])
async def test_a_write_without_an_answer_is_in_doubt_and_sent_once(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str, reply: Reply | None, after: bool
) -> None:
    aws.fault("iam", "UpdateAccessKey", reply, after=after, times=9)
    with pytest.raises(InDoubt):
        await handle.capability("cloud_identity").set_key_active(key, False)
    assert aws.made()["iam", "UpdateAccessKey"] == 1
    assert active(account, key) is not after


async def test_a_throttled_write_waits_and_is_done_once(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str
) -> None:
    aws.fault("iam", "UpdateAccessKey", Reply.query_error(400, "Throttling"), times=2)
    await handle.capability("cloud_identity").set_key_active(key, False)
    assert aws.made()["iam", "UpdateAccessKey"] == 3
    assert not active(account, key)


async def test_being_throttled_uses_up_no_attempt(aws: AwsStand, account: Account, handle: AwsHandle, key: str) -> None:
    identity = handle.capability("cloud_identity")
    throttled, failed = QUICK.attempts + 1, QUICK.attempts - 1
    aws.fault("iam", "GetAccessKeyLastUsed", Reply.query_error(400, "Throttling"), times=throttled)
    aws.fault("iam", "GetAccessKeyLastUsed", Reply.query_error(500, "InternalFailure"), times=failed)
    assert (await identity.key(key)).active
    assert aws.made()["iam", "GetAccessKeyLastUsed"] >= throttled + failed + 1


async def test_a_write_after_its_deadline_is_not_sent(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str
) -> None:
    identity = handle.capability("cloud_identity")
    await identity.key(key)
    with deadline.effect(0), pytest.raises(TimedOut):
        await identity.set_key_active(key, False)
    assert aws.made()["iam", "UpdateAccessKey"] == 0


async def test_a_write_whose_connection_came_too_late_is_not_sent(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.aws import caller

    real = caller.AWSHTTPConnection.connect

    def slow(self: Any) -> None:
        time.sleep(0.5)
        real(self)

    await handle.capability("cloud_identity").caller()
    monkeypatch.setattr(caller.AWSHTTPConnection, "connect", slow)
    with deadline.effect(0.4), pytest.raises(TimedOut):
        await handle._caller.write("iam", "update_access_key", UserName="ci", AccessKeyId=key, Status="Inactive")
    assert aws.made()["iam", "UpdateAccessKey"] == 0
    assert active(account, key)
    await handle._caller.write("iam", "update_access_key", UserName="ci", AccessKeyId=key, Status="Inactive")
    assert not active(account, key)


def test_a_request_whose_sender_died_while_it_wrote_is_none(aws: AwsStand, account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="half", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "half", "Key": "ledger.csv"})
    calls = len(aws.calls)
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as broken:
        broken.sendall(
            f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode()
        )
        broken.shutdown(socket.SHUT_WR)
        assert broken.recv(100).startswith(b"HTTP/1.1 400")
    assert aws.calls[calls:] == []
    assert s3.list_objects_v2(Bucket="half")["KeyCount"] == 0


async def test_an_expired_session_is_renewed_once(aws: AwsStand, account: Account, handle: AwsHandle, key: str) -> None:
    identity = handle.capability("cloud_identity")
    await identity.caller()
    aws.forget()
    aws.fault("iam", "UpdateAccessKey", Reply.query_error(403, "ExpiredToken"))
    await identity.set_key_active(key, False)
    assert aws.made()["sts", "AssumeRole"] == 1
    assert not active(account, key)
    aws.fault("iam", "GetAccessKeyLastUsed", Reply.query_error(403, "ExpiredToken"), times=9)
    with pytest.raises(SignInFailed):
        await identity.key(key)


async def test_a_role_revoked_in_mid_run(aws: AwsStand, account: Account, handle: AwsHandle, key: str) -> None:
    identity = handle.capability("cloud_identity")
    await identity.key(key)
    aws.fault("iam", "UpdateAccessKey", Reply.query_error(403, "AccessDenied"))
    with pytest.raises(PermissionMissing) as caught:
        await identity.set_key_active(key, False)
    assert "canary" not in repr(caught.value.as_dict())
    aws.roles[f"arn:aws:iam::{account.id}:role/{account.role}"] = "another"
    aws.fault("iam", "GetAccessKeyLastUsed", Reply.query_error(403, "ExpiredToken"))
    with pytest.raises(SignInFailed):
        await identity.key(key)


async def test_a_cancelled_call_sends_nothing_more(
    aws: AwsStand, account: Account, handle: AwsHandle, key: str
) -> None:
    identity = handle.capability("cloud_identity")
    await identity.key(key)
    aws.forget()
    aws.fault("iam", "GetAccessKeyLastUsed", Reply.query_error(400, "Throttling"), times=10_000)
    running = asyncio.create_task(identity.set_key_active(key, False))
    while aws.made()["iam", "GetAccessKeyLastUsed"] < 2:  # noqa: ASYNC110  # the stand counts in another thread
        await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    made = aws.made()["iam", "GetAccessKeyLastUsed"]
    await asyncio.sleep(0.3)
    assert aws.made()["iam", "GetAccessKeyLastUsed"] <= made + 1
    assert aws.made()["iam", "UpdateAccessKey"] == 0


async def test_runs_of_one_account_take_their_turns_among_the_same(
    aws: AwsStand, account: Account, key: str, tmp_path: Path
) -> None:
    """The other one's turns are taken by a descriptor of its own, as another process would."""
    with shared_in(tmp_path):
        handle = await account.open(limits=replace(QUICK, concurrency=2))
    identity = handle.capability("cloud_identity")
    await identity.key(key)
    other = Turns(2, tmp_path / f"aws.{account.id}.turns")
    async with other.turn(), other.turn():
        aws.forget()
        waiting = asyncio.create_task(identity.key(key))
        given_up = asyncio.create_task(identity.set_key_active(key, False))
        await asyncio.sleep(0.2)
        assert not aws.made(), "nobody's turn"
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
    assert (await waiting).active
    await handle.aclose()
    assert held(tmp_path) == {f"aws.{account.id}": 0}


async def test_what_one_run_was_told_to_wait_the_others_of_the_account_keep_to(
    aws: AwsStand, account: Account, key: str, tmp_path: Path
) -> None:
    slow = replace(QUICK, budget=1, first_wait=100, longest_wait=100)  # it gives up rather than wait
    with shared_in(tmp_path):
        handle = await account.open(limits=slow)
    identity = handle.capability("cloud_identity")
    await identity.key(key)
    aws.fault("iam", "ListAccessKeys", Reply.query_error(400, "Throttling"))
    aws.fault("iam", "GetAccessKeyLastUsed", Reply.query_error(400, "Throttling"))
    with pytest.raises(Throttled):
        await identity.key(key)
    region = account.settings()["regions"][0]
    other = Turns(slow.concurrency, tmp_path / f"aws.{account.id}.turns")  # as another process has it
    assert 30 < other.left(f"iam {region}") <= 50
    assert other.left(f"ec2 {region}") == 0, "another service is not waited for"
    other.hold(f"iam {region}", 80)  # and the other way
    aws.forget()
    with deadline.effect(20.0), pytest.raises(Throttled) as caught:
        await identity.set_key_active(key, False)
    assert 60 < (caught.value.retry_after or 0) <= 80
    assert not aws.made(), "what cannot wait so long is not sent"
    await handle.aclose()
