from __future__ import annotations

from tasks.measures.cloud.networks_logged import NetworksLogged
from tests.tasks.checks._cloud import network
from tests.tasks.measures.cloud.asked import asked


def test_on_and_off() -> None:
    assert asked(NetworksLogged, network()) == []
    assert asked(NetworksLogged, network(logged=False)) == ["it has no flow log"]
