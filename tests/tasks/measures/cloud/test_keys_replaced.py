from __future__ import annotations

from tasks.measures.cloud.keys_replaced import KeysReplaced
from tests.tasks.checks._cloud import NEW, key, user
from tests.tasks.measures.cloud.asked import asked


def test_age_of_active_keys() -> None:
    assert asked(KeysReplaced, user(keys=(key(created_at=NEW),))) == []
    assert asked(KeysReplaced, user(keys=(key(), key("AKIA2", NEW)))) == ["AKIA1 is of 2026-01-26"]
    assert asked(KeysReplaced, user(keys=(key(),)), days=365) == []
    assert asked(KeysReplaced, user(keys=(key(active=False),))) is None
