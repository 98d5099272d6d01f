from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.ports_closed import PortsClosed
from tenantry.capabilities import Listener
from tests.tasks.measures.linux.hosts import answered


def said(address: str, on: str = "anywhere", protocol: Any = "tcp") -> Any:
    waits = [Listener(protocol=protocol, address=address, port=5432)]
    return answered(PortsClosed, {"ports": {"tcp/5432": "PostgreSQL"}, "on": on}, listeners=waits)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1"])
def test_for_itself_alone(address: str) -> None:
    assert said(address) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "*"])  # as ss shows them
def test_everywhere(address: str) -> None:
    assert said(address) == said(address, "every_address") == [f"PostgreSQL waits at {address} port 5432"]


def test_at_one_address_or_over_another_protocol() -> None:
    assert said("10.1.2.3") == ["PostgreSQL waits at 10.1.2.3 port 5432"]
    assert said("10.1.2.3", "every_address") == said("10.1.2.3", protocol="udp") == []
