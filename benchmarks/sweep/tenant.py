"""The live sweep of a lab tenant, in another process: requests, wall clock at 50 ms, and memory.

What is counted is what goes over the wire. The least possible is worked out from the questions themselves: each different one once; what
is asked of one object after the other (an inbox, an application) packed into full batches; lists in pages as large as the vendor allows. Pages
and single cmdlets count as requests of their own; how few there were if these travelled in batches too stands beside it.

Wall clock is compared with the very same requests, sent again by plain httpx with nothing parsed and nothing waiting for another's answer, as
many at a time as the provider sends, Exchange's batches too: what the lab needs for its answers is in both. Beside it stand, for the provider's
own concurrency and for lower ones, requests x latency / concurrency; and how many round trips follow upon one another, told by how much longer a
longer latency takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import yaml

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT, LabProcess, lab_process
from flows.assembly import Installation
from flows.sweeping import TenantSweeping
from integrations.microsoft365.exchange import BATCHES
from integrations.microsoft365.gathering import BATCH_SIZE as QUESTIONS
from integrations.microsoft365.provider import Settings

_LATENCY: Final = 0.05
_LONG: Final = (0.3, 0.9)
_CONCURRENCY: Final[int] = Settings.model_fields["concurrency"].default
_REQUESTS: Final = 1.2
_WALL: Final = 1.5
_MEMORY_MB: Final = 300.0
_GROWTH_MB: Final = 25.0
_MANY: Final = 20_000
_PAGE: Final = 1_000
_DAYS: Final = 30
_CMDLETS: Final = 10
"""That Exchange takes in one batch."""
_HEADERS: Final = ("authorization", "content-type", "prefer", "x-anchormailbox", "x-responseformat", "consistencylevel")
_TOKEN: Final = re.compile(r"[?&](\$|%24)skiptoken=[^&]*")


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """One figure.

    Args:
        option: ``requests``, ``wall`` or ``memory``.
    """
    with Installation.open() as installation:
        found: Bench = {"requests": _requests, "wall": _wall, "memory": _memory}[str(option)](name, scale, installation)
    return found


# --- requests -----------------------------------------------------------------------------------------------------------


@dataclass
class Asked:
    """What went over the wire, by kind."""

    calls: int = 0
    singles: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Version of Graph → different first requests of lists and objects."""
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """List → rows that its pages held."""
    batched: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Address of a batch → different questions in it."""
    cmdlets: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    sent: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """Method, address, headers and body of each, in order."""

    def least(self, *, all_in_batches: bool = False) -> int:
        """The fewest requests that ask all of it.

        Args:
            all_in_batches: first pages, single objects and single cmdlets as well.
        """
        following = sum(math.ceil(rows / _PAGE) - 1 for rows in self.rows.values() if rows)
        packed = {where: len(of) for where, of in self.batched.items()}
        alone = sum(map(len, self.singles.values())) + len(self.cmdlets)
        if all_in_batches:
            alone = 0
            for version, of in self.singles.items():
                where = next((one for one in packed if f"/{version}/$batch" in one), version)
                packed[where] = packed.get(where, 0) + len(of)
            where = next((one for one in packed if "/adminapi/" in one), "/adminapi/")
            packed[where] = packed.get(where, 0) + len(self.cmdlets)
        batches = sum(math.ceil(n / (_CMDLETS if "/adminapi/" in where else QUESTIONS)) for where, n in packed.items())
        return following + len(self.others) + alone + batches


@contextlib.contextmanager
def listened() -> Iterator[Asked]:
    """Every request that httpx sends while the block lasts, with the rows of its answer."""
    asked = Asked()
    original = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        response = await original(self, request)
        text = await response.aread()
        _note(asked, request, text)
        return httpx.Response(response.status_code, headers=response.headers, stream=_Read(response, text))

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]  # put back below
    try:
        yield asked
    finally:
        httpx.AsyncHTTPTransport.handle_async_request = original  # type: ignore[method-assign]  # as above


class _Read(httpx.AsyncByteStream):
    """An answer that was read already."""

    def __init__(self, response: httpx.Response, text: bytes) -> None:
        self._response = response
        self._text = text

    async def __aiter__(self) -> Any:
        yield self._text

    async def aclose(self) -> None:
        await self._response.aclose()


def _note(asked: Asked, request: httpx.Request, text: bytes) -> None:
    asked.calls += 1
    headers = {name: value for name, value in request.headers.items() if name.lower() in _HEADERS}
    asked.sent.append((request.method, str(request.url), headers, request.content))
    url = request.url.copy_with(query=None)
    where, path = str(url), str(request.url)
    if where.endswith("/$batch"):
        for one in json.loads(request.content)["requests"]:
            asked.batched[where].add(json.dumps([one["method"], one["url"], one.get("body")], sort_keys=True))
    elif "/InvokeCommand" in where:
        asked.cmdlets.add(request.content.decode())
    elif request.method == "GET" and "/graph/" in where:
        family = _TOKEN.sub("", path)
        version = "beta" if "/graph/beta/" in where else "v1.0"
        asked.singles[version].add(family)
        value = json.loads(text).get("value")
        asked.rows[family] += len(value) if isinstance(value, list) else 0
    else:
        asked.others.add(f"{request.method} {path} {request.content!r}")


def _requests(name: str, scale: Scale, installation: Installation) -> Bench:
    users = 60 if scale.quick else 1_000
    with lab_process(installation, users=users, scenario=_scenario()) as _:
        asked = asyncio.run(_listened(installation))
    least = asked.least()
    ratio = asked.calls / least
    return Bench(
        name=name,
        value=asked.calls,
        unit="requests",
        baseline=Baseline("the fewest that ask the same, in full batches and pages", least),
        ratio=round(ratio, 3),
        target=f"ratio <= {_REQUESTS}",
        met=ratio <= _REQUESTS,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "users": users,
            "if_all_travelled_in_batches": asked.least(all_in_batches=True),
            "questions_in_batches": sum(map(len, asked.batched.values())),
            "cmdlets_alone": len(asked.cmdlets),
            "lists_and_objects": sum(map(len, asked.singles.values())),
        },
    )


async def _listened(installation: Installation) -> Asked:
    async with installation.access(LAB_TENANT, "run") as access:
        with listened() as asked:
            await _sweep(installation, access)
    return asked


async def _sweep(installation: Installation, access: Any) -> Mapping[str, Any]:
    found = await TenantSweeping(installation, access).sweep("bench", datetime.now(UTC), _DAYS)
    looked = [check for check in found["checks"] if check["status"] in ("pass", "fail")]
    if not looked:
        raise BenchmarkFailed(f"nothing was looked at: {found['could_not_check'][:3]}")
    return found


def _scenario() -> str:
    """The clean tenant, where the lab has one."""
    from integrations.lab.scenarios import SCENARIOS

    return "clean" if "clean" in SCENARIOS else "quiet"


# --- wall clock ---------------------------------------------------------------------------------------------------------


def _wall(name: str, scale: Scale, installation: Installation) -> Bench:
    """In turns; the application is signed in beforehand, in a sweep that is not counted."""
    users = 60 if scale.quick else 1_000
    with lab_process(installation, users=users, scenario=_scenario()) as lab:
        asked, ours, plain = asyncio.run(_timed(installation, lab, 1 if scale.quick else scale.rounds))
        fewer = {n: _at(installation, n) for n in ((4,) if scale.quick else (4, 8, 12))}
        in_a_row = []
        for latency in _LONG:
            lab.faults(latency_ms=latency * 1000)
            in_a_row.append(_at(installation, _CONCURRENCY))
    ratio = statistics.median(mine[0] / base for mine, base in zip(ours, plain, strict=True))
    value = statistics.median(wall for wall, _ in ours)
    formula = asked.calls * _LATENCY / _CONCURRENCY
    return Bench(
        name=name,
        value=round(value, 3),
        unit="s",
        baseline=Baseline(
            f"the same requests by plain httpx, {_CONCURRENCY} at a time", round(statistics.median(plain), 3)
        ),
        ratio=round(ratio, 3),
        target=f"ratio <= {_WALL}",
        met=ratio <= _WALL,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "users": users,
            "requests": asked.calls,
            "latency_ms": _LATENCY * 1000,
            "ours_s": summary([wall for wall, _ in ours]),
            "ours_cpu_s": summary([cpu for _, cpu in ours]),
            "plain_s": summary(plain),
            "concurrency": _CONCURRENCY,
            "requests_x_latency_by_concurrency_s": round(formula, 3),
            "ours_by_that": round(value / formula, 2),
            "plain_by_that": round(statistics.median(plain) / formula, 2),
            "ours_by_that_at_lower_concurrency": {
                str(n): round(wall * n / (asked.calls * _LATENCY), 2) for n, wall in fewer.items()
            },
            "round_trips_in_a_row": round((in_a_row[1] - in_a_row[0]) / (_LONG[1] - _LONG[0]), 1),
        },
    )


async def _timed(
    installation: Installation, lab: LabProcess, rounds: int
) -> tuple[Asked, list[tuple[float, float]], list[float]]:
    ours: list[tuple[float, float]] = []
    plain: list[float] = []
    async with installation.access(LAB_TENANT, "run") as access:
        sweeping = TenantSweeping(installation, access)
        await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
        with listened() as asked:
            await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
        lab.faults(latency_ms=_LATENCY * 1000)
        for _ in range(rounds):
            plain.append(await _again(asked))
            begun, cpu = time.perf_counter(), time.process_time()
            await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
            ours.append((time.perf_counter() - begun, time.process_time() - cpu))
    return asked, ours, plain


def _at(installation: Installation, concurrency: int) -> float:
    """Seconds of a sweep with so many requests under way at once."""

    async def timed() -> float:
        async with installation.access(LAB_TENANT, "run") as access:
            await access.ahead({"directory", "mail_flow"})
            sweeping = TenantSweeping(installation, access)
            begun = time.perf_counter()
            await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
            return time.perf_counter() - begun

    path = installation.home.tenants / f"{LAB_TENANT}.yaml"
    written = path.read_text(encoding="utf-8")
    file = yaml.safe_load(written)
    file["providers"]["m365"]["settings"]["concurrency"] = concurrency
    path.write_text(yaml.safe_dump(file), encoding="utf-8")
    try:
        return asyncio.run(timed())
    finally:
        path.write_text(written, encoding="utf-8")


async def _again(asked: Asked) -> float:
    """Send the same requests; seconds."""
    at_a_time = _CONCURRENCY
    free, exchange = asyncio.Semaphore(at_a_time), asyncio.Semaphore(BATCHES)
    limits = httpx.Limits(max_connections=at_a_time, max_keepalive_connections=at_a_time)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:

        async def one(method: str, url: str, headers: dict[str, str], content: bytes) -> None:
            async with exchange if "/adminapi/" in url and url.endswith("/$batch") else contextlib.nullcontext(), free:
                (await client.request(method, url, headers=headers, content=content)).raise_for_status()

        begun = time.perf_counter()
        await asyncio.gather(*(one(*sent) for sent in asked.sent))
        return time.perf_counter() - begun


# --- memory -------------------------------------------------------------------------------------------------------------


def _memory(name: str, scale: Scale, installation: Installation) -> Bench:
    """The peak after a small tenant, and how much further it goes in the same process with a large one."""
    few, many = (40, 120) if scale.quick else (1_000, _MANY)
    peaks = []
    for users in (few, many):
        with lab_process(installation, users=users, scenario=_scenario()):
            asyncio.run(_swept(installation))
        gc.collect()
        peaks.append(peak_rss_mb())
    growth = peaks[1] - peaks[0]
    return Bench(
        name=name,
        value=peaks[1],
        unit="MB",
        baseline=Baseline(f"the peak with {few:,} users", peaks[0]),
        ratio=round(peaks[1] / peaks[0], 3),
        target=f"<= {_MEMORY_MB:g} MB, and at most {_GROWTH_MB:g} MB more with {many:,} users",
        met=peaks[0] <= _MEMORY_MB and growth <= _GROWTH_MB,
        peak_rss_mb=peaks[1],
        detail={"users": [few, many], "grown_mb": round(growth, 1)},
    )


async def _swept(installation: Installation) -> None:
    async with installation.access(LAB_TENANT, "run") as access:
        await _sweep(installation, access)
