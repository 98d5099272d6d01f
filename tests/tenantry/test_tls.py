"""The certificate of a service: what a client would refuse is refused here, with the file's name."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tenantry.errors import InvalidInput
from tenantry.tls import Certificate
from tests.support.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_pair_that_fits(authority: Authority) -> None:
    found = Certificate.read(*authority.issue(names=("msp.example", "*.ops.example", "192.0.2.7")))
    assert found.names == ("msp.example", "*.ops.example", "192.0.2.7")
    assert found.vouches_for("MSP.example.")
    assert found.vouches_for("a.ops.example")
    assert found.vouches_for("192.0.2.7")
    for other in ("ops.example", "a.b.ops.example", "example", "192.0.2.8", "0.0.0.0"):
        assert not found.vouches_for(other), other
    assert found.context().minimum_version >= ssl.TLSVersion.TLSv1_2


def foreign_key(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("one")[0], authority.issue("two")[1]


def open_key(authority: Authority) -> tuple[Path, Path]:
    certificate, key = authority.issue()
    key.chmod(0o644)
    return certificate, key


def key_of_a_group(authority: Authority) -> tuple[Path, Path]:
    certificate, key = authority.issue()
    key.chmod(0o640)  # of this account's own: only a key of root's may be a group's
    return certificate, key


def no_key(authority: Authority) -> tuple[Path, Path]:
    certificate, key = authority.issue()
    key.write_text("-----BEGIN NOTHING-----\n", encoding="ascii")
    return certificate, key


def no_certificate(authority: Authority) -> tuple[Path, Path]:
    _, key = authority.issue()
    return key, key


def not_there(authority: Authority) -> tuple[Path, Path]:
    certificate, _ = authority.issue()
    return certificate, authority.folder / "missing.key"


@pytest.mark.parametrize(
    ("made", "file", "says"),
    [
        (lambda a: a.issue(ends=timedelta(minutes=-1)), "server.pem", "expired on"),
        (lambda a: a.issue(begins=timedelta(days=1)), "server.pem", "not valid before"),
        (lambda a: a.issue(names=()), "server.pem", "names no host"),
        (lambda a: a.issue(passphrase=b"words"), "server.key", "has a passphrase"),
        (foreign_key, "two.key", "is not the key of the certificate"),
        (open_key, "server.key", "can be read by others (mode 0644)"),
        (key_of_a_group, "server.key", "can be read by others (mode 0640)"),
        (no_key, "server.key", "holds no private key"),
        (no_certificate, "server.key", "holds no certificate"),
        (not_there, "missing.key", "cannot be read"),
    ],
)
def test_what_is_refused(
    authority: Authority, made: Callable[[Authority], tuple[Path, Path]], file: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        Certificate.read(*made(authority))
    assert caught.value.exit_code == 2
    assert says in caught.value.message
    assert caught.value.message.startswith(str(authority.folder / file))
    assert "PRIVATE" not in caught.value.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_somebody_else(authority: Authority) -> None:
    certificate, key = authority.issue()
    os.chown(key, 65534, 65534)
    with pytest.raises(InvalidInput, match="belongs to another account"):
        Certificate.read(certificate, key)


def test_a_renewed_pair_is_taken_and_half_of_one_is_not(authority: Authority) -> None:
    files = authority.issue()
    first = Certificate.read(*files)
    assert first.renewed() is None
    key = files[1].read_bytes()
    authority.issue(names=("localhost", "new.example"))
    renewed = files[1].read_bytes()
    files[1].write_bytes(key)  # the certificate lies there already, its key does not yet
    with pytest.raises(InvalidInput, match="not the key"):
        first.renewed()
    files[1].write_bytes(renewed)
    second = first.renewed()
    assert second is not None
    assert second.names == ("localhost", "new.example")
    context = first.context()
    second.into(context)
