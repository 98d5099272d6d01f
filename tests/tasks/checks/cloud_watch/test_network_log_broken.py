from __future__ import annotations

from tasks.checks.cloud_watch.network_log_broken import NetworkLogBroken
from tests.tasks.checks._cloud import found, network_log

CHECK = NetworkLogBroken()


def test_one_that_delivers_nothing() -> None:
    assert found(CHECK, network_log(error="Access error")) == [("medium", "fl")]
    assert found(CHECK, network_log(active=False)) == [("medium", "fl")]


def test_one_that_nothing_feeds() -> None:
    assert found(CHECK, network_log(kind="dns", fed=False)) == [("low", "fl")]


def test_one_that_works_is_none() -> None:
    assert found(CHECK, network_log()) == []
