from __future__ import annotations

from tasks.measures.entra.role_approved import RoleApproved
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import EXCHANGE, rules


def test_with_and_without() -> None:
    assert asked(RoleApproved, rules()) == []
    assert asked(RoleApproved, rules(approval=False)) == ["it is activated without approval"]
    assert asked(RoleApproved, rules(approval=None)) == "whether activating the role takes approval is not told"
    assert asked(RoleApproved, rules(EXCHANGE, approval=False)) is None
    assert asked(RoleApproved, rules(EXCHANGE, approval=False), role=EXCHANGE) == ["it is activated without approval"]
