"""When a process is killed, and what counts how far it is: the part of the harness (``faults.py``) that the killed process itself needs.

It imports nothing that a run's process does not import anyway, so that the service's own children can have it as well.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tenantry.journal import Journal
from tenantry.journal.entry import Draft


@dataclass(frozen=True)
class Kill:
    """When a child is killed.

    Attributes:
        where: ``append_before``/``append_after``: around the n-th append to the journal; ``write_before``, ``write_during``,
            ``write_after``: around the n-th write sent to the vendor; ``never``.
        nth: from 1.
        delay: for ``write_during``: seconds between sending and SIGKILL.
        what: for appends: an event, a space and a step, to count only these; for writes: a part of the address.
    """

    where: str = "never"
    nth: int = 0
    delay: float = 0.002
    what: str = ""


class Death:
    """How this process ends: by SIGKILL. A process that is killed again and again notes first that it was its turn."""

    def __init__(self) -> None:
        self.last_act: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self.last_act is not None:
            self.last_act()
        os.kill(os.getpid(), signal.SIGKILL)


die: Final = Death()


def kill_at_append(journal: Journal, kill: Kill) -> None:
    """Have this process killed around an append."""
    count = 0
    append = journal.append

    def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        if not kill.what or any(said.startswith(kill.what) for said in _said(args[1])):
            count += 1
        else:
            return append(*args, **kwargs)
        if count == kill.nth and kill.where == "append_before":
            die()
        appended = append(*args, **kwargs)
        if count == kill.nth and kill.where == "append_after":
            die()
        return appended

    journal.append = counting  # type: ignore[method-assign]


def _said(events: Iterable[Any]) -> list[str]:
    """Events and their steps, of a batch."""
    plain = (one.event if isinstance(one, Draft) else one for one in events)
    return [f"{one.event} {one.step}" for one in plain]


class Killer:
    """Counts writes, of whatever kind, and kills around the n-th."""

    def __init__(self, kill: Kill) -> None:
        self._kill = kill
        self._count = 0

    def begins(self) -> bool:
        """Before a write is sent. Returns whether it is the one."""
        self._count += 1
        if self._count != self._kill.nth:
            return False
        if self._kill.where == "write_before":
            die()
        if self._kill.where == "write_during":
            threading.Timer(self._kill.delay, die).start()
        return True

    def ended(self) -> None:
        """The one was answered."""
        if self._kill.where == "write_after":
            die()


def is_write(request: httpx.Request) -> bool:
    if request.method == "GET" or "/oauth2/" in request.url.path:
        return False
    if request.url.path.endswith("/$batch"):
        return any(item["method"] != "GET" for item in json.loads(request.content)["requests"])
    if request.url.path.endswith("/auditLog/queries"):
        return False
    return b'"CmdletName":"Get-' not in request.content.replace(b": ", b":")


def counted_put(plain: Any, killer: Killer, what: str, name_at: int) -> Any:
    """What stores in a vault, counted where ``what`` is a part of ``vault/`` and the name, which is the argument at this place."""

    def putting(*args: Any, **more: Any) -> Any:
        last = what in f"vault/{args[name_at]}" and killer.begins()
        made = plain(*args, **more)
        if last:
            killer.ended()
        return made

    return putting


def arm_requests(killer: Killer, what: str) -> None:
    """Have it count what this process sends by HTTP to change something, in a child that ends with its run."""
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def sending(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        last = is_write(request) and what in request.url.path and killer.begins()
        response = await send(self, request)
        if last:
            await response.aread()
            killer.ended()
        return response

    httpx.AsyncHTTPTransport.handle_async_request = sending  # type: ignore[method-assign]  # the child's own


def arm_hosts(killer: Killer, what: str) -> None:
    """Have it count the commands that change something on hosts, where ``what`` is a part of ``ssh/`` and the command."""
    from integrations.linux.connection import Connection

    write = Connection.write

    async def writing(self: Connection, command: Any, **more: Any) -> Any:
        last = what in f"ssh/{b' '.join(command.argv).decode(errors='replace')}" and killer.begins()
        answer = await write(self, command, **more)
        if last:
            killer.ended()
        return answer

    Connection.write = writing  # type: ignore[method-assign]  # the child's own


def arm_cloud_pages(killer: Killer, what: str) -> None:
    """Have it count the pages of lists that are asked of a cloud account, where ``what`` is a part of ``aws/``, service and operation."""
    from integrations.aws.caller import Caller

    page = Caller._page

    def asking(self: Caller, service: str, operation: str, *given: Any) -> Any:
        last = what in f"aws/{service}.{operation}" and killer.begins()
        answer = page(self, service, operation, *given)
        if last:
            killer.ended()
        return answer

    Caller._page = asking  # type: ignore[method-assign]  # the child's own
