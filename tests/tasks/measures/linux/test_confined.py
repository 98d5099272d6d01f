from __future__ import annotations

from tasks.measures.linux.confined import Confined
from tests.tasks.measures.linux.hosts import answered


def test_either_is_enough() -> None:
    assert (
        answered(Confined, confinement={"apparmor": True})
        == answered(Confined, confinement={"apparmor": False, "selinux": True})
        == []
    )
    assert answered(Confined, confinement={"selinux": False}) == ["selinux enforces nothing"]
    assert answered(Confined) == ["it has neither"]
