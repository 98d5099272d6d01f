from __future__ import annotations

from tasks.measures.cloud.root_rests import RootRests
from tests.tasks.checks._cloud import NEW, OLD, root
from tests.tasks.measures.cloud.asked import asked


def test_when_it_was_used() -> None:
    assert asked(RootRests, root()) == asked(RootRests, root(password_used_at=None)) == []
    assert asked(RootRests, root(key_used_at=NEW)) == ["it was used on 2026-11-19"]
    assert asked(RootRests, root(password_used_at=OLD), days=400) == ["it was used on 2026-01-26"]
