"""Contacts of clients: their codes, locks against guessing, and proofs that are for one purpose and end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tenantry.contacts import Caller
from tenantry.errors import NotAuthenticated, NotFound
from tenantry.home import Home
from tests.support.canary import leaks
from tests.tenantry.drop.conftest import BY, Box, box

__all__ = ["box"]  # a fixture


def prove(box: Box, purpose: str = "password reset", steps: int = 0) -> Caller:
    return box.contacts.verify("acme", "jo", box.code(steps=steps), purpose=purpose)


def test_a_code_proves_for_one_purpose_and_a_quarter_of_an_hour(box: Box) -> None:
    box.enroll()
    proof = prove(box)
    assert (proof.tenant, proof.contact, proof.purpose, proof.method) == ("acme", "jo", "password reset", "totp")
    assert box.contacts.proven("acme", "jo", "password reset") == proof
    assert box.contacts.proven("acme", "jo", "payment details") is None
    assert box.contacts.proven("beta", "jo", "password reset") is None
    box.later(minutes=15)
    assert box.contacts.proven("acme", "jo", "password reset") is None
    [verified] = box.events("caller.verified")
    assert verified["purpose"] == "password reset"


def test_a_code_works_once_and_never_an_older_one(box: Box) -> None:
    box.enroll()
    prove(box)
    for steps in (0, -1):
        with pytest.raises(NotAuthenticated):
            prove(box, steps=steps)
    prove(box, steps=1)
    assert [event["reason"] for event in box.events("caller.refused")] == ["code used before"] * 2


def test_one_code_in_many_hands_counts_once(box: Box) -> None:
    box.enroll()
    code = box.code()

    def attempt(_: int) -> bool:
        try:
            box.contacts.verify("acme", "jo", code, purpose="x")
        except NotAuthenticated:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_guessing_locks_longer_each_time(box: Box) -> None:
    box.enroll()
    for minutes in (15, 30, 60):
        for tries in range(5):
            with pytest.raises(NotAuthenticated) as refused:
                box.contacts.verify("acme", "jo", "12345", purpose="x")
            assert ("locked_until" in refused.value.detail) == (tries == 4)
        box.later(minutes=minutes - 1)
        with pytest.raises(NotAuthenticated, match="locked until"):
            prove(box)
        box.later(minutes=1)
    prove(box)
    assert len(box.events("caller.locked")) == 3


def test_unlocked_by_hand(box: Box) -> None:
    box.enroll()
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            box.contacts.verify("acme", "jo", "12345", purpose="x")
    box.contacts.unlock("acme", "jo", by=BY)
    prove(box)


@pytest.mark.parametrize("code", ["", " ", "abcdef", "1234567", "١٢٣٤٥٦", "\ud800", "1" * 10_000])
def test_whatever_is_no_code_is_refused(box: Box, code: str) -> None:
    box.enroll()
    with pytest.raises(NotAuthenticated, match="not accepted"):
        box.contacts.verify("acme", "jo", code, purpose="x")


def test_nobody_of_that_name_is_refused_alike(box: Box) -> None:
    for contact in ("nobody", "", "x" * 500, "jo' --"):
        with pytest.raises(NotAuthenticated, match="not accepted"):
            box.contacts.verify("acme", contact, "123456", purpose="x")


def test_enrolled_anew_the_old_code_and_the_old_proof_are_worth_nothing(box: Box) -> None:
    box.enroll()
    prove(box)
    old = box.phones["jo"]
    box.enroll()
    assert box.contacts.proven("acme", "jo", "password reset") is None
    box.later(seconds=90)
    with pytest.raises(NotAuthenticated):
        box.contacts.verify("acme", "jo", old.at(box.now), purpose="x")
    prove(box)
    assert len(box.vault.versions("acme", "contacts/jo/totp")) == 1


def test_disabled_there_is_no_code_and_no_seed(box: Box) -> None:
    box.enroll()
    for _ in range(2):
        box.contacts.disable("acme", "jo", by=BY)
    assert box.contacts.list("acme") == []
    assert box.vault.versions("acme", "contacts/jo/totp") == ()
    with pytest.raises(NotAuthenticated):
        prove(box)


def test_each_client_has_their_own(box: Box) -> None:
    box.enroll()
    with pytest.raises(NotAuthenticated):
        box.contacts.verify("beta", "jo", box.code(), purpose="x")
    assert box.contacts.get("beta", "jo") is None
    with pytest.raises(NotFound):
        box.contacts.enroll("nobody", "jo", by=BY)


def test_the_seed_lies_in_the_vault_alone(tmp_path: Path) -> None:
    box = Box(Home(tmp_path / "home").ensure())
    box.enroll()
    seed = box.phones["jo"].secret
    prove(box)
    box.close()
    assert leaks(tmp_path, {"seed": seed}) == []
