from __future__ import annotations

from tasks.checks.cloud_exposure.key_to_be_destroyed import KeyToBeDestroyed
from tests.tasks.checks._cloud import NEW, encryption_key, found

CHECK = KeyToBeDestroyed()


def test_one_that_is_to_be_destroyed() -> None:
    assert found(CHECK, encryption_key(state="pending_deletion", deletion_at=NEW)) == [("high", "k")]
    assert found(CHECK, encryption_key(state="pending_deletion")) == [("high", "k")]


def test_one_in_use_or_disabled_is_none() -> None:
    assert found(CHECK, encryption_key()) == []
    assert found(CHECK, encryption_key(state="disabled")) == []
