"""Rotations of every kind under the harness of ``faults.py``: ended by SIGKILL at journal boundaries and around and during every call that
leaves the process. Whatever is left must sign in, and the resumed run must end with one copy, in the vault and nowhere else.

The same for every kind of credential: a scene says how its service is opened, what lives there, and through which call its requests go.
Each attempt is a process of its own, born with nothing but the home and what :meth:`RotationScene.places` says.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from flows.credentials import TenantCredentials
from tenantry.run import Policy
from tests.support.canary import leaks, private_lines
from tests.support.faults import Errand, Kill, Killer, Zygote, kill_at_append
from tests.support.lab_stand import every_task
from tests.support.stand import QUICK, Access, Stand

TEXT = (Path(__file__).resolve().parents[2] / "runbooks" / "maintenance" / "credential_rotation.yaml").read_text()
PATIENT: Policy = replace(QUICK, lease_life=6.0, effect_timeout_cap=3.0)
"""For services that answer over a real network."""
BUSY: Policy = replace(PATIENT, patience_scale=0.1)
"""For a lab that shows at once what was written. On a machine with other work a new key and two sign-ins take longer than `QUICK` gives an effect;
cut short each time, it was then looked for through the task's whole minute, attempt after attempt."""
APPENDS = ("append_before", "append_after")
CALLS = ("write_before", "write_during", "write_after")
"""Around every call, those that only read too."""
WHERE = (*APPENDS, *CALLS)
SIGKILLED = -9


