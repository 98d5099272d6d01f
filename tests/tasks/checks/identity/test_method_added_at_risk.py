from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tasks.checks._collect.people import AccountAtRisk
from tasks.checks.identity.method_added_at_risk import MethodAddedAtRisk
from tenantry.capabilities import AuthMethod
from tests.tasks.checks.identity._facts import EVE, risk
from tests.tasks.checks.looks import LATELY, found

CHECK = MethodAddedAtRisk()


def account(added: datetime | None, kind: str = "phoneMethods", **of: Any) -> AccountAtRisk:
    method = AuthMethod(id="m1", kind=kind, label="+31", created_at=added, raw={})
    return AccountAtRisk("id-eve", EVE, [risk(**of)], [method])


def test_after_the_risk() -> None:
    assert found(CHECK, account(LATELY + timedelta(minutes=5))) == [("high", EVE)]


def test_before_it_a_password_or_nothing() -> None:
    assert found(CHECK, account(LATELY - timedelta(minutes=5))) == []
    assert found(CHECK, account(LATELY + timedelta(minutes=5), "passwordMethods")) == []
    assert found(CHECK, account(None)) == []
    assert found(CHECK, account(LATELY, at=None)) == []
    assert found(CHECK, AccountAtRisk("id-eve", EVE, [risk()], [])) == []
