"""Rotations killed at every call that leaves the process: whatever is left must sign in, and the resumed run must end with one copy.

The same for every kind of credential: a scene says how its service is opened, what lives there, and through which call its requests go.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.credentials import TenantCredentials
from tenantry.discovery import TaskRegistry
from tenantry.run import Policy
from tests.support.stand import QUICK, Access, Stand

TEXT = (Path(__file__).resolve().parents[2] / "runbooks" / "maintenance" / "credential_rotation.yaml").read_text()
PATIENT: Policy = replace(QUICK, lease_life=6.0, effect_timeout_cap=3.0)
"""For services that answer over a real network."""


class Killed(BaseException):
    """As SIGKILL: nothing in between can handle it."""


class Ticker:
    """Counts calls that leave the process; ends it before or after the n-th, and lets nothing out from then on."""

    def __init__(self) -> None:
        self.count = 0
        self.kill: tuple[str, int] = ("", 0)
        self.dead = False

    async def through(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """One call."""
        if self.dead:
            raise Killed
        self.count += 1
        here = self.count == self.kill[1]
        if here and self.kill[0] == "before":
            self._die()
        answer = await call()
        if here and self.kill[0] == "after":
            self._die()
        return answer

    def _die(self) -> None:
        self.dead = True
        raise Killed


class RotationScene:
    """A tenant ``acme``, its vault, and a service with one credential in it. Subclasses say which."""

    provider = "m365"
    name = "m365/client_secret"
    """Of the secret in the vault."""
    policy: Policy = QUICK

    def __init__(self, folder: Path, tenant: str = "acme") -> None:
        self.stand = Stand(folder, TaskRegistry.discover(entry_points=False))
        self.tenant = tenant
        self.runs = 0

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        """The capability, and what closes it."""
        raise NotImplementedError

    def live(self) -> set[str]:
        """Credentials that the service has."""
        raise NotImplementedError

    async def signs_in(self, version: int | None = None) -> bool:
        """Whether a version in the vault signs in everywhere, tried without anything that is tested."""
        raise NotImplementedError

    async def refused(self, version: int) -> bool:
        """Whether a version is refused everywhere."""
        return not await self.signs_in(version)

    async def works_somehow(self) -> bool:
        """Whether nobody is locked out: what the vault has, as the credential or as candidate, signs in."""
        return await self.signs_in()

    async def run(self, kill: tuple[str, int] = ("", 0), *, mode: str = "run", run_id: str | None = None) -> int:
        """One attempt; how many calls it sent."""
        if run_id is None:
            self.runs += 1
            run_id = self.stand.create(TEXT, {"provider": self.provider}, run_id=f"run-{self.runs}", mode=mode)
        ticker = Ticker()
        ticker.kill = kill
        credentials, close = await self.opened(ticker)
        try:
            await self.stand.run(
                run_id, Access(name=self.tenant, capabilities={"credentials": credentials}), self.policy
            )
        finally:
            await close()
        return ticker.count

    def bury(self) -> None:
        """The killed process is gone: in a test it is this one, which looks alive to whoever asks for its lease."""
        with contextlib.closing(sqlite3.connect(self.stand.home.journal_db)) as db, db:
            db.execute("UPDATE leases SET expires_us = 0")

    def outcomes(self) -> dict[str, Any]:
        return self.stand.outcomes(f"run-{self.runs}")

    def status(self) -> str:
        return str(self.stand.view(f"run-{self.runs}")["status"])

    def stored(self) -> dict[str, int]:
        return {found.name: found.version for found in self.stand.vault.list(self.tenant)}

    def close(self) -> None:
        self.stand.close()


async def killed_and_resumed(make: Callable[[str], RotationScene], where: str, points: int) -> None:
    """Kill a rotation at so many calls, evenly spread, and resume it.

    Args:
        make: name of a folder → a fresh scene.
        where: ``before`` or ``after`` the call.
    """
    plain = make("plain")
    total = await plain.run()
    assert plain.status() == "completed", plain.stand.view("run-1")
    plain.close()
    for nth in sorted({1 + point * (total - 1) // max(1, points - 1) for point in range(points)}):
        one = make(f"{where}-{nth}")
        with contextlib.suppress(Killed):  # how often it looks varies a little: the last points may never come
            await one.run((where, nth))
        one.bury()
        assert await one.works_somehow(), f"locked out: {where} call {nth}"
        for _ in range(3):
            await one.run(run_id="run-1")
            if one.status() == "completed":
                break
        assert one.status() == "completed", (where, nth, one.stand.view("run-1"))
        assert len(one.live()) == 1, (where, nth, one.live())
        assert await one.signs_in(), (where, nth)
        assert await one.refused(1), (where, nth)
        assert one.stored()[one.name] == 2, (where, nth, one.stored())
        assert not any(name.startswith("rotations/") for name in one.stored())
        one.close()
