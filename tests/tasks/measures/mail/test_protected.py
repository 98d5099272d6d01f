from __future__ import annotations

from typing import Any, get_args

import pytest

from tasks.checks._collect.mail_flow import ProtectedMail
from tasks.measures.mail.protected import Protected, What, _What
from tenantry.baseline.measure import Verdict
from tenantry.capabilities import MailProtections
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LOOK

GUARDED: dict[str, Any] = {
    "basic_sending": False,
    "contacts_shared": (),
    "calendars_shared": (),
    "outsiders_marked": True,
    "let_in": (),
    "safe_list": False,
    "signed": {"b.example": True},
}


def said(against: str, **of: Any) -> Verdict:
    mail = MailProtections(raw={}, **(GUARDED | of))
    return Protected(What(against=against)).evaluate([ProtectedMail(mail, frozenset({"b.example"}))], LOOK, 1)


@pytest.mark.parametrize("against", get_args(_What))
def test_one_that_is_guarded_passes(against: str) -> None:
    assert said(against).status == "pass"


@pytest.mark.parametrize(
    ("against", "of", "status", "about"),
    [
        ("basic_sending", {"basic_sending": True}, "fail", 1),
        ("contacts", {"contacts_shared": ("Default", "Sales")}, "fail", 2),
        ("calendars", {"calendars_shared": ("Default",)}, "fail", 1),
        ("outsiders", {"outsiders_marked": False}, "for_person", 0),
        ("addresses", {"let_in": ("192.0.2.1",)}, "fail", 1),
        ("safe_list", {"safe_list": True}, "fail", 1),
        ("signatures", {"signed": {"b.example": False}}, "fail", 1),
        ("signatures", {"signed": {"other.example": True}}, "fail", 1),
    ],
)
def test_each_misuse_is_a_question_of_its_own(against: str, of: dict[str, Any], status: str, about: int) -> None:
    found = said(against, **of)
    assert (found.status, len(found.about)) == (status, about)
    assert all(said(other, **of).status == "pass" for other in get_args(_What) if other != against)


@pytest.mark.parametrize(
    ("against", "of"),
    [
        ("basic_sending", {"basic_sending": None}),
        ("outsiders", {"outsiders_marked": None}),
        ("addresses", {"let_in": None}),
        ("safe_list", {"safe_list": None}),
    ],
)
def test_what_the_vendor_does_not_say_is_no_pass(against: str, of: dict[str, Any]) -> None:
    with pytest.raises(CannotCheck):
        said(against, **of)


def test_signatures_of_no_domain_are_no_pass() -> None:
    mail = MailProtections(raw={}, **GUARDED)
    with pytest.raises(CannotCheck, match="domains"):
        Protected(What(against="signatures")).evaluate([ProtectedMail(mail, frozenset())], LOOK, 1)
