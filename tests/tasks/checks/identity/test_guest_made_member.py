from __future__ import annotations

from tasks.checks.identity.guest_made_member import GuestMadeMember
from tests.tasks.checks.identity._facts import guest
from tests.tasks.checks.looks import found

CHECK = GuestMadeMember()


def test_a_member_from_elsewhere() -> None:
    assert found(CHECK, guest()) == [("medium", "eve_evil.example#ext#@acme.onmicrosoft.com")]


def test_guests_and_accounts_of_the_clients_own_domains() -> None:
    assert found(CHECK, guest(member=False)) == []
    assert found(CHECK, guest(upn="bo_acme.example#ext#@acme-group.onmicrosoft.com")) == []
