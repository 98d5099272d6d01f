from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tasks.measures.access.accounts_used import AccountsUsed
from tenantry.capabilities import AccountUse
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LOOK, NOW

LATELY, LONG_AGO = NOW - timedelta(days=90), NOW - timedelta(days=91)


def account(**of: Any) -> AccountUse:
    fields = {
        "id": "A1",
        "upn": "pat@b.example",
        "enabled": True,
        "guest": False,
        "created_at": LONG_AGO,
        "used_at": LATELY,
    }
    return AccountUse(raw={}, **(fields | of))


@pytest.mark.parametrize(
    ("of", "wrong"),
    [
        ({}, 0),
        ({"used_at": LONG_AGO}, 1),
        ({"used_at": None}, 1),
        ({"used_at": None, "created_at": LATELY}, 0),  # nobody has come yet
        ({"used_at": LONG_AGO, "guest": True}, 1),
        ({"used_at": LONG_AGO, "enabled": False}, None),
    ],
)
def test_who_was_not_there_for_long_is_named(of: dict[str, Any], wrong: int | None) -> None:
    found = AccountsUsed().judge(account(**of), LOOK)
    assert (None if found is None else len(list(found))) == wrong


def test_accounts_for_emergencies_lie_unused_on_purpose() -> None:
    look = replace(LOOK, known=replace(LOOK.known, emergency=frozenset({"a1"})))
    assert AccountsUsed().judge(account(used_at=LONG_AGO), look) is None


def test_what_is_not_told_is_no_pass() -> None:
    with pytest.raises(CannotCheck):
        AccountsUsed().judge(account(used_at=None, created_at=None), LOOK)
