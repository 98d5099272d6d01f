"""Linux hosts, one survey each, and their servers' log of sign-ins; hosts side by side, and one that is away hides none of the others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tenantry.abreast import abreast
from tenantry.capabilities import HostLogin, HostRef, HostSurvey
from tenantry.errors import CannotCheck, ProviderError, VendorFault
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["SurveyedHost", "host_surveys", "ssh_logs"]

_ABREAST: Final = 16
"""Hosts that are surveyed at a time: what comes of one may be tens of megabytes."""
_WAITING: Final = 1000
"""Records of a log that wait to be looked at."""


@dataclass(frozen=True, slots=True)
class SurveyedHost:
    """One host: what a survey found, or why there is none."""

    name: str
    survey: HostSurvey | None
    why: str = ""

    def have(self, *parts: str) -> HostSurvey:
        """The survey, where these parts of it were read whole.

        Raises:
            CannotCheck: they were not. Whoever can tell something from half of it looks at :meth:`seen`, and asks for this at the end.
        """
        survey = self.seen()
        for part in parts:
            if part in survey.unread:
                raise CannotCheck(f"{self.name}: {survey.unread[part]}")
        return survey

    def seen(self) -> HostSurvey:
        """The survey, as far as it goes. Raises CannotCheck where there is none."""
        if self.survey is None:
            raise CannotCheck(self.why if self.why.startswith(f"{self.name} ") else f"{self.name}: {self.why}")
        return self.survey


@collector(
    "host",
    permissions=(
        Permission(
            vendor="linux",
            names=("find", "tar", "ss", "grep", "passwd", "sshd", "getcap", "md5sum", "rpm"),
        ),
    ),
)
async def host_surveys(given: Giver) -> AsyncIterator[SurveyedHost]:
    """Of every host of the tenant."""
    host = await given.capability("host")

    async def refs() -> AsyncIterator[HostRef]:
        for ref in await host.hosts():
            yield ref

    async def ask(ref: HostRef) -> SurveyedHost:
        try:
            return SurveyedHost(ref.id, await host.survey(ref.id))
        except ProviderError as error:
            return SurveyedHost(ref.id, None, error.message)

    async for found in abreast(refs(), ask, _ABREAST):
        yield found


_MESSAGE: Final = re.compile(r"(?:Accepted|Failed) .*", re.DOTALL)


@collector("host", permissions=(Permission(vendor="linux", names=("find", "grep", "journalctl")),), log="sshd")
async def ssh_logs(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """Sign-ins of the window and tries at them, of every host at the same time. Those of hosts that are away are missing, which is said when
    all others are through."""
    host = await given.capability("host")
    waiting: asyncio.Queue[tuple[str, HostLogin] | None] = asyncio.Queue(_WAITING)
    away: list[str] = []

    async def read(ref: HostRef, limit: asyncio.Semaphore) -> None:
        async with limit:
            try:
                async for login in host.logins(ref.id, given.look.since):
                    await waiting.put((ref.id, login))
            except ProviderError as error:
                away.append(f"{ref.id}: {error.message}")

    async def all_of_them() -> None:
        limit = asyncio.Semaphore(_ABREAST)
        try:
            refs = await host.hosts()
            async with asyncio.TaskGroup() as group:
                for ref in refs:
                    group.create_task(read(ref, limit))
        except asyncio.CancelledError:
            raise  # nobody waits any more
        except BaseException:
            await waiting.put(None)
            raise
        await waiting.put(None)

    reading = asyncio.create_task(all_of_them())
    try:
        while (found := await waiting.get()) is not None:
            name, login = found
            message = _MESSAGE.search(login.raw)
            if message is not None:
                yield {
                    "id": f"{name}:{login.id}",
                    "time": login.at.timestamp(),
                    "host": name,
                    "message": message[0],
                    "line": login.raw,
                }
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    if away:
        raise VendorFault("; ".join(sorted(away)), remedy="Check that these hosts can be reached, and sweep again.")
