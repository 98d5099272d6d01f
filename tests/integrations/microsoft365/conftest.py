"""A handle on a lab tenant in process, with a wire that can be watched and cut."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from integrations.http import Limits
from integrations.lab.faults import FaultPlan
from integrations.lab.lab import Lab
from integrations.microsoft365.provider import PROVIDER, Microsoft365Handle, Settings
from tests.support.graph_contract import GraphContract

BASE = "http://127.0.0.1"
CANARY = "canary-7c1f0e6b"


class Wire(httpx.AsyncBaseTransport):
    """Passes requests on to the lab, remembers them, and gives other answers on demand."""

    def __init__(self, lab: Lab) -> None:
        self._inner = httpx.ASGITransport(lab.app)
        self.requests: list[httpx.Request] = []
        self.instead: Callable[[httpx.Request], httpx.Response | Exception | None] | None = None
        self.after: Callable[[httpx.Request, httpx.Response], httpx.Response | Exception | None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.instead is not None and (other := self.instead(request)) is not None:
            if isinstance(other, Exception):
                raise other
            return other
        response = await self._inner.handle_async_request(request)
        if self.after is not None and (other := self.after(request, response)) is not None:
            if isinstance(other, Exception):
                raise other
            return other
        return response

    def sent(self, method: str, path: str) -> list[httpx.Request]:
        return [found for found in self.requests if found.method == method and path in found.url.path]


@dataclass
class Stand:
    """Everything a test may want to touch."""

    lab: Lab
    wire: Wire
    settings: Settings
    sleeps: list[float] = field(default_factory=list)
    handles: list[Microsoft365Handle] = field(default_factory=list)
    secret: str = ""

    async def open(self, *, limits: Limits | None = None, **settings: Any) -> Microsoft365Handle:
        async def secrets(name: str) -> SecretBytes:
            assert name == "client_secret"
            await asyncio.sleep(0)  # a vault takes its time: others get their turn
            return SecretBytes(self.secret.encode())

        async def sleep(seconds: float) -> None:
            self.sleeps.append(seconds)
            await asyncio.sleep(0)

        handle = await PROVIDER.open(
            self.settings.model_copy(update=settings), secrets, transport=self.wire, limits=limits, sleep=sleep
        )
        self.handles.append(handle)
        return handle

    def faults(self, **plan: Any) -> None:
        self.lab.faults.set(FaultPlan.model_validate(plan))

    @property
    def story(self) -> dict[str, Any]:
        return self.lab.scenario_info()

    @property
    def user(self) -> str:
        return str(self.story["accounts"]["finance"])

    @property
    def since(self) -> datetime:
        return datetime.now(UTC) - timedelta(days=30)

    @property
    def until(self) -> datetime:
        return datetime.now(UTC)


def lab_stand(scenario: str = "bec", users: int = 60) -> Stand:
    """A lab in process, not yet signed in to."""
    lab = Lab(scenario, users=users)
    settings = Settings(
        tenant_id=lab.tenant_id,
        client_id=lab.client_id,
        login_url=f"{BASE}/login",
        graph_url=f"{BASE}/graph",
        exchange_url=f"{BASE}/exchange",
    )
    return Stand(lab, Wire(lab), settings, secret=lab.client_secret)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = lab_stand()
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def handle(stand: Stand) -> Microsoft365Handle:
    return await stand.open()


@functools.cache
def _contract() -> GraphContract | None:
    return GraphContract.from_environment()


def check_contract(requests: list[httpx.Request]) -> None:
    """Every request that a test made to Graph v1.0, items of batches included, is one that the real service accepts."""
    contract = _contract()
    if contract is None:
        return
    for request in requests:
        path = request.url.path
        if not path.startswith("/graph/v1.0/"):
            continue
        body = json.loads(request.content) if request.content else None
        made = [(request.method, path.removeprefix("/graph"), dict(request.url.params), body)]
        if path.endswith("/$batch"):
            made += [(item["method"], f"/v1.0{item['url']}", {}, item.get("body")) for item in body["requests"]]
        for method, url, query, content in made:
            complaints = contract.complaints(method, url, query=query, body=content)
            assert not complaints, f"{method} {url} {query}: {complaints}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK warns of its own deprecated classes while it is imported."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"))
