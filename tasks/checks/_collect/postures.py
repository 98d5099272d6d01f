"""How each Linux host is set up; hosts side by side, and one that is away hides none of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tenantry.abreast import abreast
from tenantry.capabilities import HostPosture, HostRef, Posture
from tenantry.errors import CannotCheck, ProviderError
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["PosturedHost", "host_postures"]

_ABREAST: Final = 16


@dataclass(frozen=True, slots=True)
class PosturedHost:
    """One host: how it is set up, or why that is not known."""

    name: str
    posture: HostPosture | None
    why: str = ""

    def have(self, *parts: str) -> HostPosture:
        """The posture, where these parts were read whole.

        Raises:
            CannotCheck: they were not, or nothing was.
        """
        if self.posture is None:
            raise CannotCheck(self.why if self.why.startswith(f"{self.name} ") else f"{self.name}: {self.why}")
        return self.posture.have(*parts)


@collector(
    "posture",
    permissions=(Permission(vendor="linux", names=("cat", "find", "nft", "passwd", "ss", "sshd", "tar")),),
)
async def host_postures(given: Giver) -> AsyncIterator[PosturedHost]:
    """Of every host of the tenant."""
    provider: Posture = await given.capability("posture")

    async def refs() -> AsyncIterator[HostRef]:
        for ref in await provider.posture_hosts():
            yield ref

    async def ask(ref: HostRef) -> PosturedHost:
        try:
            return PosturedHost(ref.id, await provider.posture(ref.id))
        except ProviderError as error:
            return PosturedHost(ref.id, None, error.message)

    async for found in abreast(refs(), ask, _ABREAST):
        yield found
