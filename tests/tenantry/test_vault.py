"""The vault: what it keeps apart, what it survives, what it never shows."""

from __future__ import annotations

import pickle
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

import tenantry.vault as vault_module
from tenantry.errors import InvalidInput, NotFound, OutOfScope, RecordError, Refused, SecretUnreadable, VaultLocked
from tenantry.home import Home
from tenantry.masterkey import Argon2Parameters, read_key_file, write_key_file
from tenantry.names import MSP, SecretRef
from tenantry.vault import Vault

CHEAP = Argon2Parameters(iterations=1, lanes=1, memory_kib=64)
CANARY = "canary-7f3a-nobody-may-see-this"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def vault(home: Home) -> Iterator[Vault]:
    with Vault.open(home, clock=lambda: NOW) as opened:
        opened.create_tenant_key("acme")
        opened.create_tenant_key("beta")
        yield opened


def says(text: str) -> object:
    return lambda: SecretStr(text)


def sql(home: Home, statement: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(home.vault_db)
    try:
        with connection:
            return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def files_hold(home: Home, needle: bytes) -> list[str]:
    return [path.name for path in home.path.rglob("*") if path.is_file() and needle in path.read_bytes()]


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_put_and_get(vault: Vault) -> None:
    stored = vault.put("acme", "m365/app", CANARY, kind="client_secret", expires_at=NOW, metadata={"app": "1-2"})
    assert (stored.version, stored.kind, stored.created_at, stored.expires_at) == (1, "client_secret", NOW, NOW)
    assert stored.ref == SecretRef("acme", "m365/app")
    value = vault.get("acme", "m365/app")
    assert isinstance(value, SecretBytes)
    assert value.get_secret_value() == CANARY.encode()
    assert vault.get_text("acme", "m365/app").get_secret_value() == CANARY
    assert vault.list("acme") == [stored]
    for value_in in (b"\0\xff", SecretStr("s"), SecretBytes(b"b")):
        vault.put("acme", "other", value_in)


def test_nothing_shows_the_value(vault: Vault, home: Home) -> None:
    vault.put("acme", "a", CANARY)
    value, text = vault.get("acme", "a"), vault.get_text("acme", "a")
    for shown in (repr(value), str(value), f"{value}", repr(text), str(text), repr(vault), repr(vault.list("acme"))):
        assert CANARY not in shown
    assert files_hold(home, CANARY.encode()) == []
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(vault)


def test_bytes_that_are_not_text(vault: Vault) -> None:
    vault.put("acme", "a", b"canary\xff")
    with pytest.raises(SecretUnreadable) as caught:
        vault.get_text("acme", "a")
    assert caught.value.__context__ is None
    assert vault.get("acme", "a").get_secret_value() == b"canary\xff"


def test_versions(vault: Vault) -> None:
    for value in ("one", "two", "three"):
        vault.put("acme", "a", value)
    assert vault.get_text("acme", "a").get_secret_value() == "three"
    assert vault.get_text("acme", "a", 1).get_secret_value() == "one"
    assert [version.version for version in vault.versions("acme", "a")] == [3, 2, 1]
    assert [version.version for version in vault.list("acme")] == [3]
    assert vault.delete("acme", "a", 3).versions == 1
    assert vault.get_text("acme", "a").get_secret_value() == "two"
    assert vault.delete("acme", "a").versions == 2
    with pytest.raises(NotFound):
        vault.get("acme", "a")
    with pytest.raises(NotFound):
        vault.delete("acme", "a")
    assert vault.list("acme") == []
    assert vault.put("acme", "a", "four").version == 4, "a number is never used again"


def test_a_deleted_ciphertext_is_gone_from_the_files(vault: Vault, home: Home) -> None:
    vault.put("acme", "a", CANARY)
    ((sealed,),) = sql(home, "SELECT sealed FROM secrets")
    assert isinstance(sealed, bytes)
    assert files_hold(home, sealed)
    vault.delete("acme", "a")
    assert files_hold(home, sealed) == []


@pytest.mark.parametrize("name", ["", "../x", "a b", "a\0b", "x" * 300])
def test_names_that_are_none(vault: Vault, name: str) -> None:
    with pytest.raises(InvalidInput):
        vault.put("acme", name, "v")
    with pytest.raises(InvalidInput):
        vault.get("acme", name)


def test_what_cannot_be_stored(vault: Vault) -> None:
    for value in ("", b"", b"x" * 1_048_577):
        with pytest.raises(InvalidInput):
            vault.put("acme", "a", value)
    with pytest.raises(InvalidInput, match="time zone"):
        vault.put("acme", "a", "v", expires_at=datetime(2026, 1, 1))  # noqa: DTZ001 - naive is the point
    with pytest.raises(InvalidInput, match="metadata"):
        vault.put("acme", "a", "v", metadata={"x": "y" * 5000})
    with pytest.raises(InvalidInput):
        vault.put("Acme", "a", "v")
    with pytest.raises(NotFound):
        vault.put("acmee", "a", "v")
    assert vault.list("acme") == []


def test_reads_are_told_before_the_secret_leaves(home: Home) -> None:
    told: list[tuple[str, str, int, str]] = []
    with Vault.open(home, on_read=lambda *read: told.append(read)) as vault:
        vault.create_tenant_key("acme")
        vault.put("acme", "a", "one")
        vault.put("acme", "a", "two")
        vault.get("acme", "a", purpose="sign in")
        vault.resolve("vault:acme/a", for_tenant="acme", purpose="run 5")
        vault.get_text("acme", "a", 1)
        assert told == [("acme", "a", 2, "sign in"), ("acme", "a", 2, "run 5"), ("acme", "a", 1, "")]

    def unavailable(*read: object) -> None:
        raise RecordError("the journal is full")

    with Vault.open(home, on_read=unavailable) as vault, pytest.raises(RecordError):
        vault.get("acme", "a")


def test_get_or_create_gives_everybody_the_same(vault: Vault, home: Home) -> None:
    made: list[int] = []

    def ask(number: int) -> str:
        def make() -> SecretStr:
            made.append(number)
            return SecretStr(f"made by {number}")

        with Vault.open(home) as mine:
            return mine.get_or_create("acme", "new", make).get_secret_value()

    with ThreadPoolExecutor(4) as pool:
        values = set(pool.map(ask, range(12)))
    assert len(made) == 1
    assert values == {f"made by {made[0]}"}


# --- tenants apart ----------------------------------------------------------------------------------------------------


def test_references_stay_with_their_tenant(vault: Vault) -> None:
    vault.put("acme", "a", "of acme")
    vault.put(MSP, "psa", "of the estate")
    ref = SecretRef("acme", "a")
    assert vault.resolve(ref, for_tenant="acme").get_secret_value() == b"of acme"
    for other in ("beta", MSP):
        with pytest.raises(OutOfScope):
            vault.resolve(ref, for_tenant=other)
        with pytest.raises(OutOfScope):
            vault.resolve(ref, for_tenant=other, estate_provider=True)
    estate = SecretRef(MSP, "psa")
    with pytest.raises(OutOfScope):
        vault.resolve(estate, for_tenant="acme")
    assert vault.resolve(estate, for_tenant="acme", estate_provider=True).get_secret_value() == b"of the estate"
    assert vault.resolve(estate, for_tenant=MSP).get_secret_value() == b"of the estate"


names = st.sampled_from(["a", "b", "m365/app", "x/y/z"])
places = st.tuples(st.sampled_from(["acme", "beta", MSP]), names, st.integers(1, 3))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vault, Home]]:
    home = Home(tmp_path_factory.mktemp("shared") / "home")
    with Vault.open(home) as vault:
        for tenant in ("acme", "beta", MSP):
            vault.create_tenant_key(tenant)
            for name in ("a", "b", "m365/app", "x/y/z"):
                for version in (1, 2, 3):
                    vault.put(tenant, name, f"{tenant}|{name}|{version}")
        yield vault, home


