"""Mail addresses and networks: inside or outside, known or not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@([\w-]+(?:\.[\w-]+)+)")


def _network(text: str) -> str:
    return (
        str(ipaddress.ip_network(text.strip(), strict=False))
        if "/" in text
        else str(ipaddress.ip_address(text.strip()))
    )


Network = Annotated[str, AfterValidator(_network)]
"""An IP address or a network in CIDR notation, IPv4 or IPv6, in its canonical spelling."""


def canonical(ip: str) -> str:
    """The one spelling of an address; a text that is none is given back as it is."""
    try:
        return str(ipaddress.ip_address(ip.strip().strip("[]")))
    except ValueError:
        return ip.strip()


def within(ip: str, networks: Iterable[str]) -> bool:
    """Whether the address lies in one of the networks; False for a text that is no address."""
    try:
        address = ipaddress.ip_address(ip.strip())
    except ValueError:
        return False
    for text in networks:
        network = ipaddress.ip_network(text, strict=False)
        if network.version == address.version and address in network:
            return True
    return False


def tenant_domains(subject: Mapping[str, Any], *upns: str) -> frozenset[str]:
    """The tenant's mail domains, from its file and from the accounts at hand."""
    named = {str(domain).lower() for domain in subject.get("domains") or ()}
    return frozenset(named | {upn.rsplit("@", 1)[1].lower() for upn in upns if "@" in upn})


def known_networks(subject: Mapping[str, Any]) -> list[str]:
    """The client's and the responders' own networks, as the tenant's file names them."""
    return [str(network) for network in subject.get("known_networks") or ()]


def home_countries(subject: Mapping[str, Any]) -> list[str]:
    """Countries (two letters) from which the client's people usually work, as the tenant's file names them."""
    return [str(country) for country in subject.get("countries") or ()]


def outside(text: str, domains: frozenset[str]) -> bool:
    """Whether the text names an address outside the tenant. Directory names without a domain are inside; a guest
    (``#EXT#``) is outside although its name ends in the tenant's domain."""
    if "#ext#" in text.lower():
        return True
    found = _ADDRESS.findall(text.lower())
    return any(not _under(domain, domains) for domain in found)


def _under(domain: str, domains: frozenset[str]) -> bool:
    return domain in domains or any(domain.endswith("." + own) for own in domains)
