from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.release_supported import ReleaseSupported
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.linux.hosts import answered


def said(**release: str) -> Any:
    return answered(ReleaseSupported, release=release)


def test_what_is_known() -> None:
    assert NOW.year == 2026
    assert said(ID="debian", VERSION_ID="12") == said(ID="rhel", VERSION_ID="9.4") == []
    assert said(ID="centos", VERSION_ID="7", PRETTY_NAME="CentOS 7") == [
        "CentOS 7 has had no free security updates since 2024-06-30"
    ]


def test_what_it_says_itself_counts_first() -> None:
    assert said(ID="debian", VERSION_ID="12", SUPPORT_END="2020-01-01") == [
        "debian 12 has had no free security updates since 2020-01-01"
    ]
    assert said(ID="fedora", VERSION_ID="99", SUPPORT_END="2099-01-01") == []


@pytest.mark.parametrize("release", [{}, {"ID": "hurd", "VERSION_ID": "1"}, {"ID": "debian", "SUPPORT_END": "soon"}])
def test_what_nobody_knows_is_unknown(release: dict[str, str]) -> None:
    assert "is not known here" in said(**release)