@given(source=places, target=places)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_moved_ciphertext_does_not_open(
    shared: tuple[Vault, Home], source: tuple[str, str, int], target: tuple[str, str, int]
) -> None:
    vault, home = shared
    where = "tenant = ? AND name = ? AND version = ?"
    ((original,),) = sql(home, f"SELECT sealed FROM secrets WHERE {where}", *target)
    ((moved,),) = sql(home, f"SELECT sealed FROM secrets WHERE {where}", *source)
    try:
        sql(home, f"UPDATE secrets SET sealed = ? WHERE {where}", moved, *target)
        if source == target:
            assert vault.get(*target).get_secret_value().decode() == "|".join(map(str, source))
        else:
            with pytest.raises(SecretUnreadable):
                vault.get(*target)
    finally:
        sql(home, f"UPDATE secrets SET sealed = ? WHERE {where}", original, *target)


@given(place=places, data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_gives_another_plaintext(
    shared: tuple[Vault, Home], place: tuple[str, str, int], data: st.DataObject
) -> None:
    vault, home = shared
    where = "tenant = ? AND name = ? AND version = ?"
    ((original,),) = sql(home, f"SELECT sealed FROM secrets WHERE {where}", *place)
    assert isinstance(original, bytes)
    damaged = bytearray(original)
    if data.draw(st.booleans(), label="cut"):
        damaged = damaged[: data.draw(st.integers(0, len(original) - 1), label="length")]
    else:
        for bit in data.draw(st.sets(st.integers(0, len(original) * 8 - 1), min_size=1, max_size=8), label="bits"):
            damaged[bit // 8] ^= 1 << bit % 8
    try:
        sql(home, f"UPDATE secrets SET sealed = ? WHERE {where}", bytes(damaged), *place)
        with pytest.raises(SecretUnreadable):
            vault.get(*place)
    finally:
        sql(home, f"UPDATE secrets SET sealed = ? WHERE {where}", original, *place)


def test_a_tenants_key_moved_to_another_does_not_open(vault: Vault, home: Home) -> None:
    vault.put("acme", "a", "of acme")
    row = sql(home, "SELECT key_id, wrapped FROM tenant_keys WHERE tenant = 'acme'")[0]
    sql(home, "UPDATE tenant_keys SET key_id = ?, wrapped = ? WHERE tenant = 'beta'", *row)
    with Vault.open(home) as again:
        with pytest.raises(SecretUnreadable):
            again.subkey("beta", "journal")
        assert again.get_text("acme", "a").get_secret_value() == "of acme"


def test_subkeys(vault: Vault, home: Home) -> None:
    keys = {
        (tenant, purpose): vault.subkey(tenant, purpose)
        for tenant in ("acme", "beta", MSP)
        for purpose in ("journal", "evidence")
    }
    assert len(set(keys.values())) == 6
    assert all(len(key) == 32 for key in keys.values())
    with Vault.open(home) as again:
        assert all(again.subkey(*place) == key for place, key in keys.items())
    for refused in ("", "vault"):
        with pytest.raises(InvalidInput):
            vault.subkey("acme", refused)
    with pytest.raises(NotFound):
        vault.subkey("nobody", "journal")


def test_a_subkey_is_hkdf_of_the_tenants_key(vault: Vault) -> None:
    key = vault._keys.key("acme")
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"journal").derive(key)
    assert vault.subkey("acme", "journal") == expected


def test_the_stored_form_is_the_documented_one(vault: Vault, home: Home) -> None:
    """Pinned by opening it by hand: were it to change, vaults that exist would not open."""
    vault.put("acme", "m365/app", CANARY)
    ((sealed,),) = sql(home, "SELECT sealed FROM secrets")
    assert isinstance(sealed, bytes)
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"vault").derive(vault._keys.key("acme"))
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], b"acme\0m365/app\x001") == CANARY.encode()


