from __future__ import annotations

import pytest

from tasks.checks.cloud_exposure.admin_port_open import AdminPortOpen
from tests.tasks.checks._cloud import firewall, found

CHECK = AdminPortOpen()


@pytest.mark.parametrize(("protocol", "first", "last"), [("tcp", 22, 22), ("tcp", 3000, 4000), ("all", 0, 65_535)])
def test_a_port_for_administration(protocol: str, first: int, last: int) -> None:
    assert found(CHECK, firewall(protocol, first, last)) == [("medium", "sg")]


@pytest.mark.parametrize(("protocol", "first", "last"), [("tcp", 443, 443), ("udp", 0, 65_535), ("icmp", 0, 65_535)])
def test_a_web_server_is_none(protocol: str, first: int, last: int) -> None:
    assert found(CHECK, firewall(protocol, first, last)) == []
