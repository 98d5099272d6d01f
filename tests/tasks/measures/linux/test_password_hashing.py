from __future__ import annotations

from typing import Any

from tasks.measures.linux.password_hashing import PasswordHashing
from tests.tasks.measures.linux.hosts import answered


def said(defs: str, pam: str = "") -> Any:
    return answered(PasswordHashing, contents={"/etc/login.defs": defs, "/etc/pam.d/common-password": pam})


def test_methods() -> None:
    assert said("ENCRYPT_METHOD YESCRYPT") == said("ENCRYPT_METHOD SHA512") == []
    assert said("ENCRYPT_METHOD MD5") == ["passwords are kept as md5"]
    assert said("# ENCRYPT_METHOD MD5") is None


def test_what_pam_is_told_counts_before() -> None:
    assert said("ENCRYPT_METHOD SHA512", "password [success=1] pam_unix.so obscure md5") == [
        "passwords are kept as md5"
    ]
    assert said("ENCRYPT_METHOD MD5", "password [success=1] pam_unix.so obscure yescrypt") == []
