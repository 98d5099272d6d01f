"""Whoever a run waits for is reminded: one run of the runbook `wait_reminder` for each reminder of a question.

As for sweeps and rotations, such a run stands in the record before anything is sent, and its id follows from the question: whoever died
between recording it and noting it begins none twice. The service's keeper carries it.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final

from flows.recording import prepare
from tenantry.errors import NotFound

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.run import Gate, RunState

__all__ = ["RUNBOOK", "Reminders", "run_id_of"]

RUNBOOK: Final = "wait_reminder"
_NAMESPACE: Final = uuid.UUID("3c8e57b0-5f0e-4c36-9a41-6c1f52d1c0aa")
_CONTACT: Final = "contact "
"""How the owner of a question begins who is a contact of the client."""


def run_id_of(state: RunState, gate: Gate, number: int) -> str:
    """The id of the run that sends this reminder of this question."""
    asked = gate.request["requested_at"]
    return str(uuid.uuid5(_NAMESPACE, f"{state.run_id}/{gate.step}/{gate.item}/{gate.digest}/{asked}/{number}"))


class Reminders:
    """`Surroundings.remind` of an installation."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def __call__(self, state: RunState, gate: Gate, number: int) -> None:
        """Record the run that sends it, once.

        Raises:
            TenantryError: the client's file is broken or gone.
        """
        await asyncio.to_thread(self._recorded, state, gate, number)

    def _recorded(self, state: RunState, gate: Gate, number: int) -> None:
        run_id = run_id_of(state, gate, number)
        try:
            self._installation.journal.run(run_id)
        except NotFound:
            requester = {"person": None, "name": f"run {state.run_id}", "proven": False, "via": "reminder"}
            params = self._params(state, gate, number)
            prepare(self._installation, RUNBOOK, state.tenant, params, "run", requester, run_id)

    def _params(self, state: RunState, gate: Gate, number: int) -> dict[str, Any]:
        last = number >= len(gate.reminders)
        owner = str(gate.request.get("owner") or gate.request["role"])
        contacts = [owner.removeprefix(_CONTACT)] if owner.startswith(_CONTACT) else []
        if contacts and last:
            contacts.append("executive")
        runbook = self._installation.runbook_of(state)
        step = None if runbook is None else runbook.step(gate.step)
        return {
            "run": state.run_id,
            "step": gate.step,
            "what": f"{step.title if step is not None and step.title else gate.step}"[:200],
            "owner": owner[:80],
            "contacts": contacts,
            "level": "escalate" if last else "remind",
            "since": f"{gate.requested_at:%Y-%m-%d %H:%M} UTC",
            "until": gate.request["expires_at"][:16].replace("T", " ") + " UTC",
        }
