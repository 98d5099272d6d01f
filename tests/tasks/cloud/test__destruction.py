from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.cloud.logs import event
from tasks.cloud._destruction import object_act, shared_with, subjects
from tenantry.capabilities import CloudEvent
from tests.support.cloud import CloudTenant

SSE_C = {"x-amz-server-side-encryption-customer-algorithm": "AES256"}


def made(operation: str, **facts: Any) -> CloudEvent:
    tenant = CloudTenant()
    return CloudEvent(**event(tenant.account, 1, tenant.clock.now(), operation, **facts))


@pytest.mark.parametrize(
    ("operation", "request_", "about"),
    [
        ("DeleteSnapshot", {"snapshotId": "snap-1"}, ["snap-1"]),
        (
            "TerminateInstances",
            {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}},
            ["i-1", "i-2"],
        ),
        ("TerminateInstances", {"instancesSet": "strange"}, ["TerminateInstances"]),
        ("ScheduleKeyDeletion", {"keyId": "k"}, ["k"]),
        ("DeleteBucket", {}, ["DeleteBucket"]),
    ],
)
def test_what_a_call_is_about(operation: str, request_: dict[str, Any], about: list[str]) -> None:
    assert subjects(made(operation, request=request_)) == about


def test_with_whom_a_snapshot_is_shared() -> None:
    to = {"add": {"items": [{"userId": "111111111111"}, {"group": "all"}]}}
    shared = made("ModifySnapshotAttribute", request={"snapshotId": "snap-1", "createVolumePermission": to})
    assert shared_with(shared) == ("snap-1", ["111111111111", "all"])
    less = {"snapshotId": "snap-1", "createVolumePermission": {"remove": to["add"]}}
    assert shared_with(made("ModifySnapshotAttribute", request=less)) == ("snap-1", [])
    assert shared_with(made("PutBucketPolicy", request={})) == ("", [])


@pytest.mark.parametrize(
    ("operation", "more", "kind"),
    [
        ("PutObject", SSE_C, "encrypted"),
        ("CopyObject", SSE_C, "encrypted"),
        ("PutObject", {}, "overwritten"),
        ("DeleteObject", {}, "deleted"),
    ],
)
def test_what_was_done_to_an_object(operation: str, more: dict[str, str], kind: str) -> None:
    done = made(operation, request={"bucketName": "b", "key": "k", **more}, response={"x-amz-version-id": "v2"})
    assert object_act(done) == ("b", "k", "v2", kind)


def test_reads_refusals_and_what_names_no_object_change_nothing() -> None:
    for done in (
        made("GetObject", request={"bucketName": "b", "key": "k"}),
        made("PutObject", request={"bucketName": "b", "key": "k"}, error="AccessDenied"),
        made("DeleteObjects", request={"bucketName": "b"}),
    ):
        assert object_act(done) is None
