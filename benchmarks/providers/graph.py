"""Microsoft Graph through the provider against plain httpx, at a lab in another process, in turns.

``paging``: every user of a directory of 100,000, the same fields and page size, one page after the other. ``batch``: 400 users at the same
moment; what the provider gathers into batches by itself, the baseline posts as the same batches, all at once as well.

The plain client parses every answer and looks at every row, signs in once, and has no limits, no retries and no check of anything.
What the lab needs for an answer is in both times; ``cpu_ratio`` compares this process's own CPU alone, in which the lab has no part.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT, lab_process, plain_client, watched
from flows.assembly import Installation
from integrations.microsoft365.gathering import BATCH_SIZE
from integrations.microsoft365.identity import USER_FIELDS

_TARGET: Final = 1.3
_USERS: Final = 100_000
_FEW: Final = 3_000
"""Of a directory in which it does not matter how large it is."""
_TOGETHER: Final = 400
_PAGE: Final = 999
_MOST_ROUNDS: Final = 3
"""Of 100,000 users, which take the lab some six seconds."""
_TARGET_GROWTH_MB: Final = 16.0
"""Two pages of a thousand users, as text and parsed, with what the allocator keeps; all users would be hundreds."""

Work = Callable[[], Awaitable[int]]


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """The median of the rounds' ratios of wall clock.

    Args:
        option: ``paging`` or ``batch``.
    """
    users = _USERS if option == "paging" and not scale.quick else _FEW
    rounds = 1 if scale.quick else min(scale.rounds, _MOST_ROUNDS) if option == "paging" else scale.rounds
    with Installation.open() as installation, lab_process(installation, users=users) as lab:
        figures = asyncio.run(_measured(installation, lab, str(option), users, rounds))
        lab_mb = peak_rss_mb(lab.pid)
    ours, plain, grown = figures.ours, figures.plain, figures.grown_mb
    ratio = statistics.median(mine[0] / base[0] for mine, base in zip(ours, plain, strict=True))
    cpu = statistics.median(mine[1] / base[1] for mine, base in zip(ours, plain, strict=True))
    bounded = f" and memory grows by <= {_TARGET_GROWTH_MB:g} MB" if option == "paging" else ""
    return Bench(
        name=name,
        value=round(statistics.median(took for took, _ in ours), 4),
        unit="s",
        baseline=Baseline(f"plain httpx, {figures.baseline}", round(statistics.median(took for took, _ in plain), 4)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}{bounded}",
        met=ratio <= _TARGET and (option != "paging" or grown <= _TARGET_GROWTH_MB),
        peak_rss_mb=peak_rss_mb(),
        detail={
            "users": figures.count,
            "requests": figures.requests,
            "ours_s": summary([took for took, _ in ours], 4),
            "plain_s": summary([took for took, _ in plain], 4),
            "cpu_ratio": round(cpu, 3),
            "ours_cpu_s": summary([used for _, used in ours], 4),
            "plain_cpu_s": summary([used for _, used in plain], 4),
            "grown_mb": round(grown, 1),
            "lab_peak_rss_mb": lab_mb,
        },
    )


class _Figures:
    def __init__(self, count: int, requests: int, baseline: str) -> None:
        self.count, self.requests, self.baseline = count, requests, baseline
        self.ours: list[tuple[float, float]] = []
        self.plain: list[tuple[float, float]] = []
        self.grown_mb = 0.0


async def _measured(installation: Installation, lab: Any, what: str, users: int, rounds: int) -> _Figures:
    async with plain_client(installation, lab) as client, installation.access(LAB_TENANT, "run") as access:
        identity = await access.capability("identity")
        few = [row["id"] for row in await _page(client, "/users?$top=999&$select=id")][:_TOGETHER]
        await identity.account(few[0])  # signed in
        works: dict[str, tuple[Work, Work, _Figures]] = {
            "paging": (
                lambda: _ours_paged(identity),
                lambda: _plain_paged(client),
                _Figures(users, -(-users // _PAGE), "the same pages, parsed"),
            ),
            "batch": (
                lambda: _ours_together(identity, few),
                lambda: _plain_together(client, few),
                _Figures(len(few), -(-len(few) // BATCH_SIZE), "the same batches at once"),
            ),
        }
        ours, plain, figures = works[what]
        before = peak_rss_mb()
        for work in (ours, plain):
            with watched() as wire:
                await _taken(work, figures.count)
            if len(wire.calls) != figures.requests:
                raise BenchmarkFailed(f"{len(wire.calls)} requests were made, not {figures.requests}")
            if work is ours:
                figures.grown_mb = peak_rss_mb() - before
        for _ in range(rounds):
            figures.plain.append(await _taken(plain, figures.count))
            figures.ours.append(await _taken(ours, figures.count))
        return figures


async def _taken(work: Work, wanted: int) -> tuple[float, float]:
    """Wall clock and this process's CPU, seconds."""
    begun, cpu = time.perf_counter(), time.process_time()
    found = await work()
    took = time.perf_counter() - begun, time.process_time() - cpu
    if found != wanted:
        raise BenchmarkFailed(f"{found} users were read, not {wanted}")
    return took


async def _ours_paged(identity: Any) -> int:
    count = 0
    async for account in identity.accounts():
        count += bool(account.id)
    return count


async def _plain_paged(client: httpx.AsyncClient) -> int:
    count = 0
    url: str | None = f"/users?$select={USER_FIELDS}&$top={_PAGE}"
    while url is not None:
        page = (await client.get(url)).raise_for_status().json()
        for row in page["value"]:
            count += bool(row["id"])
        url = page.get("@odata.nextLink")
    return count


async def _ours_together(identity: Any, ids: list[str]) -> int:
    found = await asyncio.gather(*(identity.account(one) for one in ids))
    return sum(account.id == one for account, one in zip(found, ids, strict=True))


async def _plain_together(client: httpx.AsyncClient, ids: list[str]) -> int:
    slices = [ids[at : at + BATCH_SIZE] for at in range(0, len(ids), BATCH_SIZE)]
    return sum(await asyncio.gather(*(_posted(client, some) for some in slices)))


async def _posted(client: httpx.AsyncClient, ids: list[str]) -> int:
    requests = [
        {"id": str(at), "method": "GET", "url": f"/users/{one}?$select={USER_FIELDS}"} for at, one in enumerate(ids)
    ]
    answer = (await client.post("/$batch", json={"requests": requests})).raise_for_status().json()
    bodies = {one["id"]: one["body"] for one in answer["responses"]}
    return sum(bodies[str(at)]["id"] == one for at, one in enumerate(ids))


async def _page(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await client.get(url)).raise_for_status().json()["value"]
    return rows
