from __future__ import annotations

from tasks.checks.access.unit_hidden import UnitHidden
from tenantry.capabilities import AdministrativeUnit
from tests.tasks.checks.looks import found

CHECK = UnitHidden()


def unit(hidden: bool, restricted: bool) -> AdministrativeUnit:
    return AdministrativeUnit(id="u1", name="Board", hidden=hidden, restricted=restricted, raw={})


def test_hidden_and_restricted() -> None:
    assert found(CHECK, unit(True, False)) == [("high", "Board")]
    assert found(CHECK, unit(True, True)) == [("high", "Board")]
    assert found(CHECK, unit(False, True)) == [("low", "Board")]


def test_an_ordinary_one() -> None:
    assert found(CHECK, unit(False, False)) == []
