"""Which flow runs may be executed here, and what of those that may not stands in the record.

Anybody with Prefect's credential can write deployments, flow runs, states and parameters. So nothing of these decides what code
runs or for whom: the entrypoint must be that of a runbook, the run one that the record ties to the flow run, or a new one whose
tenant and parameters this installation accepts.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from flows.assembly import Installation
from flows.binding import RUN_TAG, bound
from flows.deployments import runbook_of
from flows.factory import RESERVED
from flows.runbook_files import fingerprint
from tenantry.errors import InvalidInput, NotFound, OutOfScope, TenantryError
from tenantry.journal import MSP, Event
from tenantry.run import Status, fold
from tenantry.runbook import validate_params

LARGEST: Final = 64 << 10
"""Bytes of a flow run's parameters. A runbook's form is a page, not a file."""
_MODES: Final = frozenset({"run", "plan", "drill"})
_AT_ONCE: Final = 20
_EVERY: Final = 60.0
"""Seconds in which so many refusals are recorded one by one; the others are counted into the next entry."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What may be run: which runbook, as which run, for which tenant."""

    runbook: str
    run_id: str
    tenant: str


class Admission:
    """Decides, and records what it refused. Thread-safe."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._since = 0.0
        self._recorded = 0
        self._counted = 0
        self._read: tuple[str, Installation] | None = None

    def admit(self, flow_run: FlowRun, deployment: DeploymentResponse | None) -> Admitted:
        """What a flow run may be executed as.

        Raises:
            OutOfScope: its entrypoint is no runbook's, or it names a run that is none of this runbook.
            InvalidInput: no such tenant, mode or parameter; too large.
        """
        entrypoint = deployment.entrypoint if deployment is not None else None
        runbook = runbook_of(self._fresh(), entrypoint or "(none)")
        self._note_ignored(flow_run, deployment)
        tagged = next((tag.removeprefix(RUN_TAG) for tag in flow_run.tags if tag.startswith(RUN_TAG)), None)
        try:
            index = self._installation.journal.run(tagged or str(flow_run.id))
        except NotFound:
            if tagged is not None:
                raise OutOfScope("this flow run was not made for the run that its tag names") from None
        else:
            if index.runbook != runbook.id:
                raise OutOfScope(f"the run that is named is not one of {runbook.id}")
            if index.ended:
                # Executed all the same, so that Prefect says how it ended; the run's record stays as it is.
                self._record("prefect.ignored", {"flow_run_id": str(flow_run.id), "fields": ["state"]})
            return Admitted(runbook.id, index.run_id, index.tenant)
        parameters = flow_run.parameters
        if len(json.dumps(parameters, default=str)) > LARGEST:
            raise InvalidInput(f"more than {LARGEST} bytes", place="parameters")
        if parameters.get("mode", "run") not in _MODES:
            raise InvalidInput("is none of run, plan, drill", place="mode")
        tenant = self._installation.tenants.get(str(parameters.get("tenant")))
        unknown = sorted(set(parameters) - set(runbook.params) - set(RESERVED))
        if unknown:
            raise InvalidInput(f"the runbook {runbook.id} has no parameter {unknown[0][:80]!r}", place="parameters")
        validate_params(runbook, {name: value for name, value in parameters.items() if name in runbook.params})
        return Admitted(runbook.id, str(flow_run.id), tenant.name)

    def _fresh(self) -> Installation:
        """With the runbooks as they are on the disk now: one may have been added or edited."""
        present = fingerprint(self._installation.home)
        with self._lock:
            if self._read is None or self._read[0] != present:
                self._read = (present, Installation.open(self._installation.home))
            return self._read[1]

    def halted(self, flow_run_id: UUID) -> bool:
        """Its process was ended in Prefect. The run stays interrupted until a person resumes or cancels it.

        Returns:
            False when a process carries it still, on another machine perhaps: that one is not halted.

        Raises:
            RecordError.
        """
        journal = self._installation.journal
        for run in journal.unsettled():
            if run.standing != "running":
                continue
            records = journal.records(run.run_id)
            if not bound(records, flow_run_id):
                continue
            if run.live:
                return False
            state = fold(records)
            said = {"status": Status.INTERRUPTED.value, "why": "its process was ended in Prefect"}
            flow = (state.runbook, state.version)
            event = Event("run.stopped", said, state.run_id, None, state.attempt, Status.INTERRUPTED.value, flow)
            journal.append(state.tenant, [event])
        return True

    def record_refusal(self, flow_run: FlowRun, deployment: DeploymentResponse | None, error: TenantryError) -> None:
        """In the estate's own record: whose run it would have been is not known.

        Raises:
            RecordError.
        """
        entrypoint = deployment.entrypoint if deployment is not None else None
        self._record(
            "prefect.refused",
            {
                "flow_run_id": str(flow_run.id),
                "deployment_id": str(flow_run.deployment_id) if flow_run.deployment_id else None,
                "entrypoint": (entrypoint or "")[:200],
                "why": error.code,
                "message": error.message[:300],
            },
        )

    def _note_ignored(self, flow_run: FlowRun, deployment: DeploymentResponse | None) -> None:
        """What was asked for beyond the run itself, and is not done: fields' names, never what stands in them."""
        asked: dict[str, Any] = {"flow_run.job_variables": flow_run.job_variables}
        if deployment is not None:
            asked |= {
                "deployment.pull_steps": deployment.pull_steps,
                "deployment.job_variables": deployment.job_variables,
                "deployment.storage_document_id": deployment.storage_document_id,
                "deployment.infrastructure_document_id": deployment.infrastructure_document_id,
            }
        ignored = sorted(name for name, value in asked.items() if value)
        if ignored:
            self._record("prefect.ignored", {"flow_run_id": str(flow_run.id), "fields": ignored})

    def _record(self, event: str, payload: Mapping[str, Any]) -> None:
        """Whoever floods Prefect with nonsense does not fill this disk with entries about it; none is lost, they are counted."""
        with self._lock:
            now = time.monotonic()
            if now - self._since > _EVERY:
                self._since, self._recorded = now, 0
            if self._recorded >= _AT_ONCE:
                self._counted += 1
                return
            self._recorded += 1
            before, self._counted = self._counted, 0
        self._installation.journal.append(MSP, [Event(event, {**payload, "not_listed_before": before})])
