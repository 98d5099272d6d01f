from __future__ import annotations

from tasks.checks.cloud_exposure.instance_unusual import InstanceUnusual
from tests.tasks.checks._cloud import OLD, found, machine

CHECK = InstanceUnusual()


def test_expensive_or_elsewhere() -> None:
    assert found(CHECK, machine(kind="p3.16xlarge")) == [("medium", "i")]
    assert found(CHECK, machine(usual_region=False)) == [("medium", "i")]
    assert found(CHECK, machine(kind="g5.48xlarge", usual_region=False)) == [("high", "i")]


def test_an_ordinary_an_old_and_a_gone_one_are_none() -> None:
    assert found(CHECK, machine()) == []
    assert found(CHECK, machine(kind="m6i.2xlarge")) == []
    assert found(CHECK, machine(kind="p3.16xlarge", launched_at=OLD)) == []
    assert found(CHECK, machine(kind="p3.16xlarge", state="terminated")) == []
