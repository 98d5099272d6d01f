from __future__ import annotations

from tasks.measures.cloud.default_groups_empty import DefaultGroupsEmpty
from tests.tasks.checks._cloud import network
from tests.tasks.measures.cloud.asked import asked


def test_rules() -> None:
    assert asked(DefaultGroupsEmpty, network()) == []
    assert asked(DefaultGroupsEmpty, network(default_rules=2)) == ["its default security group has 2 rules"]
    assert asked(DefaultGroupsEmpty, network(default_rules=None)) == "the default security group of vpc is not told"
