from __future__ import annotations

from tasks.checks.cloud_access.root_has_key import RootHasKey
from tests.tasks.checks._cloud import NEW, OLD, ROOT, found, root

CHECK = RootHasKey()


def test_a_key_is_a_finding_and_one_that_is_used_is_worse() -> None:
    assert found(CHECK, root(keys=True)) == [("high", ROOT)]
    assert found(CHECK, root(keys=True, key_used_at=OLD)) == [("high", ROOT)]
    assert found(CHECK, root(keys=True, key_used_at=NEW)) == [("critical", ROOT)]


def test_none_is_none() -> None:
    assert found(CHECK, root(key_used_at=OLD)) == []
