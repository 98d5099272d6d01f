"""How a client leaves, in its file: what cannot be is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tenantry.leaving import DeliverTo, Offboarding
from tenantry.tenants import Tenant

AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@pytest.mark.parametrize(
    "place",
    [
        {"folder": "/mnt/disk"},
        {"provider": "aws", "bucket": "theirs", "prefix": "from-msp/acme"},
        {"provider": "hosts", "host": "web1", "folder": "/srv/handover"},
    ],
)
def test_a_place_is_one_of_three_kinds(place: dict[str, Any]) -> None:
    DeliverTo.model_validate(place)


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"provider": "aws"},
        {"bucket": "theirs"},
        {"provider": "aws", "bucket": "theirs", "folder": "/x"},
        {"folder": "relative"},
        {"folder": "/x", "prefix": "y"},
        {"provider": "aws", "bucket": "Not A Bucket"},
    ],
)
def test_nothing_else_is_a_place(place: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DeliverTo.model_validate(place)


def test_keys_are_the_clients_public_ones() -> None:
    assert Offboarding.model_validate({"age_recipients": [AGE]}).age_recipients == [AGE]
    for wrong in (AGE[:-1] + "q", "AGE-SECRET-KEY-1QQQQ", "ssh-ed25519 AAAA"):
        with pytest.raises(ValidationError):
            Offboarding.model_validate({"age_recipients": [wrong]})


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"contact": "nobody"}, "contact"),
        ({"deliver_to": {"provider": "aws", "bucket": "theirs"}}, "deliver_to"),
        ({"held_at": [{"id": "a", "what": "x", "provider": "aws", "bucket": "ours"}]}, "held_at"),
    ],
)
def test_what_names_something_that_the_file_lacks_is_refused(said: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError, match=r"no (contact|provider) of this file"):
        Tenant.model_validate({"name": "acme", "display_name": "Acme", "offboarding": said})
    assert where