# --- keys of tenants --------------------------------------------------------------------------------------------------


def test_creating_a_key_is_idempotent(vault: Vault) -> None:
    before = vault.subkey("acme", "journal")
    assert vault.create_tenant_key("acme") is False
    assert vault.create_tenant_key("gamma") is True
    assert vault.subkey("acme", "journal") == before
    assert vault.tenants() == ("acme", "beta", "gamma")


def test_destroying_a_key_is_for_ever(vault: Vault, home: Home) -> None:
    vault.put("acme", "a", CANARY)
    vault.put("beta", "a", "stays")
    old = vault.subkey("acme", "journal")
    (wrapped,) = sql(home, "SELECT wrapped FROM tenant_keys WHERE tenant = 'acme'")[0]
    assert isinstance(wrapped, bytes)
    with Vault.open(home) as other:
        other.subkey("acme", "journal")  # in its memory by now
        assert vault.destroy_tenant_key("acme") is True
        assert vault.destroy_tenant_key("acme") is False
        for opened in (vault, other):
            with pytest.raises(NotFound):
                opened.subkey("acme", "journal")
            with pytest.raises(NotFound):
                opened.get("acme", "a")
            with pytest.raises(NotFound):
                opened.put("acme", "a", "v")
    assert files_hold(home, wrapped) == []
    assert vault.tenants() == ("beta",)
    assert vault.get_text("beta", "a").get_secret_value() == "stays"
    with pytest.raises(Refused):
        vault.create_tenant_key("acme")
    assert vault.create_tenant_key("acme", again=True) is True
    assert vault.subkey("acme", "journal") != old


