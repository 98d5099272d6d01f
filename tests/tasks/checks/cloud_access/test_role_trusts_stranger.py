from __future__ import annotations

import pytest

from tasks.checks.cloud_access.role_trusts_stranger import RoleTrustsStranger
from tests.tasks.checks._cloud import HUB, OWN, OWNER, STRANGER, found, role, trusting

CHECK = RoleTrustsStranger()


def arn(account: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{account}:root"}


def test_a_stranger() -> None:
    assert found(CHECK, role(trust=trusting(arn(STRANGER)))) == [("high", "app")]
    assert found(CHECK, role(trust=trusting({"AWS": STRANGER}))) == [("high", "app")]
    assert found(CHECK, role(trust=trusting("*"))) == [("critical", "app")]


def test_a_vendor_with_an_external_id_matters_less_and_hides_nobody() -> None:
    vendor = trusting(arn("444455556666"), StringEquals={"sts:ExternalId": "x"})
    assert found(CHECK, role(trust=vendor)) == [("low", "app")]
    both = {"Statement": [*vendor["Statement"], *trusting(arn(STRANGER))["Statement"]]}
    assert found(CHECK, role(trust=both)) == [("low", "app"), ("high", "app")]


@pytest.mark.parametrize("account", [OWN, HUB, OWNER])
def test_our_own_the_msps_and_the_organisations_are_none(account: str) -> None:
    assert found(CHECK, role(trust=trusting(arn(account)))) == []


def test_the_organisation_and_services_are_none() -> None:
    assert found(CHECK, role()) == []
    assert found(CHECK, role(trust={})) == []
    assert found(CHECK, role(trust=trusting("*", StringEquals={"aws:PrincipalOrgID": "o-acme"}))) == []
    assert found(CHECK, role(trust=trusting(arn(STRANGER), StringEquals={"aws:PrincipalOrgID": "o-acme"}))) == []


def test_a_denial_lets_nobody_in() -> None:
    denied = {"Statement": [trusting("*")["Statement"][0] | {"Effect": "Deny"}]}
    assert found(CHECK, role(trust=denied)) == []


def test_an_external_id_on_everybody_and_everybody_but_somebody() -> None:
    anybody = trusting("*", StringEquals={"sts:ExternalId": "x"})
    assert found(CHECK, role(trust=anybody)) == [("critical", "app")]
    but = {"Effect": "Allow", "NotPrincipal": arn(HUB), "Action": "sts:AssumeRole"}
    assert found(CHECK, role(trust={"Statement": [but]})) == [("critical", "app")]
