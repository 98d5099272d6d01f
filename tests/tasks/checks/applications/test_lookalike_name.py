from __future__ import annotations

import pytest

from tasks.checks.applications.lookalike_name import LookalikeName
from tests.tasks.checks.applications._facts import APP, TRUSTED, application
from tests.tasks.checks.looks import found

CHECK = LookalikeName()


@pytest.mark.parametrize("name", ["Micr\u043esoft Office", "0utlook Sync", "Microsoft Teams", "OneDrive"])
def test_a_borrowed_name(name: str) -> None:
    assert found(CHECK, application({"name": name})) == [("high", f"{name} ({APP})")]
    assert found(CHECK, application({"name": name, "own": True})) == [("medium", f"{name} ({APP})")]


@pytest.mark.parametrize("name", ["Outlook signatures by Signa", "Payroll Sync", "", "Teams room booking"])
def test_a_name_of_its_own(name: str) -> None:
    assert found(CHECK, application({"name": name})) == []


def test_who_may_bear_it() -> None:
    for trusted in (*TRUSTED, {"verified": True}):
        assert found(CHECK, application({"name": "Microsoft Teams", **trusted})) == []