def test_what_cannot_be_destroyed(vault: Vault) -> None:
    with pytest.raises(Refused):
        vault.destroy_tenant_key(MSP)
    with pytest.raises(NotFound):
        vault.destroy_tenant_key("nobody")


# --- the master key ---------------------------------------------------------------------------------------------------


def test_permissions(vault: Vault, home: Home) -> None:
    vault.put("acme", "a", "v")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.path.iterdir() if path.is_file()}
    assert {"master.key", "vault.db", "vault.db-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_key_open_to_others_locks_the_vault(vault: Vault, home: Home) -> None:
    home.master_key.chmod(0o640)
    with pytest.raises(VaultLocked):
        Vault.open(home)
    home.master_key.chmod(0o600)
    Vault.open(home).close()


def test_a_missing_key_is_never_made_anew(vault: Vault, home: Home) -> None:
    home.master_key.unlink()
    with pytest.raises(VaultLocked):
        Vault.open(home)
    assert not home.master_key.exists()


def test_a_wrong_key_is_refused(vault: Vault, home: Home) -> None:
    write_key_file(home.master_key, b"\1" * 32)
    with pytest.raises(VaultLocked, match="not this vault's"):
        Vault.open(home)


def test_a_key_file_left_by_a_killed_first_start_is_used(home: Home) -> None:
    home.ensure()
    write_key_file(home.master_key, b"\2" * 32)
    Vault.open(home).close()
    assert read_key_file(home.master_key) == b"\2" * 32


def test_first_starts_may_meet(home: Home) -> None:
    def first(_: int) -> bytes:
        with Vault.open(home) as vault:
            return vault.subkey(MSP, "journal")

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(first, range(12)))) == 1


def test_a_passphrase_instead_of_a_file(home: Home) -> None:
    with Vault.open(home, says("correct horse battery"), argon2=CHEAP) as vault:
        vault.put(MSP, "a", CANARY)
    assert not home.master_key.exists()
    with Vault.open(home, says("correct horse battery")) as vault:
        assert vault.get_text(MSP, "a").get_secret_value() == CANARY
    for wrong in (None, says("wrong horse battery"), says("short")):
        with pytest.raises(VaultLocked):
            Vault.open(home, wrong)
    sql(home, "UPDATE master SET argon2 = ?", '{"iterations": 1, "lanes": 1, "memory_kib": 999999999}')
    with pytest.raises(VaultLocked):
        Vault.open(home, says("correct horse battery"))


def test_a_short_new_passphrase_leaves_nothing_half_made(home: Home) -> None:
    with pytest.raises(InvalidInput):
        Vault.open(home, says("short"), argon2=CHEAP)
    Vault.open(home, says("long enough now"), argon2=CHEAP).close()


def test_a_passphrase_is_asked_for_only_when_needed(vault: Vault, home: Home) -> None:
    def never() -> SecretStr:
        raise RecordError("asked")

    Vault.open(home, never).close()


def rotations() -> list[object]:
    return [None, says("a new passphrase")]


@pytest.mark.parametrize("to", rotations(), ids=["file", "passphrase"])
@pytest.mark.parametrize("start", rotations(), ids=["file", "passphrase"])
def test_rotation_keeps_every_secret_and_subkey(home: Home, start: object, to: object) -> None:
    with Vault.open(home, start, argon2=CHEAP) as vault:
        vault.create_tenant_key("acme")
        vault.create_tenant_key("gone")
        vault.destroy_tenant_key("gone")
        vault.put("acme", "a", CANARY)
        journal = vault.subkey("acme", "journal")
        old_file = home.master_key.read_bytes() if home.master_key.exists() else b""
        (wrapped,) = sql(home, "SELECT wrapped FROM tenant_keys WHERE tenant = 'acme'")[0]
        vault.rotate_master(to, argon2=CHEAP)
        assert vault.get_text("acme", "a").get_secret_value() == CANARY
    assert isinstance(wrapped, bytes)
    assert files_hold(home, wrapped) == []
    assert home.master_key.exists() == (to is None)
    if to is None:
        assert home.master_key.read_bytes() != old_file
    assert [path.name for path in home.path.glob("master.key?*")] == []
    with Vault.open(home, to) as vault:
        assert vault.get_text("acme", "a").get_secret_value() == CANARY
        assert vault.subkey("acme", "journal") == journal


