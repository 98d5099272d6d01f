"""The ``risks`` and ``recorded`` capabilities: what a run writes into the client's risk register, and reads of its own record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tenantry import deadline
from tenantry.errors import NotFound
from tenantry.risk.model import Register
from tenantry.risk.register import Act, RiskRegister
from tenantry.run import run_view

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.run import RunState

__all__ = ["TenantRecorded", "TenantRisks"]


class TenantRisks:
    """`tenantry.capabilities.risks` over the client's tree.

    Args:
        drill: the runs that use it are drills: each has a register of its own, and the client's is neither read nor written.
    """

    def __init__(self, installation: Installation, tenant: str, *, drill: bool) -> None:
        self._installation = installation
        self._tenant = tenant
        self._drill = drill

    def _register(self, run_id: str) -> RiskRegister:
        return RiskRegister(self._installation.journal, self._tenant, drill=run_id if self._drill else None)

    async def read(self, run_id: str) -> Register:
        return await asyncio.to_thread(self._register(run_id).read)

    async def append(self, run_id: str, acts: Sequence[Act], seen: int) -> None:
        deadline.check()
        await asyncio.to_thread(self._register(run_id).append, acts, by=f"run {run_id}", run=run_id, seen=seen)


class TenantRecorded:
    """`tenantry.capabilities.recorded` over one client's runs."""

    def __init__(self, installation: Installation, tenant: str) -> None:
        self._installation = installation
        self._tenant = tenant

    async def run(self, run_id: str) -> Mapping[str, Any]:
        return await asyncio.to_thread(self._view, run_id)

    async def evidence(self, run_id: str, sha256: str) -> bytes:
        return await asyncio.to_thread(self._evidence, run_id, sha256)

    def _view(self, run_id: str) -> dict[str, Any]:
        state = self._mine(run_id)
        runbook = self._installation.runbook_of(state)
        view = run_view(state, live=self._installation.journal.live(state.run_id), runbook=runbook)
        titles = {step.id: step.title for step in runbook.steps} if runbook is not None else {}
        for step in view["steps"]:
            step["title"] = titles.get(step["id"], step["id"])
        view["title"] = runbook.title if runbook is not None else view["runbook"]
        view["phases"] = list(runbook.phases) if runbook is not None else []
        return view

    def _mine(self, run_id: str) -> RunState:
        index = self._installation.journal.run(run_id)
        if index.tenant != self._tenant:
            raise NotFound(f"{self._tenant} has no run {run_id}")
        return self._installation.state(index)

    def _evidence(self, run_id: str, sha256: str) -> bytes:
        kept = {one["sha256"] for one in self._mine(run_id).evidence}
        if sha256 not in kept:
            raise NotFound(f"the run {run_id} kept no evidence with the digest {sha256[:12]}…")
        return b"".join(self._installation.evidence.open(self._tenant, sha256))
