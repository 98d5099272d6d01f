"""What everybody can read about a name in the public DNS. The installation provides it, and asks the resolvers of ``estate.yaml``: what counts is
what strangers' mail servers are told, which the vendor whose zone it is supposed to be does not know. Reads only.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["PublicDns"]


@runtime_checkable
class PublicDns(Protocol):
    async def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records of a name, the strings of each joined, sorted; none where there is no such name or it has none.

        Raises:
            Unreachable: no resolver gave an answer that can be believed.
            InvalidInput: it is no name.
            NoProvider: nobody is asked: the estate names no resolver, or it is a drill.
        """
        ...
