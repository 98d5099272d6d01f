"""What the domains of the organisation's mail publish about who may send in their name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tenantry.capabilities import MailFlow, PublicDns
from tenantry.errors import CannotCheck, InvalidInput, NoProvider, Unreachable
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["MailDomain", "mail_domains"]

_ABREAST: Final = 16
_REDIRECTS: Final = 5
"""That are followed from one SPF policy to another; RFC 7208 (4.6.4) allows ten questions in all."""
_UP: Final = 5
"""Names that are asked for a DMARC policy: a domain and those above it (RFC 7489, 6.6.3 without a list of public suffixes)."""


@dataclass(frozen=True, slots=True)
class MailDomain:
    """An accepted domain. Texts are as they stand in the DNS: who published them is no friend for certain."""

    name: str
    spf: tuple[str, ...] = ()
    """Records that begin with ``v=spf1``: of the domain that the last ``redirect`` led to."""
    dmarc: tuple[str, ...] = ()
    """Records that begin with ``v=DMARC1``: of the domain, or of the nearest one above it that has any."""
    inherited: bool = False
    """``dmarc`` is one above it."""
    unread: str = ""
    """Why it could not be told; empty: it was."""
    unasked: bool = False
    """Nobody was asked: the estate names no resolver."""


@collector("mail_flow", "public_dns", permissions=(Permission(vendor="microsoft365", names=("Exchange.ManageAsApp",)),))
async def mail_domains(given: Giver) -> AsyncIterator[MailDomain]:
    """Every accepted domain, with what it publishes."""
    flow: MailFlow = await given.capability("mail_flow")
    public: PublicDns = await given.capability("public_dns")
    names = sorted(await flow.domains())
    for start in range(0, len(names), _ABREAST):
        for found in await asyncio.gather(*(_read(public, name) for name in names[start : start + _ABREAST])):
            yield found


async def _read(public: PublicDns, name: str) -> MailDomain:
    try:
        spf = await _spf(public, name)
        dmarc, inherited = await _dmarc(public, name)
    except NoProvider:
        return MailDomain(name, unasked=True)
    except (CannotCheck, InvalidInput, Unreachable) as error:
        return MailDomain(name, unread=error.message)
    return MailDomain(name, spf, dmarc, inherited)


async def _spf(public: PublicDns, name: str) -> tuple[str, ...]:
    """A policy without ``all`` may be another domain's (RFC 7208, 6.1)."""
    found: tuple[str, ...] = ()
    for _ in range(_REDIRECTS):
        found = tuple(one for one in await public.texts(name) if one.lower().split(" ")[0] == "v=spf1")
        terms = found[0].split() if len(found) == 1 else []
        others = [term.partition("=")[2] for term in terms if term.lower().startswith("redirect=")]
        if not others or any(term.lower().lstrip("+-~?") == "all" for term in terms):
            return found
        if "%" in others[0]:
            raise CannotCheck(f"the SPF policy of {name} leads to a name that depends on the mail")
        name = others[0]
    return found


async def _dmarc(public: PublicDns, name: str) -> tuple[tuple[str, ...], bool]:
    """A domain without a policy has that of the domain above it; a public suffix of one label publishes none for others."""
    labels = name.split(".")
    for start in range(min(_UP, max(1, len(labels) - 1))):
        texts = await public.texts(f"_dmarc.{'.'.join(labels[start:])}")
        found = tuple(one for one in texts if one.replace(" ", "").lower().split(";")[0] == "v=dmarc1")
        if found:
            return found, start > 0
    return (), False
