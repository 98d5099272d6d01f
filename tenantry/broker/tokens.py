"""Who may ask the broker for what: grants, and the signed tokens that carry them.

A token is ``base64url(JSON) . base64url(HMAC-SHA256)``. Its key comes from the estate's own (`Vault.subkey`), so a broker that
was started again knows the tokens of the one before, and nobody without the master key can make one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from tenantry.errors import NotAuthenticated
from tenantry.journal.lease import process

__all__ = ["LIFE", "Grant", "Role", "read", "sign"]

LIFE: Final = 12 * 3600.0
"""Seconds a grant lasts: longer than any process of a run should live; a run that waits for people has none."""

Role = Literal["run", "reader", "console", "supervisor"]
"""``run``: one tenant's secrets and keys. ``reader``: the keys of every tenant's record and evidence, no secret. ``console``: hands
in what contacts sealed, and asks whether their codes are right; it is given no secret and no key.
``supervisor``: makes grants, and reads the record."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted.

    Attributes:
        id: names it in the record; no secret.
        run: the run, for the role ``run``.
        tenant: its tenant.
        owner: the process that may use it (`tenantry.journal.lease.process`); None: the first that does.
        until: Unix time, seconds.
    """

    id: str
    role: Role
    run: str | None
    tenant: str | None
    owner: str | None
    until: float

    @classmethod
    def make(
        cls,
        role: Role,
        *,
        run: str | None = None,
        tenant: str | None = None,
        pid: int | None = None,
        life: float = LIFE,
    ) -> Grant:
        """A new one, of now.

        Raises:
            NotAuthenticated: there is no process of this id.
        """
        owner = None
        if pid is not None:
            owner = process(pid)
            if owner is None:
                raise NotAuthenticated(f"there is no process {pid}", remedy="Grant to a process that runs.")
        return cls(secrets.token_hex(8), role, run, tenant, owner, time.time() + min(max(life, 1.0), 7 * LIFE))


def sign(grant: Grant, key: bytes) -> str:
    """The token of a grant."""
    body = json.dumps(asdict(grant), separators=(",", ":"), sort_keys=True).encode()
    return f"{_text(body)}.{_text(_mac(body, key))}"


def read(token: str, key: bytes) -> Grant:
    """The grant of a token.

    Raises:
        NotAuthenticated: not one of this estate, altered, or expired.
    """
    try:
        body, _, mac = token.partition(".")
        raw = _bytes(body)
        if not hmac.compare_digest(_mac(raw, key), _bytes(mac)):
            raise _unknown()
        fields: dict[str, Any] = json.loads(raw)
        grant = Grant(**fields)
    except (binascii.Error, ValueError, TypeError):
        raise _unknown() from None
    if grant.until < time.time():
        raise NotAuthenticated("the token has expired", remedy="Start the run's process again.")
    return grant


def _unknown() -> NotAuthenticated:
    return NotAuthenticated("not a token of this broker", remedy="Only the service hands out tokens.")


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
