from __future__ import annotations

from tasks.checks.cloud_exposure.disk_shared_outside import DiskSharedOutside
from tests.tasks.checks._cloud import HUB, STRANGER, disk, found

CHECK = DiskSharedOutside()

THEIRS = f"arn:aws:organizations::{STRANGER}:organization/o-x"
OURS = f"arn:aws:organizations::{HUB}:organization/o-y"


def test_with_a_stranger_or_everybody() -> None:
    assert found(CHECK, disk(STRANGER)) == [("high", "snap")]
    assert found(CHECK, disk(HUB, STRANGER)) == [("high", "snap")]
    assert found(CHECK, disk("all")) == [("critical", "snap")]


def test_with_an_organisation() -> None:
    assert found(CHECK, disk(THEIRS)) == [("low", "snap")]
    assert found(CHECK, disk(OURS)) == []


def test_with_nobody_or_one_that_we_know_is_none() -> None:
    assert found(CHECK, disk()) == []
    assert found(CHECK, disk(HUB)) == []
