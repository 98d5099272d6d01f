from __future__ import annotations

from tasks.measures.entra.methods_migrated import MethodsMigrated
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import methods


def test_states() -> None:
    assert asked(MethodsMigrated, methods()) == []
    assert asked(MethodsMigrated, methods(migration="preMigration")) == ["older settings count as well (preMigration)"]
    assert asked(MethodsMigrated, methods(migration="")) == "whether older settings count is not told"
