"""Sealing a value to a drop's public key, and opening it: what the browser does, and what the vault's side does.

::

    version (1 byte, 1) ‖ ephemeral public key (65, uncompressed P-256) ‖ nonce (12) ‖ AES-256-GCM ciphertext with its tag

    key   = HKDF-SHA256(ECDH(ephemeral, drop), salt = ephemeral ‖ drop's public key, info = "tenantry drop v1" ‖ NUL ‖ bound)
    bound = drop id ‖ NUL ‖ name, UTF-8; the associated data too
    plain = length (4, big-endian) ‖ value ‖ zeros up to a multiple of 256

Both public keys and what it is for go into the key, so a sealed value opens in its own drop and under its own name alone.
Padding keeps the length of a password from those who only see it pass. All of it is what every browser has (W3C Web
Cryptography API, ECDH, HKDF, AES-GCM); the classes here are `cryptography`'s.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from pydantic import SecretBytes

from tenantry.errors import InvalidInput, SecretUnreadable

__all__ = ["MAX_SEALED", "MAX_VALUE", "Opening", "Sealing", "new_key", "open_sealed", "public_of", "seal"]

MAX_VALUE: Final = 1_048_576
"""Bytes of a value: what the vault takes."""
_VERSION: Final = b"\x01"
_POINT: Final = 65
_NONCE: Final = 12
_TAG: Final = 16
_BLOCK: Final = 256
_LENGTH: Final = 4
_HEAD: Final = len(_VERSION) + _POINT + _NONCE
_REMEMBERED: Final = 16
"""Exchanges that are not made again."""
MAX_SEALED: Final = _HEAD + -(-(MAX_VALUE + _LENGTH) // _BLOCK) * _BLOCK + _TAG
"""Bytes of the longest sealed value."""


def new_key() -> tuple[SecretBytes, bytes]:
    """A key pair for one drop: the private half (PKCS #8, DER), and the public one as an uncompressed point."""
    made = ec.generate_private_key(ec.SECP256R1())
    private = made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SecretBytes(private), _point(made.public_key())


def public_of(private: SecretBytes) -> bytes:
    """The public half of a key.

    Raises:
        SecretUnreadable: not a key of `new_key`.
    """
    return _point(_loaded(private).public_key())


def seal(value: bytes, public: bytes, drop: str, name: str) -> bytes:
    """A value as the browser seals it: for tests, and for clients without one.

    Raises:
        InvalidInput: empty, too long, or not a public key.
    """
    return Sealing(public).seal(value, drop, name)


class Sealing:
    """Values that are sealed to the same key at the same time: one ephemeral key for all of them, and for each a key of its own, because
    what it is for goes into that. The exchange is most of what sealing a small value costs.

    Raises:
        InvalidInput: not a public key.
    """

    def __init__(self, public: bytes) -> None:
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        self._public = public
        self._mine = _point(ephemeral.public_key())
        self._shared = ephemeral.exchange(ec.ECDH(), _public(public))

    def seal(self, value: bytes, drop: str, name: str) -> bytes:
        """As `seal`. Twice for the same drop and name does no harm: nonces are random."""
        if not 0 < len(value) <= MAX_VALUE:
            raise InvalidInput(f"a credential has 1 to {MAX_VALUE} bytes", place="value")
        nonce, bound = secrets.token_bytes(_NONCE), _bound(drop, name)
        key = _key(self._shared, self._mine, self._public, bound)
        whole = len(value).to_bytes(_LENGTH, "big") + value
        padded = whole + bytes(-len(whole) % _BLOCK)
        return _VERSION + self._mine + nonce + AESGCM(key).encrypt(nonce, padded, bound)


def open_sealed(sealed: bytes, private: SecretBytes, drop: str, name: str) -> SecretBytes:
    """The value.

    Raises:
        InvalidInput: it was not sealed for this drop and name, or was altered; why is not said.
        SecretUnreadable: the private key is none.
    """
    return Opening(private).open(sealed, drop, name)


class Opening:
    """Opens many that were sealed to one key; those that were sealed together (`Sealing`) take one exchange.

    Raises:
        SecretUnreadable: the private key is none.
    """

    def __init__(self, private: SecretBytes) -> None:
        self._key = _loaded(private)
        self._mine = _point(self._key.public_key())
        self._shared: dict[bytes, bytes] = {}

    def open(self, sealed: bytes, drop: str, name: str) -> SecretBytes:
        """As `open_sealed`."""
        if not _HEAD + _BLOCK + _TAG <= len(sealed) <= MAX_SEALED or sealed[:1] != _VERSION:
            raise _unopened()
        theirs, nonce = sealed[1 : 1 + _POINT], sealed[1 + _POINT : _HEAD]
        bound = _bound(drop, name)
        try:
            padded = AESGCM(_key(self._exchanged(theirs), theirs, self._mine, bound)).decrypt(
                nonce, sealed[_HEAD:], bound
            )
        except InvalidTag:
            raise _unopened() from None
        length = int.from_bytes(padded[:_LENGTH], "big")
        if not 0 < length <= min(len(padded) - _LENGTH, MAX_VALUE):
            raise _unopened()
        return SecretBytes(padded[_LENGTH : _LENGTH + length])

    def _exchanged(self, theirs: bytes) -> bytes:
        found = self._shared.get(theirs)
        if found is None:
            found = self._key.exchange(ec.ECDH(), _public(theirs))
            while len(self._shared) >= _REMEMBERED:
                del self._shared[next(iter(self._shared))]
            self._shared[theirs] = found
        return found


def _bound(drop: str, name: str) -> bytes:
    return f"{drop}\0{name}".encode()


def _key(shared: bytes, ephemeral: bytes, public: bytes, bound: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=ephemeral + public, info=b"tenantry drop v1\0" + bound).derive(
        shared
    )


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    """Raises InvalidInput: not a point of the curve."""
    try:
        if len(point) != _POINT:
            raise _unopened()
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise _unopened() from None


def _loaded(private: SecretBytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_der_private_key(private.get_secret_value(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SecretUnreadable("the key of a drop is not one", remedy="Withdraw the drop and make another.")
    return key


def _unopened() -> InvalidInput:
    return InvalidInput(
        "it was not sealed for this", place="sealed", remedy="Load the page anew and hand it over again."
    )
