from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretBytes

from tenantry.errors import VendorFault
from tenantry.handover.credentials import Credential, seal_credentials
from tests.tenantry.handover.test_age import identity, opened


async def given(*rows: Credential, broken: bool = False):
    for row in rows:
        yield row
    if broken:
        raise VendorFault("the store is away")


ROWS = [
    Credential("m365/app", "client_secret", SecretBytes(b"canary-1\xc3\xa4"), {"expires": "2027-01-01"}),
    Credential("ssh", "private_key", SecretBytes(b"\x00\xff"), {}),
]


async def test_the_client_reads_them_and_nobody_else(tmp_path: Path) -> None:
    key, recipient = identity(tmp_path)
    sealed = await seal_credentials(given(*ROWS), [recipient], tmp_path / "credentials.jsonl.age")
    raw = sealed.path.read_bytes()
    assert b"canary" not in raw
    assert (sealed.size, sealed.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert sealed.names == ("m365/app", "ssh")
    assert stat.S_IMODE(sealed.path.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in opened(sealed.path, key).splitlines()]
    assert [(row["value"], row["encoding"]) for row in rows] == [("canary-1ä", "utf-8"), ("AP8=", "base64")]
    assert rows[0]["facts"] == {"expires": "2027-01-01"}
    assert "canary" not in repr(ROWS)


async def test_half_a_list_is_no_file(tmp_path: Path) -> None:
    _, recipient = identity(tmp_path)
    with pytest.raises(VendorFault):
        await seal_credentials(given(*ROWS, broken=True), [recipient], tmp_path / "sealed.age")
    assert not (tmp_path / "sealed.age").exists()
