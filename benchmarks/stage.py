"""What benchmarks stand on: an installation of their own, runbooks written here, a lab in another process."""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from benchmarks.registry import BenchmarkFailed
from flows.assembly import Installation
from tenantry import tether
from tenantry.capabilities.identity import Account
from tenantry.discovery import TaskRegistry
from tenantry.run import RunState, Status, Surroundings, create
from tenantry.runbook import parse_runbook, validate_params

__all__ = [
    "LAB_TENANT",
    "LabProcess",
    "Wire",
    "created",
    "lab_process",
    "must_complete",
    "plain_accounts",
    "plain_client",
    "watched",
]

LAB_TENANT: Final = "bench"
_START_S: Final = 60.0


def created(
    around: Surroundings, registry: TaskRegistry, tenant: str, text: str, params: Mapping[str, Any] | None = None
) -> str:
    """Record a run of a runbook given as text; returns its id."""
    runbook = parse_runbook(text, source="benchmark", registry=registry)
    run_id = str(uuid.uuid4())
    create(
        around,
        run_id=run_id,
        runbook=runbook,
        tenant=tenant,
        params=validate_params(runbook, params or {}),
        mode="run",
        requester={"person": None, "proven": False, "via": "bench"},
        subject="benchmark",
    )
    return run_id


def must_complete(state: RunState) -> None:
    """A figure of a run that did not do its work is none."""
    if state.ended is not Status.COMPLETED:
        errors = {str(item.error["code"]) for item in state.items.values() if item.error}
        raise BenchmarkFailed(f"the measured run ended as {state.status(live=False).value} ({', '.join(errors)})")


@dataclass(frozen=True, slots=True)
class LabProcess:
    """A lab that is served by another process and registered as the tenant :data:`LAB_TENANT`."""

    base_url: str
    pid: int

    def faults(self, **plan: Any) -> None:
        """Make it misbehave: ``latency_ms`` and the other fields of its fault plan."""
        request = urllib.request.Request(
            f"{self.base_url}/_lab/faults",
            data=json.dumps(plan).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def audit(self) -> list[dict[str, Any]]:
        """The writes it accepted so far, in order."""
        with urllib.request.urlopen(f"{self.base_url}/_lab/audit", timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found


@dataclass
class Wire:
    """When each request went out and when its answer's head came in, seconds."""

    calls: list[tuple[float, float]] = field(default_factory=list)


@contextlib.contextmanager
def watched() -> Iterator[Wire]:
    """Every request that httpx sends to the lab while the block lasts."""
    wire = Wire()
    original = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        began = time.perf_counter()
        try:
            return await original(self, request)
        finally:
            if "/api/" not in request.url.path:  # Prefect's own client uses httpx too
                wire.calls.append((began, time.perf_counter()))

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]  # put back below
    try:
        yield wire
    finally:
        httpx.AsyncHTTPTransport.handle_async_request = original  # type: ignore[method-assign]  # as above


@contextlib.asynccontextmanager
async def plain_client(installation: Installation, lab: LabProcess) -> AsyncIterator[httpx.AsyncClient]:
    """An httpx client with nothing of ours in it, signed in at the lab's Graph and based there."""
    settings = installation.tenants.get(LAB_TENANT).providers["m365"].settings
    secret = installation.vault.get_text(LAB_TENANT, "m365/client-secret", purpose="benchmark")
    base = f"{lab.base_url}/graph/v1.0"
    async with httpx.AsyncClient(timeout=60, trust_env=False, base_url=base) as client:
        answer = await client.post(
            f"{lab.base_url}/login/{settings['tenant_id']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": str(settings["client_id"]),
                "client_secret": secret.get_secret_value(),
                "scope": "https://graph.microsoft.com/.default",
            },
        )
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        yield client


async def plain_accounts(installation: Installation, count: int, tenant: str = LAB_TENANT) -> list[Account]:
    """So many enabled accounts that live in the cloud and hold no role: nobody need be asked about them.

    Raises:
        BenchmarkFailed: the lab has fewer.
    """
    found: list[Account] = []
    async with installation.access(tenant, "run") as access:
        identity = await access.capability("identity")
        async for account in identity.accounts():
            known = {account.id.lower(), account.upn.lower()} & access.protected
            if account.enabled and not account.synced and not known and not await identity.roles(account.id):
                found.append(account)
            if len(found) == count:
                return found
    raise BenchmarkFailed(f"the lab has {len(found)} plain accounts, {count} are needed")


@contextlib.contextmanager
def lab_process(installation: Installation, users: int, scenario: str = "quiet") -> Iterator[LabProcess]:
    """Serve a lab from another process for as long as the block lasts.

    Raises:
        BenchmarkFailed: it did not start.
    """
    log = installation.home.run / f"lab-{os.getpid()}.log"
    log.unlink(missing_ok=True)  # an earlier lab's address stands in it
    arguments = ["--scenario", scenario, "--users", str(users), "--tenant", LAB_TENANT, "--json"]
    child = tether.spawn(
        ["benchmarks.lab_process", *arguments],
        environment={**os.environ, "TENANTRY_HOME": str(installation.home.path)},
        log=log,
    )
    try:
        deadline = time.monotonic() + _START_S
        base_url = None
        while base_url is None:
            if child.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkFailed("the lab's process did not start")
            time.sleep(0.05)
            base_url = _announced(log.read_text(encoding="utf-8", errors="replace"))
        yield LabProcess(base_url, child.pid)
    finally:
        tether.stop(child)


def _announced(text: str) -> str | None:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and "base_url" in found:
                return str(found["base_url"])
    return None
