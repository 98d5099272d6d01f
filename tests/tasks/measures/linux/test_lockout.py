from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.lockout import Lockout
from tests.tasks.measures.linux.hosts import account, answered

ON = "auth required pam_faillock.so preauth\nauth sufficient pam_unix.so\n"


def said(auth: str, faillock: str = "", password: str = "set") -> Any:  # a state
    contents = {"/etc/pam.d/common-auth": auth, "/etc/security/faillock.conf": faillock}
    return answered(Lockout, contents=contents, accounts=[account("anna", 1000, password, "/bin/sh")])


@pytest.mark.parametrize(
    ("auth", "faillock", "wrong"),
    [
        (ON, "", []),
        (ON, "deny = 5", []),
        (ON, "# deny = 50", []),
        (ON, "deny = 50", ["50 wrong passwords are taken"]),
        (ON.replace("preauth", "preauth deny=0"), "", ["endlessly many wrong passwords are taken"]),
        ("auth sufficient pam_unix.so", "deny = 3", ["wrong passwords may be tried without end"]),
        ("", "", ["nothing says how passwords are checked"]),
    ],
)
def test_tries(auth: str, faillock: str, wrong: list[str]) -> None:
    assert said(auth, faillock) == wrong


def test_where_no_password_counts_there_is_nothing_to_guess() -> None:
    assert said("", password="locked") is None  # a state
