from __future__ import annotations

from typing import Any

from tasks.measures.linux.mount_options import MountOptions
from tenantry.capabilities import Mount
from tests.tasks.measures.linux.hosts import answered


def said(*options: str) -> Any:
    mounts = [Mount(path="/tmp", kind="tmpfs", options=frozenset(options))]  # a mount's path
    return answered(MountOptions, {"paths": {"/tmp": ["nodev", "nosuid"]}}, mounts=mounts)


def test_options() -> None:
    assert said("rw", "nodev", "nosuid") == []
    assert said("rw", "nodev") == ["/tmp is mounted without nosuid"]
    assert answered(MountOptions, {"paths": {"/tmp": ["nodev"]}}) == ["/tmp is no file system of its own"]
