"""TXT records of the public DNS, asked of the resolvers that ``estate.yaml`` names (``name_servers``).

Permissions: none; the resolvers learn the clients' domains, so they are the MSP's choice and never a default. Protocol: dnspython, UDP and, for an
answer that is cut off, TCP (RFC 1035, RFC 7766); questions and answers are matched by it. No cache, no search domains, no file of this machine.

Known limits: whether an answer was signed (DNSSEC) is the resolver's to check.
"""

from __future__ import annotations

from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

from tenantry.errors import InvalidInput, Unreachable

__all__ = ["Resolvers"]

_REMEDY = "See that the resolvers under name_servers in estate.yaml answer this machine."


class Resolvers:
    """Implements :class:`tenantry.capabilities.PublicDns`.

    Args:
        servers: address and port of each; the next is asked where one does not answer.
        within: seconds for all of them together.
    """

    def __init__(self, servers: Sequence[tuple[str, int]], *, within: float = 10.0) -> None:
        self._within = within
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in servers]

    async def texts(self, name: str) -> tuple[str, ...]:
        try:
            absolute = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            raise InvalidInput(f"{name[:255]!r} is no name of the DNS") from None
        try:
            answer = await self._resolver.resolve(absolute, "TXT", search=False, lifetime=self._within)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise Unreachable(
                f"no resolver tells what {name} publishes ({type(error).__name__})", remedy=_REMEDY
            ) from error
        return tuple(sorted(b"".join(record.strings).decode("utf-8", "replace") for record in answer))
