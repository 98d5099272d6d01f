"""A home with two clients, and a broker that serves it from a thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tenantry.broker import Broker, Limits, Supervisor
from tenantry.home import Home
from tenantry.journal import Journal, Record
from tenantry.vault import Vault

SUPERVISOR = SecretStr("s" * 43)
SECRETS = {"acme": "canary-of-acme-1f77", "beta": "canary-of-beta-9a31"}


class Place:
    """A home, and what can be looked at in it with the master key."""

    def __init__(self, home: Home) -> None:
        self.home = home
        with Vault.open(home) as vault:
            for tenant, value in SECRETS.items():
                vault.create_tenant_key(tenant)
                vault.put(tenant, "m365/secret", value)
            vault.put("_msp", "psa/token", "canary-of-the-estate")

    @contextmanager
    def serving(self, limits: Limits | None = None, **more: Any) -> Iterator[Supervisor]:
        """A broker in a thread, and the service's hand on it."""
        ready, ended = threading.Event(), threading.Event()
        stop: list[Callable[[], Any]] = []

        async def work() -> None:
            loop = asyncio.get_running_loop()
            serving = asyncio.create_task(broker.serve(ready.set))
            stop.append(lambda: loop.call_soon_threadsafe(serving.cancel))
            await asyncio.wait([serving])

        def run() -> None:
            asyncio.run(work())
            broker.close()
            ended.set()
            ready.set()

        broker = Broker(self.home, SUPERVISOR, limits=limits, **more)
        threading.Thread(target=run, daemon=True).start()
        assert ready.wait(30)
        assert not ended.is_set(), "the broker did not come up"
        hand = Supervisor(self.home.broker_socket, SUPERVISOR, patience=5)
        try:
            yield hand
        finally:
            hand.close()
            with suppress(RuntimeError):  # it has ended by itself, and its loop with it
                stop[0]()
            assert ended.wait(10)

    def tail(self, tenant: str) -> list[Record]:
        with Vault.open(self.home) as vault:
            journal = Journal(f"sqlite:///{self.home.journal_db}", lambda name: vault.subkey(name, "journal"))
            try:
                assert journal.verify().ok
                return journal.tail(tenant)
            finally:
                journal.close()

    def events(self, tenant: str, name: str) -> list[dict[str, Any]]:
        return [dict(record.data) for record in self.tail(tenant) if record.event == name]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Home(tmp_path / "home").ensure())
