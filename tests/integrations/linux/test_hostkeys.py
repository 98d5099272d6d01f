"""A host proves itself by a key that was known, or by a certificate of a known authority; nothing else gets in."""

from __future__ import annotations

import pytest

from integrations.linux.hostkeys import KnownHost, blob_of, certificate_expiry, fingerprint
from tenantry.errors import SignInFailed
from tests.support.hosts import Key

HOST, OTHER, CA, OTHER_CA = (Key() for _ in range(4))
NAMES = ("web1", "10.0.0.1")


def cert(*names: str, authority: Key = CA, host: bool = True, **more) -> bytes:
    return blob_of(authority.certify(HOST, *(names or ("web1",)), host=host, **more).decode())


def known(*keys: Key, authority: Key | None = CA) -> KnownHost:
    authorities = (blob_of(authority.public),) if authority else ()
    return KnownHost(NAMES, tuple(blob_of(key.public) for key in keys), authorities)


def test_a_known_key() -> None:
    known(OTHER, HOST).verify(blob_of(HOST.public))


def test_an_unknown_key_is_refused_with_its_fingerprint() -> None:
    with pytest.raises(SignInFailed) as refused:
        known(authority=None).verify(blob_of(HOST.public))
    assert HOST.fingerprint in refused.value.message
    assert refused.value.detail["fingerprint"] == HOST.fingerprint


def test_a_changed_key_is_refused_with_both_fingerprints() -> None:
    with pytest.raises(SignInFailed) as refused:
        known(OTHER).verify(blob_of(HOST.public))
    assert HOST.fingerprint in refused.value.message
    assert OTHER.fingerprint in refused.value.message


@pytest.mark.parametrize("names", [("web1",), ("10.0.0.1",), ("x", "web1")])
def test_a_certificate_of_the_authority(names: tuple[str, ...]) -> None:
    known().verify(cert(*names))


def tampered(blob: bytes) -> bytes:
    """With one bit of its signature turned."""
    return blob[:-1] + bytes([blob[-1] ^ 1])


@pytest.mark.parametrize(
    "wrong",
    [
        cert("web2"),
        cert(authority=OTHER_CA),
        cert(host=False),
        cert(after=-600, before=-60),
        cert(after=6000, before=9000),
        tampered(cert()),
    ],
    ids=["another host's", "another authority's", "a user's", "expired", "not yet", "tampered with"],
)
def test_a_certificate_that_does_not_hold(wrong: bytes) -> None:
    with pytest.raises(SignInFailed):
        known().verify(wrong)


def test_a_certificate_without_an_authority_in_the_file() -> None:
    with pytest.raises(SignInFailed):
        known(authority=None).verify(cert())


def test_the_key_inside_a_certificate_is_not_enough() -> None:
    with pytest.raises(SignInFailed):
        known(HOST, authority=None).verify(cert())


@pytest.mark.parametrize(
    "wrong",
    ["", "AAAA", "ssh-ed25519", pytest.param("ssh-rsa " + HOST.public.split()[1], id="kind"), "ssh-ed25519 AAAA!"],
)
def test_what_is_no_key(wrong: str) -> None:
    with pytest.raises(ValueError):
        blob_of(wrong)


def test_fingerprints_are_openssh_s() -> None:
    assert fingerprint(b"").startswith("SHA256:47DEQpj8HBSa")


def test_when_a_certificate_ends() -> None:
    ends = certificate_expiry(CA.certify(HOST, "responder", host=False, before=1000))
    assert ends is not None
    assert certificate_expiry(HOST.public.encode()) is None
    assert certificate_expiry(b"nonsense") is None
