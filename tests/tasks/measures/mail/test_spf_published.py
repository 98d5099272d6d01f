from __future__ import annotations

import pytest

from tasks.checks._collect.mail_domains import MailDomain
from tasks.measures.mail.spf_published import SpfPublished
from tenantry.baseline.measure import Verdict
from tests.tasks.checks.looks import LOOK


def told(*facts: MailDomain) -> Verdict:
    return SpfPublished().evaluate(list(facts), LOOK, len(facts))


def domain(*spf: str) -> MailDomain:
    return MailDomain("acme.example", spf)


@pytest.mark.parametrize(
    ("policies", "amiss"),
    [
        (("v=spf1 include:spf.example -all",), None),
        (("v=spf1 -ALL",), None),
        (("v=spf1 -all +all",), None),
        ((), "no SPF policy"),
        (("v=spf1 -all", "v=spf1 mx -all"), "2 SPF policies, of which none counts"),
        (("v=spf1 mx ~all",), "its SPF policy ends with ~all instead of -all"),
        (("v=spf1 mx all -all",), "its SPF policy ends with all instead of -all"),
        (("v=spf1 include:all",), "its SPF policy does not end with -all"),
        (("v=spf1 a:-all.example",), "its SPF policy does not end with -all"),
    ],
)
def test_everybody_else_has_to_fail(policies: tuple[str, ...], amiss: str | None) -> None:
    found = told(domain(*policies))
    assert found.status == ("fail" if amiss else "pass")
    assert found.about == ((f"acme.example: {amiss}",) if amiss else ())


def test_a_domain_that_could_not_be_asked_about_is_no_pass_and_hides_none_that_fails() -> None:
    good, bad, away = domain("v=spf1 -all"), domain(), MailDomain("away.example", unread="no answer")
    assert told(good, away).status == "unknown"
    assert told(good, away).about == ("away.example",)
    both = told(good, bad, away)
    assert both.status == "fail"
    assert "away.example: no answer" in both.why


def test_without_a_resolver_a_person_is_asked_and_without_a_domain_there_is_nothing_to_ask() -> None:
    assert told(MailDomain("acme.example", unasked=True)).status == "for_person"
    assert told().status == "not_applicable"
