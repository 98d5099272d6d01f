from __future__ import annotations

from tasks.checks.cloud_access.root_without_mfa import RootWithoutMfa
from tests.tasks.checks._cloud import ROOT, found, root

CHECK = RootWithoutMfa()


def test_without() -> None:
    assert found(CHECK, root(mfa=False)) == [("medium", ROOT)]


def test_with_and_where_there_is_nothing_to_protect() -> None:
    assert found(CHECK, root()) == []
    assert found(CHECK, root(mfa=None)) == []
