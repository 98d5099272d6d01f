from __future__ import annotations

from tasks.measures.linux.passwords_set import PasswordsSet
from tests.tasks.measures.linux.hosts import account, answered


def test_accounts() -> None:
    assert answered(PasswordsSet, accounts=[account("root", 0), account("anna", 1000, "set", "/bin/sh")]) == []
    assert answered(PasswordsSet, accounts=[account("open", 1000, "none")]) == ["open has no password"]


def test_one_that_is_not_told_is_unknown_where_it_can_be_used() -> None:
    assert (
        answered(PasswordsSet, accounts=[account("ldap", 5000, "unknown", "/bin/sh")])
        == "web1: whether ldap has a password is not said"
    )
    assert answered(PasswordsSet, accounts=[account("daemon", 1, "unknown")]) == []
