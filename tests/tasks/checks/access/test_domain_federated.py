from __future__ import annotations

from typing import Any

import pytest

from tasks.checks.access.domain_federated import DomainFederated
from tenantry.capabilities import DirectoryDomain
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LATELY, LONG_AGO, found

CHECK = DomainFederated()


def domain(**of: Any) -> DirectoryDomain:
    return DirectoryDomain(
        **{
            "name": "acme.example",
            "verified": True,
            "federated": True,
            "issuer": "urn:any",
            "sign_in_host": "login.evil.example",
            "certificate_since": LATELY,
            "raw": {},
            **of,
        }
    )


def test_a_new_certificate_of_a_stranger() -> None:
    assert found(CHECK, domain()) == [("critical", "acme.example")]
    assert found(CHECK, domain(sign_in_host="")) == [("critical", "acme.example")]
    assert found(CHECK, domain(sign_in_host="notokta.com")) == [("critical", "acme.example")]


@pytest.mark.parametrize("host", ["sts.acme.example", "acme.okta.com"])
def test_a_renewal_weighs_less(host: str) -> None:
    assert found(CHECK, domain(sign_in_host=host)) == [("medium", "acme.example")]


def test_managed_or_of_old() -> None:
    assert found(CHECK, domain(federated=False)) == []
    assert found(CHECK, domain(certificate_since=LONG_AGO)) == []


def test_without_a_certificate_nothing_is_known() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, domain(certificate_since=None))
