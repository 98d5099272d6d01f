from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry.errors import InvalidInput
from tenantry.proof.note import pem, raw_public
from tenantry.proof.trust import TrustedKey, TrustStore, key_document, parse_keys


def public(seed: int) -> bytes:
    return raw_public(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key())


KEYS = (
    TrustedKey(public(1), 1, 4, "2026-01-01T00:00:00.000000Z"),
    TrustedKey(public(2), 2, 90, "2027-01-01T00:00:00Z"),
)
DOCUMENT = key_document("tenantry.x", KEYS)


def test_a_key_is_in_force_from_its_entry_to_the_next_keys() -> None:
    store = parse_keys(DOCUMENT)
    assert store.key_at("tenantry.x", 3) is None
    assert store.key_at("tenantry.x", 4) == KEYS[0]
    assert store.key_at("tenantry.x", 89) == KEYS[0]
    assert store.key_at("tenantry.x", 90) == KEYS[1]
    assert store.key_at("tenantry.y", 90) is None
    assert store.known(public(2)) == KEYS[1]
    assert store.known(public(3)) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    assert TrustStore.read(tmp_path / "own.json") == parse_keys(DOCUMENT) == TrustStore.folder(tmp_path)
    assert TrustStore.folder(tmp_path / "none").keys == {}


def test_public_keys_in_pem(tmp_path: Path) -> None:
    (tmp_path / "keys.pem").write_text(pem(public(1)) + "\n" + pem(public(2)), encoding="ascii")
    store = TrustStore.read(tmp_path / "keys.pem")
    assert [key.public for key in store.bare()] == [public(1), public(2)]
    assert [key.epoch for key in store.bare()] == [None, None]


def _changed(**more: Any) -> Any:
    document = json.loads(json.dumps(DOCUMENT))
    document["keys"][0].update(more)
    return document


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {**DOCUMENT, "format": "tenantry-keys/2"},
        {**DOCUMENT, "keys": []},
        {**DOCUMENT, "keys": DOCUMENT["keys"][::-1]},
        {**DOCUMENT, "keys": DOCUMENT["keys"][1:]},
        {**DOCUMENT, "origin": ""},
        {**DOCUMENT, "more": 1},
        _changed(fingerprint="0" * 64),
        _changed(public_key="AAAA"),
        _changed(from_index=91),
        _changed(pem=pem(public(3))),
        _changed(more=1),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InvalidInput):
        TrustStore.read(path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(InvalidInput):
        TrustStore.read(path)
    with pytest.raises(InvalidInput):
        TrustStore.read(tmp_path / "none")
