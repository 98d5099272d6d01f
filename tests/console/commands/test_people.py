"""People on the command line: added, enrolled, changed, disabled; and what takes an approver's code."""

from __future__ import annotations

import pyotp
import pytest

from tests.console.desk import Desk, totp


def add(desk: Desk, person: str, *roles: str, tenants: tuple[str, ...] = ("*",)) -> None:
    args = [word for role in roles for word in ("--role", role)] + [w for t in tenants for w in ("--tenant", t)]
    desk.json("people", "add", person, *args)


def enroll(desk: Desk, person: str, *more: str, given: str | None = None) -> pyotp.TOTP:
    shown = desk.json("people", "enroll", person, *more, given=given)
    return totp(shown["otpauth_uri"])


def test_a_person_from_adding_to_disabling(desk: Desk) -> None:
    shown = desk.json(
        "people",
        "add",
        "sam.eng",
        "--name",
        "Sam Eng",
        "--role",
        "engineer",
        "--tenant",
        "acme",
        "--email",
        "s@m.example",
    )
    assert shown["name"] == "Sam Eng"
    assert shown["roles"] == ["engineer"]
    assert shown["tenants"] == ["acme"]
    assert shown["enrolled_at"] is None
    enroll(desk, "sam.eng")
    assert desk.json("people", "change", "sam.eng", "--role", "lead", "--tenant", "globex")["tenants"] == ["globex"]
    assert desk.json("people", "disable", "sam.eng")["disabled_at"]
    [listed] = desk.json("people", "list")
    assert listed["id"] == "sam.eng"
    assert listed["roles"] == ["lead"]
    assert listed["disabled_at"]
    events = desk.estate_events()
    assert [event for event in events if event.startswith("people.")] == [
        "people.added",
        "people.enrolled",
        "people.changed",
        "people.disabled",
    ]


def test_the_first_approver_needs_nobody_and_the_second_needs_the_first(desk: Desk) -> None:
    add(desk, "ann", "approver")
    add(desk, "bob", "approver")
    ann = enroll(desk, "ann")
    assert "takes an approver" in desk.refused("people", "enroll", "bob", code=5)
    assert (
        desk.refused("people", "enroll", "bob", "--as", "ann", code=5, given="12345\n") == "the code was not accepted"
    )
    assert [p["enrolled_at"] is not None for p in desk.json("people", "list")] == [True, False]
    enroll(desk, "bob", "--as", "ann", given=f"{ann.now()}\n")
    assert [p["enrolled_at"] is not None for p in desk.json("people", "list")] == [True, True]


def test_enabling_and_unlocking_take_an_approver(desk: Desk) -> None:
    add(desk, "ann", "approver")
    add(desk, "sam", "engineer")
    ann = enroll(desk, "ann")
    enroll(desk, "sam")
    desk.json("people", "disable", "sam")
    assert "takes an approver" in desk.refused("people", "enable", "sam", code=5)
    assert desk.json("people", "enable", "sam", "--as", "ann", given=f"{ann.now()}\n")["disabled_at"] is None
    assert "no code" in desk.refused("people", "unlock", "sam", "--as", "ann", code=2)


def test_the_last_approver_stays(desk: Desk) -> None:
    add(desk, "ann", "approver")
    ann = enroll(desk, "ann")
    enroll(desk, "ann")  # never used: may be repeated
    assert ann is not None
    shown = desk.json("people", "list")
    assert shown[0]["disabled_at"] is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("add", "Ann", "--role", "engineer", "--tenant", "*"), "'Ann'"),
        (("add", "ann", "--role", "boss", "--tenant", "*"), "--role"),
        (("add", "ann", "--tenant", "*"), "--role"),
        (("add", "ann", "--role", "engineer"), "--tenant"),
        (("add", "ann", "--role", "engineer", "--tenant", "A C"), "'A C'"),
        (("enroll", "nobody"), "nobody"),
        (("disable", "nobody"), "nobody"),
        (("enable", "nobody"), "nobody"),
        (("change", "nobody", "--role", "lead"), "nobody"),
        (("change", "nobody"), "--role"),
        (("unlock", "nobody", "--as", "ann"), "nobody"),
        (("unlock", "nobody"), "--as"),
    ],
)
def test_what_cannot_be_taken(desk: Desk, args: tuple[str, ...], said: str) -> None:
    assert said in desk.refused("people", *args, code=2)
    assert desk.json("people", "list") == []


def test_an_id_is_never_used_again(desk: Desk) -> None:
    add(desk, "ann", "engineer")
    assert "exists already" in desk.refused("people", "add", "ann", "--role", "lead", "--tenant", "*", code=5)


def test_enrolment_prints_the_address_once_and_stores_it_nowhere_else(desk: Desk) -> None:
    add(desk, "ann", "engineer")
    result = desk("people", "enroll", "ann")
    [uri] = [line for line in result.stdout.splitlines() if line.startswith("otpauth://totp/")]
    secret = pyotp.parse_uri(uri).secret
    for path in desk.home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    assert secret not in desk("people", "list").output


def test_tables_name_everybody(desk: Desk) -> None:
    add(desk, "ann", "engineer", "lead", tenants=("acme", "globex"))
    text = desk("people", "list").stdout
    assert "engineer, lead" in text
    assert "acme, globex" in text
    assert "tenants   acme, globex" in desk("people", "disable", "ann").stdout
