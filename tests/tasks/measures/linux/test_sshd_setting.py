from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.measures.linux.sshd_setting import SshdSetting, _number
from tenantry.capabilities import Sshd
from tests.tasks.measures.linux.hosts import answered


def said(parameters: dict[str, Any], *values: str, config: str = "", own: str | None = None) -> Any:
    key = parameters["setting"]
    servers = [Sshd(file="", settings={key: values} if values else {})]
    if own is not None:
        servers.append(Sshd(file="/etc/ssh/second", settings={key: (own,)}))
    return answered(SshdSetting, parameters, sshd=servers, contents={"/etc/ssh/sshd_config": config})


ROOT = {"setting": "permitrootlogin", "one_of": ["no", "prohibit-password"]}


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ("", []),
        ("PermitRootLogin yes\n", []),  # what is in effect without a condition is told by sshd itself
        ("Match Address 10.0.0.0/8\n  PermitRootLogin=yes\n", ["permitrootlogin is yes for some (Match)"]),
        ("Match User root\n# PermitRootLogin yes\n  PermitRootLogin no\n", []),
        ("Match User a\nMatch all\nPermitRootLogin yes\n", []),
    ],
)
def test_what_counts_under_a_condition(config: str, wrong: list[str]) -> None:
    assert said(ROOT, "no", config=config) == wrong


def test_every_server_counts() -> None:
    assert said(ROOT, "yes") == ["permitrootlogin is yes"]
    assert said(ROOT) == ["permitrootlogin is not set"]
    assert said(ROOT, "no", own="yes") == ["permitrootlogin is yes (/etc/ssh/second)"]
    assert answered(SshdSetting, ROOT) is None


def test_lists() -> None:
    ciphers = {"setting": "ciphers", "none_of": ["*-cbc", "arcfour*"]}
    assert said(ciphers, "aes256-gcm@openssh.com,aes128-ctr") == []
    assert said(ciphers, "aes128-ctr,AES128-CBC") == ["ciphers is aes128-ctr,AES128-CBC"]


@pytest.mark.parametrize(("value", "fine"), [("60", True), ("2m", True), ("0", False), ("1h", False), ("often", False)])
def test_times_and_counts(value: str, fine: bool) -> None:
    found = said({"setting": "logingracetime", "at_most": 120}, value)
    assert (found == []) is fine


@given(st.integers(0, 10**6), st.integers(0, 59))
def test_times_add_up(minutes: int, seconds: int) -> None:
    assert _number(f"{minutes}m{seconds}s") == minutes * 60 + seconds
    assert _number(f"{minutes}x") is None


def test_other_parameters_are_refused() -> None:
    with pytest.raises(ValidationError):
        SshdSetting.Params.model_validate({"setting": "PermitRootLogin"})
