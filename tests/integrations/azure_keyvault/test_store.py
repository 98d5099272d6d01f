"""On a strict stand-in of our own (tests/support/key_vault.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes, ValidationError

import integrations.azure_keyvault.store as module
from integrations.azure_keyvault.store import AzureKeyVaultSettings, AzureKeyVaultStore, encoded
from tenantry.errors import (
    Conflict,
    InDoubt,
    PermissionMissing,
    SecretUnreadable,
    SignInFailed,
    StoreUnavailable,
    VendorFault,
)
from tenantry.secretstore import Facts
from tests.conformance.secret_store import CANARY, SecretStoreConformance
from tests.support.key_vault import CLIENT, TENANT, KeyVault

SETTINGS = {"vault_url": "https://msp.vault.azure.net", "tenant_id": TENANT, "client_id": CLIENT}


def opened(vault: KeyVault, secret: str | None = None) -> AzureKeyVaultStore:
    given = (secret or vault.client_secret).encode()
    settings = AzureKeyVaultSettings.model_validate(SETTINGS)
    return AzureKeyVaultStore("azure", settings, lambda: SecretBytes(given), transport=vault, sleep=lambda _s: None)


@pytest.fixture
def vault() -> KeyVault:
    return KeyVault()


@pytest.fixture
def store(vault: KeyVault) -> Iterator[AzureKeyVaultStore]:
    made = opened(vault)
    yield made
    made.close()


class TestAzureKeyVault(SecretStoreConformance):
    deletes_versions = False

    # The vault keeps this installation's writers off each other; the store alone tells the loser only afterwards.
    test_of_many_who_check_and_set_at_once_one_wins = None  # type: ignore[assignment]


def test_writers_of_this_installation_keep_off_each_other(store: AzureKeyVaultStore, tmp_path: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tenantry.home import Home
    from tenantry.vault import Vault

    home = Home(tmp_path / "home").ensure()
    home.estate.write_text("secret_stores: {azure: {vendor: azure_keyvault}}\nsecret_store: azure\n")
    with Vault.open(home, stores=lambda _name, _secret: store) as vault:
        vault.create_tenant_key("acme")
        vault.put("acme", "race", "first")

        def attempt(number: int) -> bool:
            try:
                vault.put("acme", "race", f"by {number}", expect=1)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(attempt, range(6))).count(True) == 1
        assert [version.version for version in vault.versions("acme", "race")] == [2, 1]
        store = opened(KeyVault())


def test_of_two_installations_that_store_the_same_number_one_is_withdrawn(
    vault: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = opened(vault), opened(vault)
    mine.put("acme", "a", b"first", Facts())
    seen = mine._known("acme", "a")
    theirs.put("acme", "a", b"second", Facts(), expect=1)
    with monkeypatch.context() as patched:
        patched.setattr(mine, "_known", lambda *_: seen)
        patched.setattr(module, "_created", lambda item: (item.get("value") == "late", module._id(item)))
        with pytest.raises(Conflict):
            mine.put("acme", "a", b"late", Facts(), expect=1)
    assert mine.get("acme", "a").value.get_secret_value() == b"second"
    assert len(mine.versions("acme", "a")) == 2


def test_names_are_letters_digits_and_hyphens_and_never_collide() -> None:
    assert encoded("acme", "m365/app") == "acme--m365-2fapp"
    assert encoded("a-b", "c") != encoded("a", "b--c")
    assert len(encoded("a" * 63, "N" * 200)) <= 127


def test_purge_protection_is_said_and_the_name_can_be_used_again(vault: KeyVault, store: AzureKeyVaultStore) -> None:
    vault.purge_protection = True
    store.put("acme", "a", b"one", Facts())
    done = store.delete("acme", "a")
    assert not done.proven
    assert done.recoverable_until is not None
    assert store.list("acme") == []
    assert store.put("acme", "a", b"two", Facts(), expect=0).version == 2
    assert store.get("acme", "a").value.get_secret_value() == b"two"


def test_a_token_that_is_refused_is_asked_for_once_more(vault: KeyVault, store: AzureKeyVaultStore) -> None:
    store.put("acme", "a", b"x", Facts())
    vault.expire_tokens()
    assert store.get("acme", "a").value.get_secret_value() == b"x"
    asked = sum(path.endswith("/token") for _, path in vault.requests)
    store.get("acme", "a")
    assert sum(path.endswith("/token") for _, path in vault.requests) == asked == 2


def test_a_wrong_secret(vault: KeyVault) -> None:
    with pytest.raises(SignInFailed) as error:
        opened(vault, CANARY).get("acme", "a")
    assert error.value.detail["aadsts"] == "7000215"
    assert CANARY not in f"{error.value} {error.value.detail}"
    assert not opened(vault, CANARY).check().ok


@pytest.mark.parametrize(
    ("broken", "write", "expected"),
    [
        ([httpx.ConnectError(CANARY)] * 3, False, StoreUnavailable),
        ([httpx.ConnectError(CANARY)] * 3, True, StoreUnavailable),
        ([httpx.ReadTimeout(CANARY)] * 3, False, StoreUnavailable),
        ([httpx.Response(503, text=CANARY)], False, StoreUnavailable),
        ([httpx.Response(429, text=CANARY)], True, StoreUnavailable),
        ([httpx.Response(200, text=f"<html>{CANARY}")], False, StoreUnavailable),
        ([httpx.Response(403, json={"error": {"message": CANARY}})], False, PermissionMissing),
        ([httpx.Response(302, headers={"location": "https://elsewhere.example"})], False, StoreUnavailable),
    ],
)
def test_every_trouble_is_typed_and_repeats_nothing(
    vault: KeyVault, store: AzureKeyVaultStore, broken: list[Any], write: bool, expected: type[Exception]
) -> None:
    store.put("acme", "a", b"x", Facts())
    with breaking(vault, broken), pytest.raises(expected) as error:
        store.put("acme", "a", b"y", Facts()) if write else store.get("acme", "a")
    assert error.value.remedy  # type: ignore[attr-defined]
    assert CANARY not in f"{error.value} {error.value.detail}"  # type: ignore[attr-defined]
    assert store.get("acme", "a").value.get_secret_value() == b"x"


def test_a_write_whose_answer_never_came_is_in_doubt(vault: KeyVault, store: AzureKeyVaultStore) -> None:
    with breaking(vault, [httpx.ReadTimeout("late")]), pytest.raises(InDoubt):
        store._ask("PUT", "/secrets/acme--a", write=True, body={"value": "x"})


def test_a_page_on_another_host_is_not_followed(vault: KeyVault, store: AzureKeyVaultStore) -> None:
    page = {"value": [], "nextLink": "https://evil.vault.azure.net/secrets?api-version=7.4"}
    with breaking(vault, [httpx.Response(200, json=page)]), pytest.raises(VendorFault):
        store.list("acme")


def test_what_others_tagged_otherwise_is_not_handed_out(vault: KeyVault, store: AzureKeyVaultStore) -> None:
    store.put("acme", "a", b"mine", Facts())
    (version,) = vault._live["acme--a"].versions.values()
    version["tags"]["tenant"] = "beta"
    assert store.versions("acme", "a") == ()
    known = {1: {"id": f"x/{next(iter(vault._live['acme--a'].versions))}"}}
    store._known = lambda *_: known  # type: ignore[method-assign]
    with pytest.raises(SecretUnreadable):
        store.get("acme", "a")


@pytest.mark.parametrize("url", ["http://msp.vault.azure.net", "https://u:p@msp.vault.azure.net", "https://x/?a=b"])
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        AzureKeyVaultSettings.model_validate(SETTINGS | {"vault_url": url})


@contextmanager
def breaking(vault: KeyVault, instead: list[Any]) -> Iterator[None]:
    vault.broken = list(instead)
    yield
    vault.broken = []
