from __future__ import annotations

import pytest

from tasks.measures.cloud.ports_closed import PortsClosed
from tests.tasks.checks._cloud import firewall
from tests.tasks.measures.cloud.asked import asked


@pytest.mark.parametrize(
    ("opening", "wrong"),
    [
        (("tcp", 443, 443), []),
        (("tcp", 5432, 5432), ["PostgreSQL (5432) is open to the world"]),
        (("tcp", 5000, 6000), ["tcp 5000 to 6000 are open to the world", "PostgreSQL (5432) is open to the world"]),
        (("all", 0, 65535), ["all 0 to 65535 are open to the world", "PostgreSQL (5432) is open to the world"]),
        (("udp", 5432, 5432), []),
        (("icmp", 0, 65535), []),
    ],
)
def test_openings(opening: tuple[str, int, int], wrong: list[str]) -> None:
    assert asked(PortsClosed, firewall(*opening), ports={5432: "PostgreSQL"}, widest=100) == wrong
