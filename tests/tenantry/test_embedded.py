from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr

from tenantry.errors import RecordError
from tenantry.home import Home
from tenantry.secretstore import EMBEDDED, Facts, Opened, SecretStore, SecretVersion
from tenantry.vault import Placement, Vault
from tests.conformance.secret_store import SecretStoreConformance


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SecretStore]:
    with Vault.open(Home(tmp_path / "home").ensure()) as vault:
        for tenant in ("acme", "beta", "acm", "bet", "beta-2"):
            vault.create_tenant_key(tenant)
        yield vault.store(EMBEDDED)


class TestEmbedded(SecretStoreConformance):
    pass


def names(vault: Vault, tenant: str = "acme") -> list[tuple[str, int]]:
    return [(one.name, one.version) for one in vault.list(tenant)]


def test_a_list_is_never_older_than_the_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    with Vault.open(home) as here, Vault.open(home) as there:
        here.create_tenant_key("acme")
        here.put("acme", "a", "1")
        assert names(here) == names(here) == [("a", 1)]
        there.put("acme", "b", "1")  # another connection, as another process has
        assert names(here) == [("a", 1), ("b", 1)]
        here.put("acme", "a", "2")
        assert names(here) == names(there) == [("a", 2), ("b", 1)]
        there.delete("acme", "b")
        assert names(here) == [("a", 2)]
        there.destroy_tenant_key("acme")
        assert names(here) == []


def test_a_list_follows_the_place_of_the_secrets(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    with Vault.open(home, stores=lambda name, _: SomewhereElse(name)) as here, Vault.open(home) as there:  # type: ignore[arg-type,return-value]  # what is asked of it here
        here.create_tenant_key("acme")
        here.put("acme", "a", "1")
        assert names(here) == [("a", 1)]
        there.place("acme", Placement("bao"))
        assert names(here) == [("in bao", 7)]


class SomewhereElse:
    def __init__(self, name: str) -> None:
        self.name = name
        self.held: dict[str, bytes] = {}

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> None:
        assert (self.held, expect) == ({}, 0)
        self.held[name] = value

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        return Opened(1, SecretBytes(self.held[name]))

    def versions(self, tenant: str, name: str) -> tuple[str, ...]:
        return tuple(self.held)

    def list(self, tenant: str) -> list[object]:
        return [SecretVersion.of(tenant, f"in {self.name}", 7, datetime.now(UTC), Facts())]

    def close(self) -> None:
        pass


def test_what_was_rolled_back_is_not_listed(tmp_path: Path) -> None:
    with Vault.open(Home(tmp_path / "home").ensure()) as vault:
        vault.create_tenant_key("acme")
        vault.put("acme", "a", "1")
        with pytest.raises(RecordError), contextlib.ExitStack() as stack:
            inside(vault, stack)
        assert names(vault) == [("a", 1)]


def inside(vault: Vault, stack: contextlib.ExitStack) -> None:
    """In a transaction that fails in the end."""
    db = stack.enter_context(vault._db.transaction())
    db.execute("UPDATE secrets SET name = 'never'")
    assert names(vault) == [("never", 1)]  # within it, it is so
    raise sqlite3.IntegrityError


def test_who_changes_a_list_changes_nobody_elses(tmp_path: Path) -> None:
    with Vault.open(Home(tmp_path / "home").ensure()) as vault:
        vault.create_tenant_key("acme")
        vault.put("acme", "a", "1", metadata={"id": "x"})
        found = vault.list("acme")
        with pytest.raises(TypeError):
            found[0].metadata["id"] = "y"  # type: ignore[index]  # that it cannot be written is what is tested
        found.clear()
        assert [dict(one.metadata) for one in vault.list("acme")] == [{"id": "x"}]


def test_a_put_waits_for_the_disk_once_and_reads_once(tmp_path: Path) -> None:
    """The first of a tenant as well, with which it is settled where its secrets lie."""
    with Vault.open(Home(tmp_path / "home").ensure()) as vault:
        vault.create_tenant_key("acme")
        done: list[str] = []
        vault._db._db.set_trace_callback(lambda statement: done.append(statement.split()[0]))
        vault.put("acme", "a", "1")
        assert done.count("COMMIT") == 1
        vault.put("acme", "b", "1")  # what it reads is in the library's cache by now
        done.clear()
        vault.put("acme", "a", "2")
        assert done == ["BEGIN", "SELECT", "INSERT", "COMMIT"]
        assert names(vault) == [("a", 2), ("b", 1)]


def test_a_copy_that_a_move_left_behind_is_not_taken_for_the_secret(tmp_path: Path) -> None:
    """Killed between the switch and the deletion: what still lies here is not what the tenant's store has."""
    other = SomewhereElse("bao")
    with Vault.open(Home(tmp_path / "home").ensure(), stores=lambda *_: other) as vault:  # type: ignore[arg-type,return-value]  # as above
        vault.create_tenant_key("acme")
        vault.put("acme", "a", "left behind")
        vault.place("acme", Placement("bao", leaving=EMBEDDED))
        made = vault.get_or_create("acme", "a", lambda: SecretStr("made"))
        assert (made.get_secret_value(), other.held) == ("made", {"a": b"made"})
