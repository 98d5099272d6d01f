"""The estate file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.errors import InvalidTenant
from tenantry.estate import Estate, OnCall, Roles, load_estate
from tenantry.home import Home
from tenantry.names import SecretRef

TEXT = """\
name: Example MSP
time_zone: Europe/Berlin
on_call:
  - {person: ann.lee, phone: "+49 30 1"}
  - {person: bob, escalate_after_minutes: 30}
roles: {disruptive_needs: lead}
providers:
  smtp:
    vendor: smtp
    settings: {host: mail.msp.example}
    secrets: {login: "vault:_msp/smtp"}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def test_reading(home: Home) -> None:
    home.estate.write_text(TEXT.replace('"+49 30 1"', '"+49 30 123"'))
    estate = load_estate(home)
    assert [entry.person for entry in estate.on_call] == ["ann.lee", "bob"]
    assert estate.roles.disruptive_needs == "lead"
    assert estate.roles.irreversible_needs == "approver"
    assert estate.providers["smtp"].secrets["login"] == SecretRef("_msp", "smtp")


def test_without_a_file_there_are_defaults(home: Home) -> None:
    assert load_estate(home) == Estate()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("Europe/Berlin", "Berlin", 2),
        ("person: bob", "person: Bob", 5),
        ("vault:_msp/smtp", "vault:acme/smtp", 11),
        ('"vault:_msp/smtp"', "canary-hunter2", 11),
        ("host: mail.msp.example", "password: canary-hunter2", 10),
        ("roles:", "rules:", 6),
    ],
)
def test_complaints_name_the_line(home: Home, old: str, new: str, line: int) -> None:
    assert old in TEXT
    home.estate.write_text(TEXT.replace("+49 30 1", "+49 30 123").replace(old, new))
    with pytest.raises(InvalidTenant) as caught:
        load_estate(home)
    assert caught.value.place == f"{home.estate}:{line}"
    assert "hunter2" not in str(caught.value)


def test_every_field_is_described() -> None:
    for model in (Estate, Roles, OnCall):
        assert all(field.description for field in model.model_fields.values())


def test_a_trusted_proxy_is_an_address_as_a_socket_tells_it(home: Home) -> None:
    home.estate.write_text("service: {trusted_proxies: [192.0.2.7, '2001:DB8:0::7']}\n")
    assert load_estate(home).service.trusted_proxies == ["192.0.2.7", "2001:db8::7"]
    home.estate.write_text("service: {trusted_proxies: ['*']}\n")
    with pytest.raises(InvalidTenant, match="trusted_proxies"):
        load_estate(home)
