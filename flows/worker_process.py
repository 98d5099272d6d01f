"""The worker as a process of the service: ``python -m flows.worker_process``, started and kept up by `flows.service`.

Its first line of input is JSON with the secret by which the vault broker knows the service (``broker``, or null where there is
none); afterwards the input is the tether.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from functools import partial

from pydantic import SecretStr

from flows import interpreter, launch
from flows.alerting import Alerting
from flows.assembly import Installation
from flows.keeper import Keeper
from flows.queue_shown import QueueShown
from flows.triaging import Triaging
from flows.worker import TenantryWorker
from tenantry import logs, tether
from tenantry.broker import Supervisor
from tenantry.home import Home


def main() -> int:
    """Returns the exit code: 0 when it was told to end."""
    logs.configure()
    secret = _first_line()
    tether.hold()
    home = Home.locate().ensure()
    supervisor = Supervisor(home.broker_socket, SecretStr(secret)) if secret else None
    with Installation.open(home, supervisor) as installation:
        interpreter.settle()
        asyncio.run(_serve(installation, supervisor))
    return 0


async def _serve(installation: Installation, supervisor: Supervisor | None) -> None:
    worker = TenantryWorker(installation=installation, supervisor=supervisor)
    keeper = Keeper(installation, worker)
    worker.on_interrupted = keeper.look
    alerting = Alerting(installation, worker.act)
    shown = QueueShown(installation.journal.clock.now)
    triaging = Triaging(installation, partial(launch.schedule, installation), shown)
    work = (worker.start(printer=_quiet), keeper.serve(), alerting.serve(), triaging.serve())
    parts = [asyncio.create_task(part) for part in work]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: [part.cancel() for part in parts])
    # Whichever ends takes the other with it: half a worker would be left as it is, and a whole one is started again.
    await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    for part in parts:
        part.cancel()
    for result in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


def _quiet(*_: object) -> None:
    """Prefect's workers print; this one logs."""


def _first_line() -> str | None:
    """The secret; None where there is no broker. Whatever else stands there is a defect, and no reason to go on without one."""
    line = bytearray()
    while len(line) < 4096 and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    if not line:
        sys.exit(0)  # whoever started this has ended already
    found = json.loads(line)["broker"]
    return None if found is None else str(found)


if __name__ == "__main__":
    sys.exit(main())
