from __future__ import annotations

import pytest

from tasks.checks.host.system_account_opened import SystemAccountOpened
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Known
from tests.tasks.checks.host._facts import account, cannot, found, key, survey

CHECK = SystemAccountOpened()


def test_a_service_that_can_be_signed_in_to() -> None:
    people = (
        account("www-data", 33, password="set"),
        account("games", 5, password="none"),
        account("proxy", 13),
        account("mail", 8),
    )
    fact = survey(accounts=people, keys=(key("mail"),))
    assert found(CHECK, fact) == [("high", "www-data"), ("critical", "games"), ("low", "proxy"), ("high", "mail")]


def test_what_distributions_ship() -> None:
    people = (
        account("root", 0, password="set"),
        account("daemon", 1, "/usr/sbin/nologin"),
        account("sync", 4, "/bin/sync"),
        account("postgres", 105),
        account("alice", 1000, password="set"),
        account("responder", 999),
    )
    assert found(CHECK, survey(accounts=people, keys=(key("postgres"), key("alice")))) == []


def test_keys_that_belong_there() -> None:
    fact = survey(accounts=(account("backup", 34),), keys=(key("backup", "SHA256:known"),))
    assert found(CHECK, fact, Known(keys=frozenset({"known"}))) == [("low", "backup")]


def test_passwords_that_are_not_known() -> None:
    with pytest.raises(CannotCheck, match="not known whether"):
        found(CHECK, survey(accounts=(account("x", 33, "/usr/sbin/nologin", password="unknown"),)))


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "accounts", "keys")
