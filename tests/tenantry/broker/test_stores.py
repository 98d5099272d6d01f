"""The broker over secret stores outside: it alone signs in to them, and one that is away holds up no other tenant."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from tenantry.broker import BrokeredVault
from tenantry.errors import BrokerUnavailable, StoreUnavailable
from tenantry.secretstore import Opened, SecretStore
from tenantry.vault import Vault
from tests.integrations.azure_keyvault.test_store import opened
from tests.support.key_vault import KeyVault
from tests.tenantry.broker.conftest import SECRETS, Place


def elsewhere(place: Place, service: KeyVault) -> None:
    """acme's secrets lie in the stand-in, beta's in the embedded store."""
    place.home.estate.write_text("secret_stores: {azure: {vendor: azure_keyvault}}\n")
    with Vault.open(place.home, stores=lambda _n, _s: opened(service)) as vault:
        vault.delete("acme", "m365/secret")
        vault.place("acme", vault.placement("acme")._replace(store="azure"))
        vault.put("acme", "m365/secret", SECRETS["acme"])


def test_a_run_reads_its_tenants_store_and_the_read_is_recorded(place: Place) -> None:
    service = KeyVault()
    elsewhere(place, service)
    with place.serving(stores=lambda _n, _s: opened(service)) as hand:
        token = hand.grant("run-1", "acme", pid=os.getpid())
        with BrokeredVault(place.home.broker_socket, token, patience=5) as vault:
            assert (
                vault.resolve("vault:acme/m365/secret", for_tenant="acme").get_secret_value()
                == SECRETS["acme"].encode()
            )
            made = vault.get_or_create("acme", "runs/1/password", lambda: SecretStr("made-canary"))
            assert made.get_secret_value() == "made-canary"
    assert [read["name"] for read in place.events("acme", "vault.read")] == ["m365/secret", "runs/1/password"]
    assert service.values("acme--runs-2f1-2fpassword") == ["made-canary"]


def test_a_store_that_hangs_holds_up_nobody_else(place: Place) -> None:
    service, hanging, let_go = KeyVault(), threading.Event(), threading.Event()
    elsewhere(place, service)

    class Hanging:
        def __init__(self, inner: SecretStore) -> None:
            self.vendor, self.keeps, self._inner = inner.vendor, None, inner

        def get(self, *_: object) -> Opened:
            hanging.set()
            assert let_go.wait(30)
            raise StoreUnavailable("away")

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

    with place.serving(stores=lambda _n, _s: Hanging(opened(service))) as hand, ThreadPoolExecutor(1) as pool:  # type: ignore[arg-type, return-value]
        acme, beta = (hand.grant("run-1", name, pid=os.getpid()) for name in ("acme", "beta"))

        def ask() -> None:
            with BrokeredVault(place.home.broker_socket, acme, patience=5) as vault:
                vault.get("acme", "m365/secret")

        waiting = pool.submit(ask)
        assert hanging.wait(10)
        with BrokeredVault(place.home.broker_socket, beta, patience=5) as vault:
            assert vault.get_text("beta", "m365/secret").get_secret_value() == SECRETS["beta"]
        assert not waiting.done()
        let_go.set()
        with pytest.raises(StoreUnavailable):
            waiting.result(10)


def test_a_new_master_key_ends_the_broker_that_holds_the_old_one(place: Place) -> None:
    """The service starts it again; until then clients wait."""
    with place.serving() as hand:
        token = hand.grant("run-1", "beta", pid=os.getpid())
        with Vault.open(place.home) as vault:
            vault.create_tenant_key("gamma")
            vault.rotate_master()
        with BrokeredVault(place.home.broker_socket, token, patience=5) as vault:  # beta's key was opened before
            assert vault.get_text("beta", "m365/secret").get_secret_value() == SECRETS["beta"]
        with pytest.raises(BrokerUnavailable):
            hand.subkey("gamma", "journal")
    with place.serving() as hand:
        assert len(hand.subkey("gamma", "journal")) == 32
        with BrokeredVault(place.home.broker_socket, token, patience=5) as vault:  # tokens stay good
            assert vault.get_text("beta", "m365/secret").get_secret_value() == SECRETS["beta"]
