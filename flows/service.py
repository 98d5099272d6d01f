"""This machine as a service: the Prefect server, and whoever starts the runs that people schedule in its UI.

The dispatcher polls for scheduled runs of our deployments once a second and gives each to a tethered child.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from flows.assembly import Installation
from flows.launch import execute
from flows.server import EmbeddedServer, Server, find
from flows.settings import use
from tenantry import tether
from tenantry.errors import Conflict

_POLL: Final = 1.0


class Dispatcher:
    """Starts scheduled runs of our deployments, each in a child of its own."""

    def __init__(self, installation: Installation, server: Server) -> None:
        self._installation = installation
        self._server = server
        self._children: dict[UUID, subprocess.Popen[bytes]] = {}

    async def serve(self) -> None:
        """Until cancelled; then the children are ended, and their runs can be resumed."""
        from prefect import get_client

        from flows.deployments import register

        try:
            async with get_client() as client:
                await register(self._installation, client)
                while True:
                    self._reap()
                    await self._pass(client)
                    await asyncio.sleep(_POLL)
        finally:
            for child in self._children.values():
                tether.stop(child)

    async def _pass(self, client: object) -> None:
        from prefect.client.orchestration import PrefectClient
        from prefect.states import Pending

        from flows.deployments import POOL

        if not isinstance(client, PrefectClient):
            raise TypeError("the dispatcher needs Prefect's async client")
        due = await client.get_scheduled_flow_runs_for_work_pool(POOL, scheduled_before=datetime.now(UTC))
        for found in due:
            flow_run = found.flow_run
            running = self._children.get(flow_run.id)
            if running is not None and running.poll() is None:
                continue  # a resumed run's first process is still ending
            await client.set_flow_run_state(flow_run.id, Pending())
            self._children[flow_run.id] = execute(self._installation, self._server, flow_run.id)

    def _reap(self) -> None:
        for flow_run_id, child in list(self._children.items()):
            if child.poll() is not None:
                tether.stop(child)
                del self._children[flow_run_id]


def up(
    installation: Installation,
    *,
    port: int | None = None,
    ready: Callable[[Server], None],
    until: asyncio.Event | None = None,
) -> None:
    """Server and dispatcher, until interrupted.

    Raises:
        Conflict: it runs already.
        ServerFailed.
    """
    running = find(installation.home)
    if running is not None:
        raise Conflict(f"a server runs for this home already at {running.url}", remedy="Use it, or stop it first.")
    with EmbeddedServer(installation.home, port=port, dispatching=True) as embedded:
        server = embedded.start()
        use(server.environment(installation.home))
        os.environ["TENANTRY_HOME"] = str(installation.home.path)
        ready(server)

        async def work() -> None:
            serving = asyncio.create_task(Dispatcher(installation, server).serve())
            if until is None:
                await serving
                return
            await asyncio.wait([serving, asyncio.create_task(until.wait())], return_when=asyncio.FIRST_COMPLETED)
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(work())
