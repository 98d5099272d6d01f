from __future__ import annotations

from tasks.checks.identity.administrator_without_second_factor import AdministratorWithoutSecondFactor
from tests.tasks.checks.identity._facts import EVE, registration
from tests.tasks.checks.looks import found

CHECK = AdministratorWithoutSecondFactor()


def test_only_a_password() -> None:
    assert found(CHECK, registration()) == [("medium", EVE)]


def test_with_one_no_administrator_or_an_emergency_account() -> None:
    assert found(CHECK, registration(second_factor=True)) == []
    assert found(CHECK, registration(administrator=False)) == []
    assert found(CHECK, registration(upn="breakglass@acme.example")) == []