def test_another_process_must_open_again_after_a_rotation(vault: Vault, home: Home) -> None:
    with Vault.open(home) as other:
        other.rotate_master()
    with pytest.raises(VaultLocked, match="another process"):
        vault.subkey("acme", "journal")
    with pytest.raises(VaultLocked, match="another process"):
        vault.rotate_master()
    with pytest.raises(VaultLocked, match="another process"):
        vault.create_tenant_key("gamma")
    with Vault.open(home) as again:
        again.subkey("acme", "journal")


@pytest.mark.parametrize("stop_at", ["write_key_file", "rewrap", "settle"])
def test_a_rotation_killed_at_any_point_leaves_an_open_vault(
    vault: Vault, home: Home, monkeypatch: pytest.MonkeyPatch, stop_at: str
) -> None:
    class Killed(BaseException):
        pass

    real = getattr(vault_module, stop_at)

    def killed(*args: object) -> None:
        if stop_at == "write_key_file":
            real(*args)
        raise Killed

    vault.put("acme", "a", CANARY)
    monkeypatch.setattr(vault_module, stop_at, killed)
    with pytest.raises(Killed):
        vault.rotate_master()
    monkeypatch.undo()
    keep = home.path / "master.key.bak"
    keep.write_text("a person's own copy")
    for _ in range(2):
        with Vault.open(home) as again:
            assert again.get_text("acme", "a").get_secret_value() == CANARY
    with Vault.open(home) as again:
        again.rotate_master()
    with Vault.open(home) as again:
        assert again.get_text("acme", "a").get_secret_value() == CANARY
    assert [path.name for path in home.path.glob("master.key?*")] == ["master.key.bak"]


def test_a_killed_writer_leaves_whole_secrets_only(vault: Vault, home: Home) -> None:
    """kill -9 in the middle of many puts: each one acknowledged is there, and all that is there opens."""
    script = (
        "import sys, pathlib\n"
        "from tenantry.home import Home\n"
        "from tenantry.vault import Vault\n"
        "vault = Vault.open(Home(pathlib.Path(sys.argv[1])))\n"
        "for n in range(100000):\n"
        "    vault.put('acme', 'n', f'value {n}')\n"
        "    print(n + 1, flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(home.path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged == 20:
            writer.kill()
    writer.wait()
    writer.stdout.close()
    stored = vault.versions("acme", "n")
    assert len(stored) >= acknowledged >= 20
    for version in stored:
        assert vault.get_text("acme", "n", version.version).get_secret_value() == f"value {version.version - 1}"


def test_a_closed_vault_forgets(vault: Vault) -> None:
    vault.close()
    with pytest.raises(RecordError):
        vault.get("acme", "a")


def test_looking_settles_nothing(tmp_path: Path) -> None:
    """Where a client's first secret goes is settled when it is stored, not when somebody looks whether there is one."""
    home = Home(tmp_path / "home").ensure()
    with Vault.open(home) as vault:
        vault.create_tenant_key("acme")
        assert vault.list("acme") == []
        assert vault.versions("acme", "x") == ()
        with pytest.raises(NotFound):
            vault.get("acme", "x")
        assert vault.placement("acme").store == "embedded"
        with closing(sqlite3.connect(home.vault_db)) as db:
            assert db.execute("SELECT store FROM tenant_keys WHERE tenant = 'acme'").fetchone() == (None,)


def test_a_vault_of_the_first_release_opens_and_becomes_a_new_one(home: Home, tmp_path: Path) -> None:
    """The first release's file had neither where a tenant's secrets lie nor when one is to be replaced."""
    with Vault.open(home) as vault:
        vault.create_tenant_key("acme")
        vault.put("acme", "m365/secret", SecretStr(CANARY))
    for table, column in (
        *(("tenant_keys", name) for name in ("store", "moving_to", "leaving")),
        ("secrets", "rotate_at"),
    ):
        sql(home, f"ALTER TABLE {table} DROP COLUMN {column}")
    sql(home, "PRAGMA user_version = 1")
    with Vault.open(home) as vault:
        assert vault.get_text("acme", "m365/secret").get_secret_value() == CANARY
        assert vault.put("acme", "m365/secret", SecretStr("next"), rotate_at=NOW).rotate_at == NOW
    fresh = Home(tmp_path / "fresh")
    Vault.open(fresh).close()
    columns = "SELECT m.name, p.name, p.type FROM sqlite_master m, pragma_table_info(m.name) p ORDER BY 1, 2"
    assert sql(home, columns) == sql(fresh, columns)
    assert sql(home, "PRAGMA user_version") == sql(fresh, "PRAGMA user_version")
