"""Moving secrets between stores, killed at every call of either store and at every change of the vault's own word of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tenantry.errors import Conflict, NotProven, Refused, StoreUnavailable, VaultLocked
from tenantry.home import Home
from tenantry.names import MSP
from tenantry.secretstore import EMBEDDED, Facts, SecretStore
from tenantry.vault import Vault
from tenantry.vaultmove import cancel_move, move
from tests.integrations.aws_secrets.test_store import made as secrets_manager
from tests.integrations.azure_keyvault.test_store import opened as key_vault
from tests.support.canary import leaks
from tests.support.key_vault import KeyVault

SECRETS = {"m365/app": ["first-canary-1", "second-canary-2"], "aws/key": ["third-canary-3"], "b": [b"\xff\x00".hex()]}


class Killed(BaseException):
    """As SIGKILL: nothing in between can handle it."""


class Fragile:
    """A store whose n-th call kills, before or after it."""

    def __init__(self, inner: SecretStore, toll: Callable[[str], None]) -> None:
        self._inner = inner
        self._toll = toll
        self.vendor = inner.vendor
        self.keeps = inner.keeps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._toll(f"before {name}")
            made = found(*args, **kwargs)
            if name in {"put", "delete"}:
                self._toll(f"after {name}")
            return made

        return call


class Scene:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home").ensure()
        self.home.estate.write_text("secret_stores: {azure: {vendor: azure_keyvault}}\n")
        self.service = KeyVault()
        self.service.slow = 0
        self.kill_at = 0
        self.count = 0
        self.events: list[tuple[str, dict[str, Any]]] = []
        with self.vault() as vault:
            for tenant in ("acme", "beta"):
                vault.create_tenant_key(tenant)
                for name, values in SECRETS.items():
                    for value in values:
                        vault.put(tenant, name, value, kind="test", metadata={"length": str(len(value))})

    def toll(self, _what: str) -> None:
        self.count += 1
        if self.count == self.kill_at:
            raise Killed

    def vault(self) -> Vault:
        vault = Vault.open(self.home, stores=lambda _n, _s: Fragile(key_vault(self.service), self.toll))  # type: ignore[arg-type, return-value]
        if self.kill_at:
            vault._embedded = Fragile(vault._embedded, self.toll)  # type: ignore[assignment]
            place = vault.place

            def placing(*args: Any) -> None:
                self.toll("before place")
                place(*args)
                self.toll("after place")

            vault.place = placing  # type: ignore[method-assign]
        return vault

    def record(self, event: str, payload: dict[str, Any]) -> None:
        self.events.append((event, payload))
        self.toll("after record")

    def held(self, tenant: str) -> dict[str, list[str]]:
        with Vault.open(self.home, stores=lambda _n, _s: key_vault(self.service)) as vault:
            return {
                found.name: [
                    vault.get_text(tenant, found.name, version.version).get_secret_value()
                    for version in reversed(vault.versions(tenant, found.name))
                ]
                for found in vault.list(tenant)
            }


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_there_and_back(scene: Scene) -> None:
    with scene.vault() as vault:
        done = move(vault, "acme", "azure", scene.record)
        assert (done.secrets, done.versions, done.equal, done.deleted) == (3, 4, True, True)
        assert vault.store_of("acme") == "azure"
        assert vault.store(EMBEDDED).list("acme") == []
        assert vault.store_of("beta") == EMBEDDED
        assert [e for e, _ in scene.events] == ["vault.move.began", "vault.move.proven", "vault.moved"]
        assert vault.list("acme")[2].facts == Facts.of("test", metadata={"length": "15"})
    assert scene.held("acme") == scene.held("beta") == SECRETS
    with scene.vault() as vault:
        again = move(vault, "acme", "azure", scene.record)
        assert again.secrets == 3
        back = move(vault, "acme", EMBEDDED, scene.record)
        assert back.deleted
        assert scene.service._live == scene.service._deleted == {}
    assert scene.held("acme") == SECRETS


def test_killed_at_any_point_it_resumes_with_nothing_lost(tmp_path: Path) -> None:
    """Around every third call; after each kill every secret can be read, and the move is finished by the same command."""
    counted = Scene(tmp_path / "counted")
    counted.count, counted.kill_at = 0, 10**9
    with counted.vault() as vault:
        move(vault, "acme", "azure", counted.record)
    points = counted.count
    assert points > 40
    for point in range(1, points + 1, 3):
        scene = Scene(tmp_path / f"at-{point}")
        scene.count, scene.kill_at = 0, point
        with pytest.raises(Killed), scene.vault() as vault:
            move(vault, "acme", "azure", scene.record)
        scene.kill_at = 0
        assert scene.held("acme") == SECRETS, point
        with scene.vault() as vault:
            done = move(vault, "acme", "azure", scene.record)
            assert done.deleted, point
            assert vault.placement("acme") == ("azure", None, None)
            assert vault.store(EMBEDDED).list("acme") == []
        assert scene.held("acme") == scene.held("beta") == SECRETS, point


def test_nothing_is_stored_while_it_is_under_way(scene: Scene) -> None:
    scene.count, scene.kill_at = 0, 25
    with pytest.raises(Killed), scene.vault() as vault:
        move(vault, "acme", "azure", scene.record)
    scene.kill_at = 0
    with scene.vault() as vault:
        for change in (
            lambda: vault.put("acme", "new", "x"),
            lambda: vault.delete("acme", "b"),
            lambda: vault.get_or_create("acme", "made", lambda: None),  # type: ignore[arg-type, return-value]
        ):
            with pytest.raises(StoreUnavailable) as error:
                change()
            assert "vault move" in error.value.remedy
        vault.put("beta", "new", "x")
        with pytest.raises(Refused):
            move(vault, "acme", "elsewhere", scene.record)
        assert cancel_move(vault, "acme", scene.record) >= 1
        assert vault.placement("acme") == (EMBEDDED, None, None)
        vault.put("acme", "new", "x")
        assert scene.service._live == {}


def test_another_secret_under_the_name_stops_it_and_is_not_deleted(scene: Scene) -> None:
    other = key_vault(scene.service)
    other.put("acme", "aws/key", b"somebody else's", Facts())
    with scene.vault() as vault:
        with pytest.raises(Conflict):
            move(vault, "acme", "azure", scene.record)
        assert vault.store_of("acme") == EMBEDDED
        cancel_move(vault, "acme", scene.record)
    assert scene.held("acme") == SECRETS
    assert other.get("acme", "aws/key").value.get_secret_value() == b"somebody else's"


def test_a_copy_that_differs_switches_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene.vault() as vault:
        target = vault.store("azure")
        put = target.put
        monkeypatch.setattr(target, "put", lambda t, n, v, f, **k: put(t, n, v + b"!", f, **k), raising=False)
        with pytest.raises(NotProven):
            move(vault, "acme", "azure", scene.record)
        assert vault.store_of("acme") == EMBEDDED
        assert len(vault.store(EMBEDDED).list("acme")) == 3
    assert scene.held("acme") == SECRETS


def test_more_versions_than_the_new_store_keeps(scene: Scene) -> None:
    with scene.vault() as vault:
        vault.store("azure").keeps = 1
        with pytest.raises(Refused):
            move(vault, "acme", "azure", scene.record)
        assert vault.placement("acme").moving_to is None


def test_a_store_that_is_away_changes_nothing(scene: Scene) -> None:
    scene.service.client_secret = "changed"  # whoever opened it before has the old one
    with Vault.open(scene.home, stores=lambda _n, _s: key_vault(scene.service, "old")) as vault:
        with pytest.raises(StoreUnavailable):
            move(vault, "acme", "azure", scene.record)
        assert vault.placement("acme") == (EMBEDDED, None, None)


def test_a_store_that_only_promises_to_forget_is_said(scene: Scene) -> None:
    with scene.vault() as vault:
        move(vault, "acme", "azure", scene.record)
        scene.service.purge_protection = True
        done = move(vault, "acme", EMBEDDED, scene.record)
    assert not done.deleted
    assert done.recoverable_until is not None
    assert scene.events[-1][1]["deletion_proven"] is False


def test_the_estates_own_secrets_stay(scene: Scene) -> None:
    with scene.vault() as vault, pytest.raises(Refused):
        move(vault, MSP, "azure", scene.record)


def test_a_destroyed_tenant_leaves_nothing_in_its_store(scene: Scene) -> None:
    with scene.vault() as vault:
        move(vault, "acme", "azure", scene.record)
        assert vault.destroy_tenant_key("acme")
    assert scene.service._live == scene.service._deleted == {}


def test_no_value_is_in_any_file_or_event(scene: Scene) -> None:
    with scene.vault() as vault:
        move(vault, "acme", "azure", scene.record)
        move(vault, "acme", EMBEDDED, scene.record)
    values = {f"{name} {number}": value for name, held in SECRETS.items() for number, value in enumerate(held)}
    assert leaks(scene.home.path, values) == []
    assert not any(value in repr(scene.events) for value in values.values())


def test_from_one_store_to_another_and_a_third(tmp_path: Path) -> None:
    """Azure to AWS and home again: proven equal and deleted at each, under a new master key each time; nothing is left where it was, and
    no value anywhere in between. Without the master key nothing is touched."""
    values = {f"{name} {number}": value for name, held in SECRETS.items() for number, value in enumerate(held)}
    with mock_aws():
        scene = Scene(tmp_path)
        scene.home.estate.write_text("secret_stores: {azure: {vendor: azure_keyvault}, aws: {vendor: aws_secrets}}\n")

        def stores(name: str, _settings: Any) -> SecretStore:
            return key_vault(scene.service) if name == "azure" else secrets_manager()

        for before, to in pairwise((EMBEDDED, "azure", "aws", EMBEDDED)):
            with Vault.open(scene.home, stores=stores) as vault:
                done = move(vault, "acme", to, scene.record)
                assert (done.secrets, done.versions, done.equal, done.deleted) == (3, 4, True, True)
                assert vault.store(before).list("acme") == []
                vault.rotate_master()
            kept = scene.home.master_key.read_bytes()
            scene.home.master_key.unlink()
            with pytest.raises(VaultLocked):
                Vault.open(scene.home, stores=stores)
            scene.home.master_key.write_bytes(kept)
            scene.home.master_key.chmod(0o600)
            with Vault.open(scene.home, stores=stores) as vault:
                held = {one.name: vault.versions("acme", one.name) for one in vault.list("acme")}
                assert {
                    name: [vault.get_text("acme", name, one.version).get_secret_value() for one in reversed(known)]
                    for name, known in held.items()
                } == SECRETS
            assert leaks(scene.home.path, values) == []
            assert not any(value in repr(scene.events) for value in values.values())
        assert scene.service._live == scene.service._deleted == {}
        assert (
            boto3.client("secretsmanager", "eu-central-1").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
        )
