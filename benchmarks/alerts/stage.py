"""A service that takes alerts of one source for the lab's tenant, with a rule that blocks the account an alert names."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.alerts.sender import TOKEN
from benchmarks.alerts_start.stage import Service, first_writes, service
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT, LabProcess
from tenantry.alerts.store import AlertStore
from tenantry.vault import Vault

__all__ = ["URL", "alerting", "decided", "wait_for"]

URL: Final = "{console}/alerts/bench"
_SOURCE: Final = '{kind: microsoft_graph, proof: token, secret: "vault:_msp/alerts/bench", tenant: ' + LAB_TENANT + "}"
_RULES: Final = """\
rules:
  - {id: bench, when: {sources: [bench], severity_at_least: high}, run: bench_one, with: {account: account}}
  - {id: bench_rest, when: {sources: [bench]}}
"""


@contextlib.contextmanager
def alerting(accounts: int) -> Iterator[tuple[Service, LabProcess, list[str], str]]:
    """The service, the lab, its accounts, and the address that takes alerts."""
    with service(max(accounts, 10)) as (stand, lab, found):  # the lab has a few accounts of its own besides
        home = stand.home
        with Vault.open(home) as vault:
            vault.put("_msp", "alerts/bench", TOKEN)
        before = home.estate.read_text(encoding="utf-8") if home.estate.exists() else ""
        home.estate.write_text(f"{before}alerts: {{bench: {_SOURCE}}}\n", encoding="utf-8")
        rules = home.runbooks / "alerts" / "rules"
        rules.mkdir(parents=True)
        (rules / "bench.yaml").write_text(_RULES, encoding="utf-8")
        file = home.tenants / f"{LAB_TENANT}.yaml"
        text = file.read_text(encoding="utf-8")
        if "\npolicy:" in text:
            raise BenchmarkFailed("the lab's tenant has a policy of its own")
        file.write_text(f"{text}\npolicy: {{unattended_effects_per_hour: 1000}}\n", encoding="utf-8")
        yield stand, lab, found, URL.format(console=stand.said["console"])


def decided(stand: Service) -> dict[str, int]:
    """How many alerts stand how."""
    store = AlertStore(stand.home.alerts_db)
    try:
        return store.counts()
    finally:
        store.close()


def wait_for(lab: LabProcess, accounts: set[str], seconds: float) -> dict[str, float]:
    """Account → Unix time of its first effect, once each has one.

    Raises:
        BenchmarkFailed: some have none.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = first_writes(lab)
        if accounts <= set(found):
            return found
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"{len(accounts - set(found))} of {len(accounts)} had no effect within {seconds:g} s")
        time.sleep(0.1)
