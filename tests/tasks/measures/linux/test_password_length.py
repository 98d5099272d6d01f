from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.password_length import PasswordLength
from tests.tasks.measures.linux.hosts import account, answered

QUALITY = "password requisite pam_pwquality.so retry=3"


def said(pam: str, conf: str = "", more: str = "", state: str = "set") -> Any:
    contents = {
        "/etc/pam.d/common-password": pam,
        "/etc/security/pwquality.conf": conf,
        "/etc/security/pwquality.conf.d/a.conf": more,
    }
    return answered(PasswordLength, contents=contents, accounts=[account("anna", 1000, state, "/bin/sh")])


@pytest.mark.parametrize(
    ("pam", "conf", "more", "least"),
    [
        (QUALITY, "minlen = 14", "", None),
        (QUALITY, "minlen=8", "minlen = 20", None),
        (QUALITY + " minlen=16", "", "", None),
        (QUALITY, "# minlen = 14", "", "8"),
        ("password sufficient pam_unix.so minlen=10", "minlen = 14", "", "10"),
        ("password sufficient pam_unix.so", "minlen = 14", "", "any number of"),
    ],
)
def test_lengths(pam: str, conf: str, more: str, least: str | None) -> None:
    assert said(pam, conf, more) == ([] if least is None else [f"a password may have {least} characters"])


def test_where_no_password_counts() -> None:
    assert said("", state="locked") is None
