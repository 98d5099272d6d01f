from __future__ import annotations

from tasks.checks.cloud_access.root_signed_in import RootSignedIn
from tests.tasks.checks._cloud import NEW, OLD, ROOT, found, root

CHECK = RootSignedIn()


def test_use_in_the_window() -> None:
    assert found(CHECK, root(password_used_at=NEW)) == [("medium", ROOT)]
    assert found(CHECK, root(password_used_at=NEW, key_used_at=NEW)) == [("medium", ROOT)] * 2


def test_before_it_or_never_is_none() -> None:
    assert found(CHECK, root(password_used_at=OLD)) == []
    assert found(CHECK, root(password_used_at=None)) == []
