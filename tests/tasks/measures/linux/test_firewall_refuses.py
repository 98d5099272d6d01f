from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.firewall_refuses import FirewallRefuses
from tenantry.capabilities import FirewallHook
from tests.tasks.measures.linux.hosts import answered

FOUR, SIX = (f"over IPv{version} everything is let in that no rule forbids" for version in (4, 6))


@pytest.mark.parametrize(
    ("families", "wrong"),
    [
        ({"inet": True}, []),
        ({"ip": True, "ip6": True}, []),
        ({"ip": True}, [SIX]),
        ({"ip": True, "ip6": False}, [SIX]),
        ({"inet": False}, [FOUR, SIX]),
        ({}, [FOUR, SIX]),
    ],
)
def test_both_families_count(families: dict[str, bool], wrong: list[str]) -> None:
    hooks: Any = [
        FirewallHook(family=name, table="t", chain="input", refuses=refuses) for name, refuses in families.items()
    ]
    assert answered(FirewallRefuses, firewall=hooks) == wrong
