"""A lab in process, a client that is signed in, and a clock that only moves when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from integrations.lab import Lab

GRAPH = "https://graph.microsoft.com/.default"
EXCHANGE = "https://outlook.office365.com/.default"
BASE = "http://lab"


class StillClock:
    """Time stands still until ``advance``."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Stand:
    """The lab under test with everything a test wants at hand."""

    def __init__(self, **options: Any) -> None:
        self.clock = StillClock()
        self.lab = Lab(clock=self.clock, **options)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.lab.app), base_url=BASE)
        self.graph_token = ""
        self.exchange_token = ""

    async def sign_in(self) -> None:
        self.graph_token = await self.token(GRAPH)
        self.exchange_token = await self.token(EXCHANGE)

    async def token(self, scope: str) -> str:
        answer = await self.ask_token(scope=scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def ask_token(self, tenant: str | None = None, **form: str | None) -> httpx.Response:
        filled = {
            "grant_type": "client_credentials",
            "client_id": self.lab.client_id,
            "client_secret": self.lab.client_secret,
            "scope": GRAPH,
            **form,
        }
        given = {name: value for name, value in filled.items() if value is not None}
        return await self.http.post(f"/login/{tenant or self.lab.tenant_id}/oauth2/v2.0/token", data=given)

    async def graph(self, method: str, path: str, *, version: str = "v1.0", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.graph_token}", **more.pop("headers", {})}
        url = path if path.startswith("http") else f"/graph/{version}/{path.lstrip('/')}"
        return await self.http.request(method, url, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.graph("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def every(self, path: str, **more: Any) -> list[dict[str, Any]]:
        """All rows of a list, following every link."""
        rows: list[dict[str, Any]] = []
        url: str | None = path
        while url:
            page = await self.get(url, **more)
            rows += page["value"]
            url = page.get("@odata.nextLink")
            more.pop("params", None)  # a link brings its own query
        return rows

    async def cmdlet(self, name: str, url: str | None = None, headers: Any = None, **parameters: Any) -> httpx.Response:
        return await self.http.post(
            url or f"/exchange/adminapi/beta/{self.lab.tenant_id}/InvokeCommand",
            headers={
                "Authorization": f"Bearer {self.exchange_token}",
                "X-AnchorMailbox": f"UPN:{self.finance}",
                **(headers or {}),
            },
            json={"CmdletInput": {"CmdletName": name, "Parameters": parameters}},
        )

    async def run(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = await self.cmdlet(name, **parameters)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["value"]
        return rows

    async def faults(self, **plan: Any) -> None:
        answer = await self.http.post("/_lab/faults", json=plan)
        assert answer.status_code == 200, answer.text

    @property
    def finance(self) -> str:
        return str(self.lab.tenant.story.accounts["finance"])

    @property
    def second(self) -> str:
        return str(self.lab.tenant.story.accounts["second"])

    @property
    def assistant(self) -> str:
        return str(self.lab.tenant.story.accounts["assistant"])

    @property
    def synced(self) -> str:
        return str(self.lab.tenant.story.accounts["synced"][0])

    @property
    def artefacts(self) -> dict[str, dict[str, Any]]:
        return self.lab.tenant.story.artefacts


def error_code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])
