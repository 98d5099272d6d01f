from __future__ import annotations

from tasks.checks._collect.mail_flow import OutboundDomain
from tasks.checks.mail.remote_domain_forwards import RemoteDomainForwards
from tenantry.capabilities import RemoteDomain
from tests.tasks.checks.looks import found

CHECK = RemoteDomainForwards()


def domain(name: str, auto_forward: bool, forwards_out: bool | None = None) -> OutboundDomain:
    return OutboundDomain(RemoteDomain(name="Default", domain=name, auto_forward=auto_forward, raw={}), forwards_out)


def test_everywhere_is_a_finding() -> None:
    assert found(CHECK, domain("*", True)) == [("medium", "Default")]
    assert found(CHECK, domain("*", True, True)) == [("medium", "Default")]


def test_what_another_policy_keeps_in_weighs_less() -> None:
    assert found(CHECK, domain("*", True, False)) == [("low", "Default")]


def test_off_or_for_one_partner() -> None:
    assert found(CHECK, domain("*", False)) == []
    assert found(CHECK, domain("partner.example", True)) == []
