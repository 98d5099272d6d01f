"""The ASGI application: reads requests, lets faults befall them, sends answers.

Plain ASGI rather than a framework: the lab answers benchmarks too, and its own routing takes a tenth of the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx

from integrations.lab.cloud import CloudService
from integrations.lab.control import Control
from integrations.lab.exchange.service import ExchangeService
from integrations.lab.faults import Decision
from integrations.lab.graph.service import GraphService
from integrations.lab.hosts.service import HostService
from integrations.lab.misbehave import throttled, vendor_error
from integrations.lab.web import Answer, Request

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LARGEST_BODY = 4 * 1024 * 1024


class App:
    """The lab as an ASGI application."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._graph = GraphService(lab)
        self._exchange = ExchangeService(lab)
        self._hosts = HostService(lab)
        self._cloud = CloudService(lab)
        self._control = Control(lab)
        self.connections: dict[tuple[str, int], asyncio.Transport] = {}
        """Open connections by the client's address, kept by our server so that faults can cut them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request is None:
            await _send(send, Answer(413, raw=b""))
            return
        service = request.path.split("/", 2)[1]
        if service == "_lab":
            await _send(send, self._control.answer(request))
            return
        await self._serve(service, request, scope, send)

    async def _serve(self, service: str, request: Request, scope: Scope, send: Send) -> None:
        lab = self._lab
        request.ordinal = lab.faults.next_ordinal()
        if lab.faults.calm:
            await _send(send, self._dispatch(service, request))
            return
        batch = request.path.rstrip("/").lower().endswith("/$batch")
        cmdlet = ExchangeService.cmdlet_of(request) if service == "exchange" else None
        decision = lab.faults.decide(
            request.ordinal, request.method, request.path, cmdlet, part="batch" if batch else "whole"
        )
        if decision.delay_ms:
            await asyncio.sleep(decision.delay_ms / 1000)
        if decision.kind == "drop":
            await self._cut(scope, httpx.RemoteProtocolError("Server disconnected without sending a response."))
        elif decision.kind == "throttle":
            style = decision.style or "seconds"
            if service == "graph" and self._graph.family(request) == "risk":
                style = "none"
            await _send(send, throttled(service, lab, style, decision.retry_after_s))
        elif decision.kind == "error":
            await _send(send, vendor_error(service, decision.status or 503, decision.style or "json"))
        else:
            await self._after(service, request, decision, scope, send)

    async def _after(self, service: str, request: Request, decision: Decision, scope: Scope, send: Send) -> None:
        """Faults that come when the work has been done."""
        writes = self._lab.writes
        shrink = decision.kind == "partial_page" and decision.style == "rows"
        answer = self._dispatch(service, request, shrink=shrink)
        wrote = self._lab.writes != writes
        if decision.kind == "timeout_after_effect" and wrote:
            await asyncio.sleep(decision.hang_ms / 1000)
            await self._cut(scope, httpx.ReadTimeout("The answer never came."))
            return
        whole = answer.body()
        is_list = answer.status == 200 and not wrote and isinstance(answer.payload, dict) and "value" in answer.payload
        if decision.kind == "partial_page" and is_list and decision.style != "rows":
            half = whole[: max(1, len(whole) // 2)]
            if decision.style != "cut":
                await _send(send, Answer(200, headers=answer.headers, raw=half))
                return
            await send(_start(answer, len(whole)))
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await self._cut(scope, httpx.RemoteProtocolError("peer closed connection without sending complete body"))
            return
        await _send(send, answer)

    def _dispatch(self, service: str, request: Request, *, shrink: bool = False) -> Answer:
        self._lab.tick()
        if service == "graph":
            return self._graph.answer(request, shrink=shrink)
        if service == "exchange":
            return self._exchange.answer(request, shrink=shrink)
        if service == "cloud":
            return self._cloud.answer(request, shrink=shrink)
        if service == "sink":
            return self._lab.sink.answer(request)
        if service == "hosts":
            return self._hosts.answer(request)
        if service == "login":
            return self._lab.tokens.issue(request)
        return Answer(404, {"error": "not_found"})

    async def _cut(self, scope: Scope, in_process: httpx.TransportError) -> None:
        """End the connection without (the rest of) an answer; in process the client's own error stands for it."""
        client = scope.get("client")
        transport = self.connections.get((client[0], client[1])) if client else None
        if transport is None:
            raise in_process
        transport.abort()
        # The server learns of the loss in its next turn; an application that returned before would be answered with 500.
        await asyncio.sleep(0.01)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read(scope: Scope, receive: Receive) -> Request | None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST_BODY:
            return None
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope.get("query_string", b"")
    return Request(
        scope["method"],
        scope["path"] or "/",
        dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {},
        headers,
        body,
        f"{scope.get('scheme', 'http')}://{headers.get('host', 'lab')}",
    )


def _start(answer: Answer, length: int) -> MutableMapping[str, Any]:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if length:
        headers.append((b"content-type", answer.content_type.encode("latin-1")))
    if answer.status != 204:
        headers.append((b"content-length", str(length).encode()))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _send(send: Send, answer: Answer) -> None:
    body = answer.body()
    await send(_start(answer, len(body)))
    await send({"type": "http.response.body", "body": body})
