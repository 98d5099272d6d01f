"""`measures.endpoints.hosts_updated`"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tenantry.abreast import abreast
from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Host, HostRef
from tenantry.errors import ProviderError
from tenantry.sweep.check import Giver, Look

_ABREAST: Final = 16
_STALE: Final = timedelta(days=14)
"""Package lists that are older say nothing about what is pending now."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One host: how many security updates wait, and as of when; or why that is not known."""

    host: str
    security: int = 0
    lists_at: datetime | None = None
    why: str = ""


class HostsUpdated(Measure[list[Pending]]):
    """No host waits for a security update. NIST SP 800-40 Rev. 4."""

    name = "measures.endpoints.hosts_updated"
    needs = ("host",)

    async def collect(self, given: Giver) -> list[Pending]:
        host: Host = await given.capability("host")

        async def refs() -> AsyncIterator[HostRef]:
            for ref in await host.hosts():
                yield ref

        async def ask(ref: HostRef) -> Pending:
            try:
                pending = sum(one.security for one in await host.updates(ref.id))
                return Pending(ref.id, pending, (await host.facts(ref.id)).package_lists_at)
            except ProviderError as error:
                return Pending(ref.id, why=error.message)

        return [one async for one in abreast(refs(), ask, _ABREAST)]

    def evaluate(self, facts: list[Pending], look: Look) -> Verdict:
        if not facts:
            return Verdict("not_applicable", "the client has no hosts here")
        behind = tuple(f"{one.host}: {one.security} wait" for one in facts if one.security)
        if behind:
            why = f"{len(behind)} of {len(facts)} hosts wait for security updates"
            return Verdict("fail", why, behind, len(facts))
        away = tuple(f"{one.host}: {one.why}" for one in facts if one.why)
        if away:
            return Verdict("unknown", f"{len(away)} of {len(facts)} hosts could not be asked", away, len(facts))
        old = tuple(one.host for one in facts if one.lists_at is None or one.lists_at < look.now - _STALE)
        if old:
            why = f"{len(old)} of {len(facts)} hosts have not asked for updates within {_STALE.days} days"
            return Verdict("unknown", why, old, len(facts))
        return Verdict("pass", f"none of {len(facts)} hosts waits for a security update", (), len(facts))
