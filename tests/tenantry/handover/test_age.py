"""Files in age's format, opened with Debian's age."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tenantry.errors import InvalidInput
from tenantry.handover.age import Recipient, Sealer
from tests.support.tools import needs

CHUNK = 64 * 1024
KNOWN = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"  # of age's own test vectors


def identity(folder: Path, name: str = "key") -> tuple[Path, Recipient]:
    """A key of age's own."""
    needs(shutil.which("age") is not None and shutil.which("age-keygen") is not None, "age")
    path = folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout
    return path, Recipient(public)


def opened(path: Path, key: Path) -> bytes:
    return subprocess.run(["age", "-d", "-i", key, path], check=True, capture_output=True).stdout


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_age_opens_it(tmp_path: Path, size: int) -> None:
    key, recipient = identity(tmp_path)
    plain = os.urandom(size)
    sealer = Sealer([recipient])
    pieces = [sealer.begin(), *(sealer.update(plain[at : at + 7000]) for at in range(0, size, 7000)), sealer.finish()]
    (tmp_path / "sealed").write_bytes(b"".join(pieces))
    assert opened(tmp_path / "sealed", key) == plain


def test_each_recipient_opens_it_and_nobody_else(tmp_path: Path) -> None:
    (first, one), (second, two), (other, _) = (identity(tmp_path, name) for name in ("a", "b", "c"))
    sealer = Sealer([one, two])
    (tmp_path / "sealed").write_bytes(sealer.begin() + sealer.update(b"canary") + sealer.finish())
    assert b"canary" not in (tmp_path / "sealed").read_bytes()
    assert opened(tmp_path / "sealed", first) == opened(tmp_path / "sealed", second) == b"canary"
    with pytest.raises(subprocess.CalledProcessError):
        opened(tmp_path / "sealed", other)


@pytest.mark.parametrize(
    "text",
    [
        KNOWN[:-1] + "q",
        KNOWN[:20] + "A" + KNOWN[21:],
        KNOWN[:-4],
        "age1",
        "",
        "ssh-ed25519 AAAA",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    ],
)
def test_what_is_no_recipient_is_refused(text: str) -> None:
    Recipient(KNOWN)
    with pytest.raises(InvalidInput):
        Recipient(text)


def test_a_private_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        Recipient("AGE-SECRET-KEY-1CANARY")
    assert "CANARY" not in str(caught.value.as_dict())


def test_a_weak_point_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Recipient("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"[:62])


def test_nobody_to_seal_to_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Sealer([])
