"""Key files and passphrases."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from tenantry.errors import InvalidInput, RecordError, VaultLocked
from tenantry.masterkey import (
    Argon2Parameters,
    derive_key,
    key_id,
    passphrase_from_environment,
    read_key_file,
    write_key_file,
)

CHEAP = Argon2Parameters(iterations=1, lanes=1, memory_kib=64)
KEY = bytes(range(32))


def test_a_key_file_comes_back_and_is_the_owners(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    previous = os.umask(0)
    try:
        write_key_file(path, KEY)
    finally:
        os.umask(previous)
    assert read_key_file(path) == KEY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_key_that_others_may_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    write_key_file(path, KEY)
    path.chmod(mode)
    with pytest.raises(VaultLocked, match="others"):
        read_key_file(path)


def test_links_folders_and_damage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    write_key_file(path, KEY)
    (tmp_path / "link").symlink_to(path)
    for other in (tmp_path / "link", tmp_path / "none", tmp_path):
        with pytest.raises(VaultLocked):
            read_key_file(other)
    for damaged in (b"", path.read_bytes()[:30], path.read_bytes() + b"x", b"\xff" * 80, KEY):
        path.write_bytes(damaged)
        with pytest.raises(VaultLocked, match="damaged"):
            read_key_file(path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        write_key_file(tmp_path / "none" / "master.key", KEY)


def test_a_passphrase_gives_its_key_by_salt_and_cost() -> None:
    passphrase = SecretStr("correct horse battery")
    key = derive_key(passphrase, b"s" * 16, CHEAP)
    assert len(key) == 32
    assert derive_key(passphrase, b"s" * 16, CHEAP) == key
    assert derive_key(passphrase, b"t" * 16, CHEAP) != key
    assert derive_key(passphrase, b"s" * 16, CHEAP.model_copy(update={"iterations": 2})) != key
    assert derive_key(SecretStr("correct horse batterz"), b"s" * 16, CHEAP) != key
    composed, decomposed = SecretStr("\u00e4" * 12), SecretStr("a\u0308" * 12)
    assert derive_key(composed, b"s" * 16, CHEAP) == derive_key(decomposed, b"s" * 16, CHEAP)


def test_short_passphrases_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        derive_key(SecretStr("hunter2"), b"s" * 16, CHEAP)
    assert "hunter2" not in str(caught.value)


def test_the_default_cost_gives_the_same_key_for_ever() -> None:
    """Pinned: were it to change, vaults that exist would not open."""
    assert derive_key(SecretStr("a long password"), b"somesalt", Argon2Parameters()).hex() == (
        "4c2011ba2ee4ad298002f91b18f198d135fe30a2eb8a2231fe5f5d20ad03c8b2"
    )


def test_forged_costs_are_refused() -> None:
    with pytest.raises(ValidationError):
        Argon2Parameters(memory_kib=2**40)


def test_key_ids_tell_apart_and_do_not_hold_the_key() -> None:
    assert key_id(KEY) != key_id(bytes(32))
    assert KEY.hex() not in key_id(KEY)


def test_a_descriptor_is_read_once_and_only_its_line() -> None:
    read, write = os.pipe()
    os.write(write, "pässphrase of mine\r\n123456\n".encode())
    os.close(write)
    source = passphrase_from_environment({"TENANTRY_PASSPHRASE_FD": str(read)})
    assert source is not None
    assert source().get_secret_value() == "pässphrase of mine"
    assert source().get_secret_value() == "pässphrase of mine"
    assert os.read(read, 100) == b"123456\n"
    os.close(read)


def test_descriptors_that_are_none() -> None:
    assert passphrase_from_environment({}) is None
    with pytest.raises(InvalidInput, match="descriptor"):
        passphrase_from_environment({"TENANTRY_PASSPHRASE_FD": "a passphrase"})
    source = passphrase_from_environment({"TENANTRY_PASSPHRASE_FD": "987654"})
    assert source is not None
    with pytest.raises(InvalidInput, match="cannot be read"):
        source()
