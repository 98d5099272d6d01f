"""The ``looking`` capability: the sweep's readings and checks for other tasks, over whatever a client has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from flows.sweeping import known, recognised
from tenantry.capabilities.looking import Agreed, ConnectedSystem
from tenantry.clock import rfc3339
from tenantry.errors import TenantryError
from tenantry.run import Status
from tenantry.sweep.check import BaseCheck, Collector, Giver, Look
from tenantry.task import Outcome

if TYPE_CHECKING:
    from flows.assembly import Installation, Source, TenantContext
    from tenantry.sweep.model import Sweep

__all__ = ["EXERCISED", "STAGED", "VERIFIED", "TenantLooking", "proven"]

F = TypeVar("F")
_PATIENCE: Final = 60.0
"""Seconds after which a system that was tried counts as not answering."""
_MOST: Final = 50
"""Restores that are told."""
EXERCISED: Final = frozenset({"incident", "disaster"})
"""Kinds of runbooks that are exercised for the day on which they are needed."""
VERIFIED: Final = "backup.verify_restore"
"""The vendor compared what was restored; its output says whether it could."""
STAGED: Final = "host.stage_restore"
"""The backup tool read back and compared what it restored, which the step proves before it counts as done."""


class TenantLooking:
    """`tenantry.capabilities.looking` over one client's providers."""

    def __init__(self, installation: Installation, context: TenantContext) -> None:
        self._installation = installation
        self._context = context

    async def look(self, now: datetime, days: int) -> Look:
        ours, _ = await recognised(self._context)
        found = known(self._context.tenant, self._installation.estate, list(ours.values()))
        return Look(now, now - timedelta(days=days), found)

    def given(self, needs: Sequence[str], look: Look) -> Giver:
        from tenantry.sweep.live import Given

        return Given(self._context, look, needs, "what looks at the client")

    async def facts(self, source: Collector[F], look: Look) -> AsyncIterator[F]:
        async for fact in source.read(self.given(source.needs, look)):
            yield fact

    async def checked(self, checks: Sequence[BaseCheck], look: Look) -> Sweep:
        from tenantry.sweep.live import sweep_tenant  # it loads pySigma

        return await sweep_tenant(self._context, checks, look, {}, scratch=self._installation.home.run)

    async def systems(self, known: Collection[str] = ()) -> Sequence[ConnectedSystem]:
        return await asyncio.gather(
            *(self._tried(source) for source in self._context.sources() if source.key not in known)
        )

    async def _tried(self, source: Source) -> ConnectedSystem:
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await (await self._context.handle(source.key)).check()
        except TimeoutError:
            return self._system(source, works=False, why=f"it did not answer within {_PATIENCE:.0f} seconds")
        except TenantryError as error:
            return self._system(source, works=False, why=error.message)
        if found.signed_in is False or found.reachable is False:
            why = next(iter(found.problems), "it does not let us in")
            return self._system(source, works=False, why=found.here_and_there or why, missing=tuple(found.problems))
        return self._system(source, works=True if found.signed_in else None, missing=tuple(found.problems))

    @staticmethod
    def _system(source: Source, *, works: bool | None, why: str = "", missing: tuple[str, ...] = ()) -> ConnectedSystem:
        return ConnectedSystem(key=source.key, vendor=source.config.vendor, works=works, why=why, missing=missing)

    # --- what runs proved ---------------------------------------------------------------------------------------------

    async def restores(self, since: datetime) -> Sequence[dict[str, Any]]:
        return await asyncio.to_thread(self._restores, since)

    def _restores(self, since: datetime) -> list[dict[str, Any]]:
        """Only runs of runbooks that restore are opened."""
        found: list[dict[str, Any]] = []
        restores: dict[str, bool] = {}
        for index in self._installation.journal.runs(self._context.name):
            if index.created_at < rfc3339(since) or len(found) >= _MOST:
                break  # newest first
            if not restores.setdefault(index.runbook, self._restoring(index.runbook)):
                continue
            view = self._installation.view(index.run_id)
            if view["mode"] == "run":
                found += [
                    {"run_id": index.run_id, "runbook": index.runbook, "step": step["id"], "at": step["finished_at"], "what": step["item"] or ""}
                    for step in view["steps"]
                    if proven(step) and step["finished_at"] >= rfc3339(since)
                ]  # fmt: skip
        return found[:_MOST]

    async def exercises(self, since: datetime) -> Sequence[dict[str, Any]]:
        return await asyncio.to_thread(self._exercises, since)

    def _exercises(self, since: datetime) -> list[dict[str, Any]]:
        """Only runs of runbooks for which one exercises are opened."""
        found: list[dict[str, Any]] = []
        exercised: dict[str, bool] = {}
        for index in self._installation.journal.runs(self._context.name):
            if index.created_at < rfc3339(since) or len(found) >= _MOST:
                break  # newest first
            if exercised.setdefault(index.runbook, self._exercised(index.runbook)):
                view = self._installation.view(index.run_id)
                if view["mode"] == "drill" and view["status"] == Status.COMPLETED.value:
                    found.append({"run_id": index.run_id, "runbook": index.runbook, "at": view["finished_at"]})
        return found

    def _exercised(self, runbook: str) -> bool:
        try:
            return self._installation.catalog.get(runbook).kind in EXERCISED
        except TenantryError:
            return True  # as below

    async def agreed(self) -> Agreed:
        tenant = self._context.tenant
        agreement = tenant.agreement
        duties: dict[Literal["msp", "client", "third_party"], tuple[str, ...]] = {}
        for duty in agreement.responsibilities:
            duties[duty.who] = (*duties.get(duty.who, ()), duty.what)
        return Agreed(
            signed_on=agreement.signed_on,
            ends_on=agreement.ends_on,
            services=tuple(agreement.services_in_scope),
            duties=duties,
            contacts=frozenset(contact.role for contact in tenant.contacts),
            team=frozenset(member.role for member in tenant.response_team),
        )

    def _restoring(self, runbook: str) -> bool:
        try:
            return any(step.uses in (VERIFIED, STAGED) for step in self._installation.catalog.get(runbook).steps)
        except TenantryError:
            return True  # it is not there any more: what its runs were made of stands in them


def proven(step: dict[str, Any]) -> bool:
    """Whether a step of a run, as it is shown, proves that something could be had again."""
    output = step["output"]
    if step["task"] == VERIFIED:
        verified = isinstance(output, dict) and output.get("verified") is True
        return verified and step["outcome"] == Outcome.OBSERVED.value
    return bool(step["task"] == STAGED and step["outcome"] == Outcome.CHANGED.value)
