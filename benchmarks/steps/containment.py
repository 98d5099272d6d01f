"""How fast accounts are contained: `identity.disable_sign_in`, then `identity.revoke_sessions`, as the runbook's contain
phase has them, through Prefect, the real engine and the Microsoft 365 provider, against a lab in another process that
answers 50 ms late.

The baseline is the critical path, made of two measurements of the same process and minutes:

* ``chain``: how many calls one account needs one after the other. A run of one account is watched on the wire; the chain
  is the largest number of its requests of which none began before the one before it had ended. Its first call signs in
  and is needed once for all accounts.
* ``latency``: the median time of a plain httpx request for one user to the same lab, measured before and after each run.

    critical path = latency × chain

Accounts do not wait for each other, so this is the critical path of any number of them. How many the engine takes in hand at
once is its own choice, and no part of what it is measured against; ``ratio_given_width`` says what remains with that choice.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from prefect import flow

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import (
    LAB_TENANT,
    LabProcess,
    created,
    lab_process,
    must_complete,
    plain_accounts,
    plain_client,
    watched,
)
from flows import interpreter
from flows.assembly import Installation
from flows.graph import PrefectSteps
from tenantry.run import Engine, Policy

__all__ = ["chain_of", "measure"]

_LATENCY_MS: Final = 50
_TARGET: Final = 1.5
_TARGET_MB: Final = 400
_RUNBOOK: Final = """\
id: containment
version: 1
title: Containment
kind: incident
phases: [contain]
params:
  accounts: {type: list, items: string}
steps:
  - id: disable_sign_in
    phase: contain
    uses: identity.disable_sign_in
    for_each: params.accounts
    expect_at_most: 1000
    with: {account: "${item}"}
  - id: revoke_sessions
    phase: contain
    uses: identity.revoke_sessions
    needs: [disable_sign_in]
    for_each: params.accounts
    expect_at_most: 1000
    with: {account: "${item}"}
"""


def chain_of(calls: list[tuple[float, float]]) -> int:
    """The largest number of calls of which each began after the one before it had ended."""
    length, free = 0, -math.inf
    for began, ended in sorted(calls, key=lambda call: call[1]):
        if began >= free:
            length, free = length + 1, ended
    return length


@dataclass
class _Rounds:
    """What the rounds gave."""

    latencies: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    chain: int = 0
    requests: int = 0
    first: float = 0.0


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """``scale.rounds`` runs over fresh accounts, after one of a single account that is watched and not counted.

    Args:
        option: how many accounts a run contains.
    """
    count = int(option)
    with (
        Installation.open() as installation,
        lab_process(installation, users=3 * (count + 2) * (scale.rounds + 1) + 60) as lab,
    ):
        rounds = asyncio.run(_measured(installation, lab, count, scale.rounds))
        lab_mb = peak_rss_mb(lab.pid)
    policy = Policy()
    value, latency = statistics.median(rounds.seconds), statistics.median(rounds.latencies)
    waves = math.ceil(count / policy.concurrency)
    critical = latency * rounds.chain
    given_width = latency * (1 + (rounds.chain - 1) * waves)  # signing in is needed once for all
    ratio, size = value / critical, peak_rss_mb()
    return Bench(
        name=name,
        value=round(value, 4),
        unit="s",
        baseline=Baseline("critical path of the calls", round(critical, 4)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET} and peak memory <= {_TARGET_MB} MB",
        met=ratio <= _TARGET and size <= _TARGET_MB,
        peak_rss_mb=size,
        detail={
            "accounts": count,
            "seconds": summary(rounds.seconds, 4),
            "first_run_one_account_s": round(rounds.first, 4),
            "cpu_s": summary(rounds.cpu, 4),
            "plain_request_s": summary(rounds.latencies, 4),
            "chain": rounds.chain,
            "requests_of_one_account": rounds.requests,
            "width": policy.concurrency,
            "baseline_is": "plain_request p50 x chain",
            "ratio_given_width": round(value / given_width, 3),
            "lab_peak_rss_mb": lab_mb,
            "lab_latency_ms": _LATENCY_MS,
        },
    )


async def _measured(installation: Installation, lab: LabProcess, count: int, times: int) -> _Rounds:
    found = _Rounds()

    @flow(name="bench-containment")
    async def measured() -> None:
        async with plain_client(installation, lab) as plain:
            user = await _one_user(plain)
            accounts = [account.id for account in await plain_accounts(installation, 1 + count * times)]
            lab.faults(latency_ms=_LATENCY_MS)
            interpreter.settle()  # as the processes that execute runs are (flows/zygote.py)
            with watched() as wire:
                found.first, _ = await _contain(installation, accounts[:1])
            found.requests, found.chain = len(wire.calls), chain_of(wire.calls)
            for turn in range(times):
                found.latencies += [await _latency(plain, user) for _ in range(5)]
                taken = accounts[1 + turn * count : 1 + (turn + 1) * count]
                seconds, cpu = await _contain(installation, taken)
                found.seconds.append(seconds)
                found.cpu.append(cpu)
                found.latencies += [await _latency(plain, user) for _ in range(5)]

    await measured()
    writes = len(lab.audit())
    if writes != 2 * (1 + count * times):
        raise BenchmarkFailed(f"{writes} writes were made, not {2 * (1 + count * times)}")
    return found


async def _contain(installation: Installation, accounts: list[str]) -> tuple[float, float]:
    """One run over a tenant opened afresh; wall clock and CPU seconds."""
    run_id = created(installation.surroundings(), installation.registry, LAB_TENANT, _RUNBOOK, {"accounts": accounts})
    begun, cpu = time.perf_counter(), time.process_time()
    async with installation.access(LAB_TENANT, "run") as access:
        state = await Engine(installation.surroundings(), access).run(run_id, call=PrefectSteps())
        took = time.perf_counter() - begun, time.process_time() - cpu
    must_complete(state)
    return took


async def _one_user(client: httpx.AsyncClient) -> str:
    """The address of one user."""
    users = await client.get("/users", params={"$top": "1", "$select": "id"})
    return f"/users/{users.raise_for_status().json()['value'][0]['id']}"


async def _latency(client: httpx.AsyncClient, user: str) -> float:
    begun = time.perf_counter()
    (await client.get(user)).raise_for_status()
    return time.perf_counter() - begun
