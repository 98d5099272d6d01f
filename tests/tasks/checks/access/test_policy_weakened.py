from __future__ import annotations

from typing import Any

from tasks.checks.access.policy_weakened import PolicyWeakened
from tenantry.capabilities import AccessPolicy
from tests.tasks.checks.looks import LATELY, LONG_AGO, found

CHECK = PolicyWeakened()


def policy(**of: Any) -> AccessPolicy:
    return AccessPolicy(
        **{
            "id": "p1",
            "name": "Second factor for all",
            "enforced": True,
            "reporting": False,
            "demands": True,
            "everybody": True,
            "excluded": (),
            "created_at": LONG_AGO,
            "changed_at": LATELY,
            "raw": {},
            **of,
        }
    )


def test_no_longer_enforced() -> None:
    assert found(CHECK, policy(enforced=False)) == [("high", "Second factor for all")]
    assert found(CHECK, policy(enforced=False, reporting=True)) == [("high", "Second factor for all")]


def test_leaves_people_out() -> None:
    assert found(CHECK, policy(excluded=("id-breakglass", "id-eve"))) == [("medium", "Second factor for all")]


def test_innocent_changes() -> None:
    assert found(CHECK, policy()) == []
    assert found(CHECK, policy(excluded=("id-breakglass",))) == []
    assert found(CHECK, policy(enforced=False, reporting=True, created_at=LATELY)) == []
    assert found(CHECK, policy(enforced=False, changed_at=LONG_AGO)) == []
    assert found(CHECK, policy(enforced=False, changed_at=None)) == []
    assert found(CHECK, policy(enforced=False, demands=False)) == []
