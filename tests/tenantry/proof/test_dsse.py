from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, NotProven
from tenantry.proof.attest import check_attestation
from tenantry.proof.dsse import open_statement, read_statement, sign_statement, statement
from tenantry.proof.note import fingerprint, raw_public
from tenantry.proof.trust import TrustedKey, TrustStore

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = raw_public(KEY.public_key())
OTHER = raw_public(Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key())
SAID = statement("urn:tenantry:run:v1", {"run 1": "ab" * 32}, {"result": "pass", "record": {"keyEpoch": 1}})
ENVELOPE = sign_statement(SAID, KEY)


def test_a_statement_comes_back_with_its_signer() -> None:
    assert open_statement(ENVELOPE, [OTHER, PUBLIC]) == (SAID, PUBLIC)
    assert read_statement(ENVELOPE) == (SAID, fingerprint(PUBLIC))
    with pytest.raises(NotProven):
        open_statement(ENVELOPE, [OTHER])


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(ENVELOPE) * 8 - 1))
def test_no_bit_of_an_envelope_can_change(bit: int) -> None:
    """Those that no signature covers neither."""
    changed = bytearray(ENVELOPE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((NotProven, InvalidInput)):
        open_statement(bytes(changed), [PUBLIC, OTHER])


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", ENVELOPE + b" ", ENVELOPE[:-1]])
def test_what_is_no_envelope(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        open_statement(content, [PUBLIC])


def test_another_type_or_a_second_signature_is_not_ours() -> None:
    for change in (
        {"payloadType": "text/plain"},
        {"signatures": []},
        {"signatures": json.loads(ENVELOPE)["signatures"] * 2},
    ):
        document = {**json.loads(ENVELOPE), **change}
        with pytest.raises(InvalidInput):
            open_statement(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n", [PUBLIC])


class TestByItself:
    def trust(self, *keys: TrustedKey) -> TrustStore:
        return TrustStore({"tenantry.x": keys})

    def test_with_a_trusted_key(self) -> None:
        report = check_attestation(ENVELOPE, self.trust(TrustedKey(PUBLIC, 1)))
        assert (report["ok"], report["signer"], report["epoch"]) == (True, "established", 1)
        assert report["predicate"]["result"] == "pass"

    def test_without_a_key(self) -> None:
        report = check_attestation(ENVELOPE, None)
        assert (report["ok"], report["signer"]) == (False, "not_established")
        assert report["predicate"] == {}, "what nobody vouches for is not repeated"

    def test_with_another_key(self) -> None:
        report = check_attestation(ENVELOPE, self.trust(TrustedKey(OTHER, 1)))
        assert (report["ok"], report["signer"]) == (False, "wrong")

    def test_by_a_key_that_was_replaced_before(self) -> None:
        late = sign_statement({**SAID, "predicate": {"record": {"keyEpoch": 2}}}, KEY)
        report = check_attestation(late, self.trust(TrustedKey(PUBLIC, 1), TrustedKey(OTHER, 2, 9)))
        assert (report["ok"], report["signer"]) == (False, "wrong")