class Ticker:
    """Counts calls that leave the process, and ends it around the one that the killer is about."""

    def __init__(self, killer: Killer | None = None) -> None:
        self.count = 0
        self._killer = killer

    async def through(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """One call."""
        self.count += 1
        last = self._killer is not None and self._killer.begins()
        answer = await call()
        if last and self._killer is not None:
            self._killer.ended()
        return answer


def zygote() -> Zygote:
    """For a module's scenes: what they import is imported before the first child is born."""
    return Zygote(warm_up=every_task)


class RotationScene:
    """A tenant ``acme``, its vault, and a service with one credential in it. Subclasses say which."""

    provider = "m365"
    name = "m365/client_secret"
    """Of the secret in the vault."""
    policy: Policy = QUICK

    def __init__(self, folder: Path, tenant: str = "acme") -> None:
        self.folder = folder
        self.stand = Stand(folder, every_task())
        self.tenant = tenant
        self.stand.tenant = tenant
        self.runs = 0

    def places(self) -> dict[str, Any]:
        """What another process needs besides the home, as JSON takes it."""
        return {}

    def placed(self, places: Mapping[str, Any]) -> None:
        """Take in what :meth:`places` said, in another process."""

    @classmethod
    def again(cls, folder: Path, tenant: str, places: Mapping[str, Any]) -> Self:
        """The same scene in another process."""
        made = cls.__new__(cls)
        made.folder, made.tenant, made.runs = folder, tenant, 0
        made.stand = Stand(folder, every_task(), tenant)
        made.placed(places)
        return made

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

    def create(self, mode: str = "run") -> str:
        """A new run's id."""
        self.runs += 1
        return self.stand.create(TEXT, {"provider": self.provider}, run_id=f"run-{self.runs}", mode=mode)

    async def run(self, ticker: Ticker | None = None, *, mode: str = "run", run_id: str | None = None) -> int:
        """One attempt in this process; how many calls it sent."""
        run_id = run_id or self.create(mode)
        ticker = ticker or Ticker()
        credentials, close = await self.opened(ticker)
        try:
            await self.stand.run(
                run_id, Access(name=self.tenant, capabilities={"credentials": credentials}), self.policy
            )
        finally:
            await close()
        return ticker.count

    def attempt(self, zygote: Zygote, kill: Kill, run_id: str) -> int:
        """One attempt in a process of its own; its exit code."""
        given = {
            **{"scene": f"{type(self).__module__}:{type(self).__name__}", "folder": str(self.folder)},
            **{"tenant": self.tenant, "run_id": run_id, "places": self.places()},
        }
        (code,) = zygote.run(Errand("tests.support.rotation:attempt", asdict(kill), given))
        return code

    def between(self, run_id: str) -> None:
        """What people do while a run waits for them."""

    def outcomes(self) -> dict[str, Any]:
        return self.stand.outcomes(f"run-{self.runs}")

    def status(self) -> str:
        return str(self.stand.view(f"run-{self.runs}")["status"])

    def stored(self) -> dict[str, int]:
        return {found.name: found.version for found in self.stand.vault.list(self.tenant)}

    def hidden(self, value: str) -> Mapping[str, str]:
        """What of a value of the credential must lie nowhere but in the vault."""
        return private_lines(value) if "PRIVATE KEY-----" in value else {"value": value}

    def leaked(self) -> list[str]:
        """Where any version of the credential lies outside the vault: in what the scene's folder has, in any encoding, and in what the
        record says of the run when its payloads are opened."""
        vault, wanted = self.stand.vault, {}
        for one in vault.versions(self.tenant, self.name):
            value = vault.get_text(self.tenant, self.name, one.version).get_secret_value()
            wanted |= {f"{name} of version {one.version}": text for name, text in self.hidden(value).items()}
        said = repr([record.payload for record in self.stand.journal.records(f"run-{self.runs}")])
        return leaks(self.folder, wanted) + [f"{name} in the record" for name, text in wanted.items() if text in said]

    def close(self) -> None:
        self.stand.close()


async def attempt(kill: Kill, *, scene: str, folder: str, tenant: str, run_id: str, places: Mapping[str, Any]) -> None:
    """In the child."""
    module, _, name = scene.partition(":")
    kind: type[RotationScene] = getattr(importlib.import_module(module), name)
    here = kind.again(Path(folder), tenant, places)
    if kill.where in APPENDS:
        kill_at_append(here.stand.journal, kill)
    await here.run(Ticker(Killer(kill) if kill.where in CALLS else None), run_id=run_id)


async def killed_and_resumed(
    zygote: Zygote, make: Callable[[str], RotationScene], points: Mapping[str, int], *, at_most: int = 4
) -> int:
    """Kill a rotation at so many places, evenly spread, and resume it.

    Args:
        make: name of a folder → a fresh scene.
        points: of :data:`WHERE` → how many; those beyond the last are left out, so a large number is every place.
        at_most: attempts after the kill that the end may take.

    Returns:
        how many attempts were ended by SIGKILL.
    """
    plain = make("plain")
    plain_id, appends, calls = plain.create(), 0, 0
    append = plain.stand.journal.append

    def counted(*args: Any, **more: Any) -> Any:
        nonlocal appends
        appends += 1
        return append(*args, **more)

    plain.stand.journal.append = counted  # type: ignore[method-assign]
    for _ in range(at_most):
        calls += await plain.run(run_id=plain_id)
        if plain.status() == "completed":
            break
        plain.between(plain_id)
    assert plain.status() == "completed", plain.stand.view(plain_id)
    plain.close()
    killed = 0
    for where, count in points.items():
        total = appends if where in APPENDS else calls
        for nth in sorted({1 + point * (total - 1) // max(1, count - 1) for point in range(count)}):
            one = make(f"{where}-{nth}")
            run_id = one.create()
            # How often it looks varies a little: the last points may never come.
            killed += one.attempt(zygote, Kill(where, nth), run_id) == SIGKILLED
            assert await one.works_somehow(), f"locked out: {where} {nth}"
            for _ in range(at_most):
                if one.status() == "completed":
                    break
                one.between(run_id)
                assert one.attempt(zygote, Kill(), run_id) == 0, (where, nth)
                assert await one.works_somehow(), f"locked out: resumed after {where} {nth}"
            assert one.status() == "completed", (where, nth, one.stand.view(run_id))
            assert one.stand.journal.verify().ok
            assert len(one.live()) == 1, (where, nth, one.live())
            assert await one.signs_in(), (where, nth)
            assert await one.refused(1), (where, nth)
            assert one.stored()[one.name] == 2, (where, nth, one.stored())
            assert not any(name.startswith("rotations/") for name in one.stored())
            assert one.leaked() == [], (where, nth)
            one.close()
    return killed
