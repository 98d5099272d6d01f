from __future__ import annotations

from tasks.measures.linux.packages_absent import PackagesAbsent
from tests.tasks.measures.linux.hosts import answered


def test_what_is_installed() -> None:
    assert answered(PackagesAbsent, {"names": ["telnetd", "nis"]}, packages={"bash", "nis"}) == ["nis is installed"]
    assert answered(PackagesAbsent, {"names": ["telnetd"]}, packages={"telnet"}) == []
