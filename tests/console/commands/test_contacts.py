"""Contacts on the command line: enrolled by whom the estate trusts with it, and proven before anything sensitive."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.desk import Desk, totp

PURPOSE = ("--purpose", "password reset of dana")


@pytest.fixture
def acme(desk: Desk, tmp_path: Path) -> Desk:
    file = tmp_path / "acme.yaml"
    file.write_text(
        "name: acme\ndisplay_name: Acme Ltd\ncontacts: [{id: jo, name: Jo Doe, email: jo@acme.example, role: primary}]\n",
        encoding="utf-8",
    )
    desk.json("tenants", "add", str(file))
    return desk


def test_enrolled_and_proven(acme: Desk) -> None:
    made = acme.json("contacts", "enroll", "acme", "primary")
    jo = totp(made["otpauth_uri"])
    assert jo.name == "jo@acme.example"
    proof = acme.json("verify-caller", "acme", "jo", *PURPOSE, given=f"{jo.now()}\n")
    assert (proof["contact"], proof["purpose"], proof["method"]) == ("jo", PURPOSE[1], "totp")
    assert (
        acme.refused("verify-caller", "acme", "jo", *PURPOSE, code=5, given=f"{jo.now()}\n")
        == "the code was not accepted"
    )
    [row] = acme.json("contacts", "list", "acme")
    assert row["verified_at"] == proof["verified_at"]
    assert made["otpauth_uri"] not in acme("contacts", "list", "acme").output
    assert acme.json("contacts", "disable", "acme", "jo")["enrolled"] is False
    assert acme.json("contacts", "list", "acme")[0]["enrolled_at"] is None


def test_too_many_wrong_codes_lock_and_an_unlock_ends_it(acme: Desk) -> None:
    jo = totp(acme.json("contacts", "enroll", "acme", "jo")["otpauth_uri"])
    for _ in range(5):
        acme.refused("verify-caller", "acme", "jo", *PURPOSE, code=5, given="12345\n")
    assert "locked until" in acme.refused("verify-caller", "acme", "jo", *PURPOSE, code=5, given=f"{jo.now()}\n")
    acme.json("contacts", "unlock", "acme", "jo")
    assert acme("verify-caller", "acme", "jo", *PURPOSE, given=f"{jo.now()}\n").stdout.startswith(
        "Jo Doe (jo) is proven"
    )


def test_in_an_estate_that_is_set_up_not_everybody_enrols(acme: Desk) -> None:
    (acme.home / "estate.yaml").write_text("name: MSP\n", encoding="utf-8")
    for act in ("enroll", "disable", "unlock"):
        assert "lead" in acme.refused("contacts", act, "acme", "jo", code=5)
    acme.json("people", "add", "lee", "--role", "lead", "--tenant", "acme")
    lee = totp(acme.json("people", "enroll", "lee")["otpauth_uri"])
    assert acme.json("contacts", "enroll", "acme", "jo", "--as", "lee", given=f"{lee.now()}\n")["contact"] == "jo"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("contacts", "enroll", "acme", "nobody"), "no contact nobody"),
        (("contacts", "enroll", "nobody", "jo"), "no tenant nobody"),
        (("contacts", "list", "nobody"), "no tenant nobody"),
        (("verify-caller", "acme", "nobody", *PURPOSE), "no contact nobody"),
        (("verify-caller", "acme", "jo", "--purpose", ""), "--purpose"),
        (("verify-caller", "acme", "jo", "--purpose", "two\nlines"), "--purpose"),
        (("verify-caller", "acme", "jo", *PURPOSE), "no code"),
    ],
)
def test_what_cannot_be_done(acme: Desk, args: tuple[str, ...], said: str) -> None:
    assert said in acme.refused(*args, code=2)
