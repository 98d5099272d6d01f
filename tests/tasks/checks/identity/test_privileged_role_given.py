from __future__ import annotations

import pytest

from tasks.checks.identity.privileged_role_given import PrivilegedRoleGiven
from tenantry.errors import CannotCheck
from tests.tasks.checks.identity._facts import EVE, holding
from tests.tasks.checks.looks import LONG_AGO, found

CHECK = PrivilegedRoleGiven()


def test_given_in_the_window() -> None:
    assert found(CHECK, holding()) == [("critical", EVE)]
    assert found(CHECK, holding(how="eligible")) == [("high", EVE)]
    assert found(CHECK, holding(role="Global Reader")) == [("medium", EVE)]


def test_long_ago_activated_unprivileged_an_applications_or_ours() -> None:
    assert found(CHECK, holding(began_at=LONG_AGO)) == []
    assert found(CHECK, holding(how="activated")) == []
    assert found(CHECK, holding(privileged=False)) == []
    assert found(CHECK, holding(kind="application")) == []
    assert found(CHECK, holding(principal="BreakGlass@acme.example")) == []
    assert found(CHECK, holding(principal_id="id-breakglass")) == []


def test_without_dates_nothing_is_known() -> None:
    for undated in (holding(dated=False, began_at=None), holding(began_at=None)):
        with pytest.raises(CannotCheck, match="P2"):
            found(CHECK, undated)
