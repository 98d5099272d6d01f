from __future__ import annotations

from tasks.checks.identity.guest_holds_role import GuestHoldsRole
from tests.tasks.checks.identity._facts import EVE, holding
from tests.tasks.checks.looks import found

CHECK = GuestHoldsRole()


def test_a_guest_who_administers() -> None:
    assert found(CHECK, holding(kind="guest")) == [("high", EVE)]
    assert found(CHECK, holding(kind="guest", how="eligible", began_at=None, dated=False)) == [("high", EVE)]


def test_members_small_roles_and_known_guests() -> None:
    assert found(CHECK, holding()) == []
    assert found(CHECK, holding(kind="guest", privileged=False)) == []
    assert found(CHECK, holding(kind="guest", principal_id="id-breakglass")) == []
