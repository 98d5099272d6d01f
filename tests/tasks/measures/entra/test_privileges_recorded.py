from __future__ import annotations

from tasks.measures.entra.privileges_recorded import PrivilegesRecorded
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.test_global_administrators import holding


def test_past_it() -> None:
    given = holding("a").model_copy(update={"role_id": "62e90394-69f5-4237-9190-012177145e10"})
    dated = given.model_copy(update={"began_at": "2026-11-20"})
    assert asked(PrivilegesRecorded, given) == ["Global Administrator was given past Privileged Identity Management"]
    assert asked(PrivilegesRecorded, dated) == []
    assert asked(PrivilegesRecorded, holding("a", how="eligible")) is None
    assert asked(PrivilegesRecorded, holding("a", role="Reader")) is None
    untold = "without Microsoft Entra ID P2 nothing says how roles were given"
    assert asked(PrivilegesRecorded, given.model_copy(update={"dated": False})) == untold
