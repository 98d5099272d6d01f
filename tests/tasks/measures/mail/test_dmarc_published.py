from __future__ import annotations

import pytest

from tasks.checks._collect.mail_domains import MailDomain
from tasks.measures.mail.dmarc_published import Asked, DmarcPublished
from tenantry.baseline.measure import Verdict
from tests.tasks.checks.looks import LOOK


def told(what: str, *facts: MailDomain) -> Verdict:
    return DmarcPublished(Asked.model_validate({"what": what})).evaluate(list(facts), LOOK, len(facts))


def domain(*dmarc: str, inherited: bool = False) -> MailDomain:
    return MailDomain("acme.example", dmarc=dmarc, inherited=inherited)


@pytest.mark.parametrize(
    ("record", "inherited", "policy", "reject"),
    [
        ("v=DMARC1; p=reject", False, True, True),
        ("v=DMARC1;P=Reject;pct=100", False, True, True),
        ("v=DMARC1; p=reject; pct=50", False, True, False),
        ("v=DMARC1; p=reject; t=y", False, True, False),
        ("v=DMARC1; p=quarantine", False, True, False),
        ("v=DMARC1; p=none; p=reject", False, True, False),
        ("v=DMARC1; rua=mailto:a@acme.example", False, False, False),
        ("v=DMARC1; p=refuse", False, False, False),
        ("v=DMARC1; p=none; sp=reject", True, True, True),
        ("v=DMARC1; p=none; sp=reject", False, True, False),
        ("v=DMARC1; p=reject; sp=none", True, True, False),
        ("v=DMARC1; p=reject", True, True, True),
    ],
)
def test_what_becomes_of_forged_mail(record: str, inherited: bool, policy: bool, reject: bool) -> None:
    fact = domain(record, inherited=inherited)
    assert (told("policy", fact).status, told("reject", fact).status) == (
        "pass" if policy else "fail",
        "pass" if reject else "fail",
    )


def test_one_policy_counts_and_none_or_two_are_none() -> None:
    for what in ("policy", "reject", "reports"):
        assert told(what, domain()).about == ("acme.example: no DMARC policy",)
        two = domain("v=DMARC1; p=reject", "v=DMARC1; p=reject")
        assert told(what, two).about == ("acme.example: 2 DMARC policies, of which none counts",)


def test_both_kinds_of_reports_go_to_somebody() -> None:
    both = "v=DMARC1; p=none; rua=mailto:a@acme.example; ruf=mailto:a@acme.example"
    assert told("reports", domain(both)).status == "pass"
    assert told("reports", domain("v=DMARC1; p=none; rua=mailto:a@acme.example; ruf=")).about == (
        "acme.example: nobody is sent reports of single mails",
    )


@pytest.mark.parametrize("what", ["policy", "reject", "reports"])
def test_not_asked_not_told_and_nothing_to_ask_are_no_pass(what: str) -> None:
    good = domain("v=DMARC1; p=reject; rua=mailto:a@b.example; ruf=mailto:a@b.example")
    assert told(what, good).status == "pass"
    assert told(what, good, MailDomain("away.example", unread="no answer")).status == "unknown"
    assert told(what, MailDomain("acme.example", unasked=True)).status == "for_person"
    assert told(what).status == "not_applicable"
