from __future__ import annotations

import pytest

from tasks.measures.linux.packages_signed import PackagesSigned
from tests.tasks.measures.linux.hosts import answered


@pytest.mark.parametrize(
    ("path", "line", "wrong"),
    [
        ("/etc/apt/apt.conf.d/99x", 'APT::Get::AllowUnauthenticated "true";', True),
        ("/etc/apt/apt.conf.d/99x", '// APT::Get::AllowUnauthenticated "true";', False),
        ("/etc/apt/apt.conf.d/99x", 'APT::Get::AllowUnauthenticated "false";', False),
        ("/etc/yum.repos.d/own.repo", "gpgcheck=0", True),
        ("/etc/yum.repos.d/own.repo", "gpgcheck = 1", False),
        ("/etc/dnf/dnf.conf", "localpkg_gpgcheck=0", False),
    ],
)
def test_lines(path: str, line: str, wrong: bool) -> None:
    assert answered(PackagesSigned, contents={path: line}) == ([f"{path}: {line}"] if wrong else [])
