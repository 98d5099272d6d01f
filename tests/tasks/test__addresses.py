from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks._addresses import Network, canonical, outside, tenant_domains, within

DOMAINS = frozenset({"acme.example"})


@pytest.mark.parametrize(
    ("text", "is_outside"),
    [
        ("bob@acme.example", False),
        ("BOB@ACME.EXAMPLE", False),
        ("bob@mail.acme.example", False),
        ("bob@notacme.example", True),
        ("bob@acme.example.evil.example", True),
        ('"Bob" [SMTP:bob@evil.example]', True),
        ("smtp:drop@evil.example", True),
        ("/o=ExchangeLabs/cn=bob", False),
        ("bob_evil.example#EXT#@acme.example", True),
        ("a@acme.example; b@evil.example", True),
        ("", False),
    ],
)
def test_inside_or_outside(text, is_outside):
    assert outside(text, DOMAINS) is is_outside


def test_domains_come_from_the_file_and_from_the_accounts():
    assert tenant_domains({"domains": ["Acme.example"]}, "a@other.example", "no-address") == {
        "acme.example",
        "other.example",
    }


@given(st.ip_addresses(v=6))
def test_one_spelling_for_every_spelling(address):
    assert canonical(address.exploded.upper()) == canonical(f"[{address}]") == str(address)


@given(st.ip_addresses())
def test_an_address_lies_in_its_own_network_and_not_in_the_other_family(address):
    assert within(str(address), [str(ipaddress.ip_network(address))])
    assert not within(str(address), ["0.0.0.0/0" if address.version == 6 else "::/0"])


def test_what_is_no_address_lies_nowhere():
    assert not within("", ["0.0.0.0/0", "::/0"])
    assert canonical(" unknown ") == "unknown"


def test_a_network_is_checked_and_spelled_one_way():
    network = TypeAdapter(Network)
    assert network.validate_python("192.0.2.7/24") == "192.0.2.0/24"
    with pytest.raises(ValidationError):
        network.validate_python("office")
