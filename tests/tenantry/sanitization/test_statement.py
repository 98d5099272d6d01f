"""What may be attested, and that what was signed can be checked without us."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry.errors import NotProven
from tenantry.proof.attest import check_attestation
from tenantry.proof.dsse import sign_statement, statement
from tenantry.proof.note import pem, raw_public
from tenantry.proof.trust import TrustedKey, TrustStore
from tenantry.sanitization import KIND, said, subject_of, withheld
from tenantry.sanitization.model import EraseKeys, Legal, Retained, Validation, Verification
from tests.tenantry.sanitization.sample import certificate, location, person

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = raw_public(KEY.public_key())
TRUST = TrustStore({"tenantry.x": (TrustedKey(PUBLIC, 1),)})


def law(**more: object) -> Legal:
    return Legal.model_validate(
        {"basis": "GDPR 17", "controller_choice": "delete", "hold_checked": True, "hold_in_force": False, **more}
    )


def verified(result: str, *evidence: str) -> Verification:
    return Verification(method="asked", scope="all", result=result, evidence=evidence)


def test_what_is_known_is_signed_with_the_weakest_method() -> None:
    made = said(certificate())
    assert made["predicate"]["methodAchieved"] == "partial"
    assert made["subject"] == [{"name": "inventory", "digest": {"sha256": subject_of(made["predicate"]["locations"])}}]
    assert made["predicate"]["legal"]["retained"][0]["until"] == "2036-12-31"
    assert "unrecoverable" not in json.dumps(made)


UNSAFE = {
    "unknown": ({"locations": (location("a", verification=verified("unknown", "ab" * 32)),)}, "not known"),
    "failed": ({"locations": (location("a", verification=verified("fail", "ab" * 32)),)}, "failed"),
    "no evidence": ({"locations": (location("a", verification=verified("pass")),)}, "nothing in the record"),
    "unreached": ({"unreached": ("backups at vendor X",)}, "backups at vendor X"),
    "twice": ({"locations": (location("a"), location("a"))}, "more than once"),
    "cloud called clear": ({"locations": (location("a", method_achieved="clear"),)}, "somebody else's"),
    "disk without serial": ({"locations": (location("a", custody="own", method_achieved="purge"),)}, "serial"),
    "after issue": ({"issued_at": datetime(2026, 5, 4, 9, 30, tzinfo=UTC)}, "after the certificate"),
    "no hold check": ({"legal": law(hold_checked=False)}, "legal hold"),
    "hold unknown": ({"legal": law(hold_in_force=None)}, "legal hold"),
    "hold, nothing kept": ({"legal": law(hold_in_force=True)}, "nothing is listed"),
    "nothing returned": ({"legal": law(controller_choice="return")}, "no accepted package"),
    "overdue": (
        {"legal": law(retained=(Retained(what="x", where="y", law="z", until=date(2026, 5, 3)),))},
        "still there",
    ),
    "no record": ({"journal": None}, "record"),
    "rejected": ({"validation": Validation(decision="rejected", basis="one disk is missing")}, "one disk is missing"),
    "nobody verified": ({"people": (person("performer", "A B"), person("validator", "C D"))}, "verified"),
    "own verifier": (
        {"people": (person("performer", "A B"), person("verifier", "a b"), person("validator", "C D"))},
        "verifier is who performed",
    ),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_nothing_open_is_signed_and_it_is_said_what(case: str) -> None:
    change, why = UNSAFE[case]
    with pytest.raises(NotProven) as caught:
        said(certificate(**change))
    assert why in caught.value.detail["withheld"]


@pytest.mark.parametrize("copies", [(None, False), (True, False), (False, None), (False, True)])
def test_a_cryptographic_erasure_counts_only_without_any_copy_of_the_key(
    copies: tuple[bool | None, bool | None],
) -> None:
    keys = EraseKeys(ids=("k",), escrowed_or_backed_up=copies[0], ever_plaintext=copies[1])
    one = location("a", custody="own", method_achieved="purge", keys=keys)
    assert any("copy of the key" in why for why in withheld(certificate(locations=(one,))))
    honest = location("a", custody="own", method_achieved="partial", keys=keys)
    assert withheld(certificate(locations=(honest,))) == []


def test_every_open_point_is_named() -> None:
    change = {"journal": None, "unreached": ("a", "b"), "people": ()}
    assert len(withheld(certificate(**change))) == 6


class TestVerified:
    envelope = sign_statement(said(certificate()), KEY)

    def test_by_us(self) -> None:
        report = check_attestation(self.envelope, TRUST)
        assert (report["ok"], report["predicateType"]) == (True, KIND)
        assert "partial" in report["predicate"]["result"]

    def test_by_securesystemslib(self) -> None:
        from securesystemslib.dsse import Envelope
        from securesystemslib.signer import SSlibKey

        envelope = Envelope.from_dict(json.loads(self.envelope))
        (keyid,) = envelope.signatures
        envelope.verify([SSlibKey(keyid, "ed25519", "ed25519", {"public": PUBLIC.hex()})], 1)

    def test_by_openssl_alone(self, tmp_path: Path) -> None:
        """The pre-authentication encoding is four fields and two lengths: it needs no library."""
        document = json.loads(self.envelope)
        payload = base64.b64decode(document["payload"])
        kind = document["payloadType"].encode()
        (tmp_path / "pae").write_bytes(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
        (tmp_path / "sig").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
        (tmp_path / "key.pem").write_text(pem(PUBLIC))
        verify = [
            "openssl",
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "key.pem",
            "-rawin",
            "-in",
            "pae",
            "-sigfile",
            "sig",
        ]
        subprocess.run(verify, check=True, cwd=tmp_path, capture_output=True)
        (tmp_path / "pae").write_bytes((tmp_path / "pae").read_bytes().replace(b"partial", b"destroy", 1))
        assert subprocess.run(verify, cwd=tmp_path, capture_output=True).returncode == 1

    def test_the_subject_by_hand(self) -> None:
        payload = json.loads(base64.b64decode(json.loads(self.envelope)["payload"]))
        plain = json.dumps(payload["predicate"]["locations"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert payload["subject"][0]["digest"]["sha256"] == hashlib.sha256(plain.encode()).hexdigest()


@pytest.mark.parametrize("how", ["subject", "method", "unknown", "shape"])
def test_a_signer_of_another_mind_is_found_by_who_verifies(how: str) -> None:
    good = said(certificate())
    predicate = json.loads(json.dumps(good["predicate"]))
    subject = good["subject"][0]["digest"]["sha256"]
    if how == "subject":
        subject = "00" * 32
    elif how == "method":
        predicate["methodAchieved"] = "purge"
    elif how == "shape":
        del predicate["people"]
    else:
        predicate["locations"][0]["verification"]["result"] = "unknown"
        subject = subject_of(predicate["locations"])
    report = check_attestation(sign_statement(statement(KIND, {"inventory": subject}, predicate), KEY), TRUST)
    assert report["ok"] is False
    assert report["why"]
    assert report["predicate"] == {}
