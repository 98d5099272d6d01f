"""Prefect's client in a process that carries one flow run, which was handed to it whole: what it knows it does not ask.

Prefect's engine reads the flow run again right after the server has said what became of its state, and before that tells it the flow's
version in a request of its own. Here the first is answered from what was said, and the second goes with the run's name.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import AsyncClientContext, ContextModel
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

__all__ = ["Knowing", "KnowingContext"]


class Knowing(PrefectClient):
    """Knows one flow run, once it was handed one."""

    def __init__(self) -> None:
        super().__init__(PREFECT_API_URL.value(), auth_string=PREFECT_API_AUTH_STRING.value())
        self._handed: FlowRun | None = None
        self._current: FlowRun | None = None
        self._version: str | None = None

    def know(self, flow_run: FlowRun) -> None:
        """Take a flow run as the server said it a moment ago."""
        self._handed = flow_run

    def untold(self, flow_run_id: UUID) -> bool:
        """Whether the flow's version waits to be told, with the name."""
        return self._version is not None and self._ours(flow_run_id)

    def _ours(self, flow_run_id: UUID | str) -> bool:
        return self._handed is not None and str(flow_run_id) == str(self._handed.id)

    async def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], force: bool = False
    ) -> OrchestrationResult[Any]:
        """As Prefect's; what the server says of the flow run is remembered for the next question."""
        answer = await super().set_flow_run_state(flow_run_id, state, force)
        handed, self._current = self._handed, None
        if (
            handed is not None
            and self._ours(flow_run_id)
            and answer.status is SetStateStatus.ACCEPT
            and answer.state is not None
            and answer.state.is_running()
        ):
            # The server's own rule (`IncrementFlowRunCount`): a run that was suspended and is resumed counts once.
            count = handed.run_count + (0 if handed.empirical_policy.resuming else 1)
            self._current = handed.model_copy(
                update={
                    "state": answer.state,
                    "state_id": answer.state.id,
                    "state_type": answer.state.type,
                    "state_name": answer.state.name,
                    "run_count": count,
                }
            )
        return answer

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Without a request where nothing can have happened since the last one; once."""
        current, self._current = self._current, None
        if current is not None and self._ours(flow_run_id):
            return current
        return await super().read_flow_run(flow_run_id)

    async def update_flow_run(
        self, flow_run_id: UUID, flow_version: str | None = None, *given: Any, **more: Any
    ) -> Any:
        """As Prefect's. What its engine says of a run that begins waits for the run's name."""
        if self._ours(flow_run_id) and not given and set(more) == {"empirical_policy"}:
            self._version = flow_version
            return None
        return await super().update_flow_run(flow_run_id, flow_version, *given, **more)

    async def set_flow_run_name(self, flow_run_id: UUID, name: str) -> Any:
        """As Prefect's, and the version with it."""
        version = None
        if self.untold(flow_run_id):
            version, self._version = self._version, None
        return await super().update_flow_run(flow_run_id, flow_version=version, name=name)


class KnowingContext(AsyncClientContext):
    """Makes that client the one that everything of Prefect's uses inside."""

    client: Knowing

    def __init__(self) -> None:
        ContextModel.__init__(self, client=Knowing())
