from __future__ import annotations

from tasks.checks.applications.owner_is_guest import OwnerIsGuest
from tests.tasks.checks.applications._facts import NAMED, TRUSTED, application, owner
from tests.tasks.checks.looks import found

CHECK = OwnerIsGuest()
GUEST = owner("eve_evil.example#ext#@acme.example", True)


def test_a_guest() -> None:
    assert found(CHECK, application(owners=(owner("bo@acme.example", False), GUEST))) == [("medium", NAMED)]


def test_colleagues_nobody_or_a_trusted_application() -> None:
    assert found(CHECK, application(owners=(owner("bo@acme.example", False),))) == []
    assert found(CHECK, application()) == []
    for trusted in TRUSTED:
        assert found(CHECK, application(trusted, owners=(GUEST,))) == []
