from __future__ import annotations

from tasks.checks.host.second_root_account import SecondRootAccount
from tests.tasks.checks.host._facts import account, cannot, found, survey

CHECK = SecondRootAccount()


def test_another_account_with_uid_0() -> None:
    fact = survey(accounts=(account("root", 0), account("toor", 0), account("alice", 1000)))
    assert found(CHECK, fact) == [("critical", "toor")]


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "accounts")
