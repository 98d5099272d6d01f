"""The contract of a secret store: where the values of a tenant's secrets lie, each under ``tenant/name`` and a version.

::

    Vault (keys, who may read, what is recorded)
      ├─ embedded     tenantry.embedded            vault.db, AES-256-GCM under the tenant's key
      └─ by estate.yaml, ``secret_stores``         integrations/openbao, integrations/aws_secrets, integrations/azure_keyvault

Only the process that holds the master key opens a store (the broker, or the command line): the store's own credential is a secret
of the estate, in the embedded store. A run knows references alone and never learns which store its secrets lie in.

Calls are synchronous, as the vault's; callers in an event loop go through a thread. Each has a timeout of its own.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretBytes, ValidationError

from tenantry.clock import rfc3339
from tenantry.errors import Conflict, InvalidInput, NotFound, SecretUnreadable
from tenantry.names import SecretRef

__all__ = [
    "CANDIDATES",
    "EMBEDDED",
    "MAX_SECRET",
    "Deletion",
    "Facts",
    "Opened",
    "SecretStore",
    "SecretVersion",
    "StoreCheck",
    "StoreOpener",
    "absent",
    "check_expected",
    "seal_facts",
    "unseal_facts",
    "unwrap_value",
    "wrap_value",
]

EMBEDDED: Final = "embedded"
"""The name of the store that every installation has."""
CANDIDATES: Final = "rotations/"
"""How names begin under which new credentials wait to be proven: ``rotations/<provider>/<secret>``."""
MAX_SECRET: Final = 1_048_576
"""Bytes. A store may take less, and says so by InvalidInput."""
_MAX_METADATA: Final = 2_000
_CHUNK: Final = 250
_CHUNKS: Final = 12
"""The narrowest of the stores is Azure Key Vault: 15 tags of 256 characters."""


class Facts(BaseModel):
    """What is said beside a secret. It stands in clear in every store, so nothing secret.

    Attributes:
        kind: what it is: ``password``, ``client_secret``, ``certificate``, ``api_token``, ``totp_seed`` …
        expires_at: when the service stops taking it; a reminder, not a lock.
        rotate_at: when it is to be replaced, at the latest.
        metadata: an application's id, a thumbprint, the id of the credential at the service.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[str, Field(max_length=64)] = "opaque"
    expires_at: AwareDatetime | None = None
    rotate_at: AwareDatetime | None = None
    metadata: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        kind: str = "opaque",
        expires_at: datetime | None = None,
        rotate_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Facts:
        """The same, refused by name.

        Raises:
            InvalidInput: a time without zone, too much metadata, a kind beyond 64 characters.
        """
        for name, value in (("expires_at", expires_at), ("rotate_at", rotate_at)):
            if value is not None and value.tzinfo is None:
                raise InvalidInput("needs a time zone", place=name)
        given = dict(metadata or {})
        if len(kind) > 64 or (given and len(json.dumps(given, ensure_ascii=False).encode()) > _MAX_METADATA):
            raise InvalidInput(f"at most {_MAX_METADATA} bytes of metadata, 64 characters of kind", place="metadata")
        return cls(kind=kind, expires_at=expires_at, rotate_at=rotate_at, metadata=given)


class SecretVersion(NamedTuple):
    """What is known of a stored secret without opening it. Of older versions network stores know number and time alone: the rest
    is then the secret's as it is now. (A tuple: lists of thousands are made of it.)"""

    tenant: str
    name: str
    version: int
    kind: str
    created_at: datetime
    expires_at: datetime | None = None
    rotate_at: datetime | None = None
    metadata: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of(cls, tenant: str, name: str, version: int, created_at: datetime, facts: Facts) -> SecretVersion:
        return cls(
            tenant=tenant,
            name=name,
            version=version,
            kind=facts.kind,
            created_at=created_at,
            expires_at=facts.expires_at,
            rotate_at=facts.rotate_at,
            metadata=facts.metadata,
        )

    @property
    def ref(self) -> SecretRef:
        return SecretRef(self.tenant, self.name)

    @property
    def facts(self) -> Facts:
        return Facts(kind=self.kind, expires_at=self.expires_at, rotate_at=self.rotate_at, metadata=dict(self.metadata))


class Deletion(BaseModel):
    """What a deletion came to.

    Attributes:
        versions: how many went.
        proven: they were looked for afterwards and are not there, nor can the store bring them back.
        recoverable_until: until when the store itself can bring them back (purge protection, recovery window).
        how: the proof in words.
    """

    model_config = ConfigDict(frozen=True)

    versions: int
    proven: bool
    recoverable_until: datetime | None = None
    how: str = ""


class Opened(NamedTuple):
    """A secret, opened. ``repr`` shows stars."""

    version: int
    value: SecretBytes


class StoreCheck(BaseModel):
    """Whether a store can be used, by use.

    Attributes:
        ok: it answers, is open, and takes our credential.
        problems: one sentence each, with what to do.
        facts: what else is worth showing.
    """

    ok: bool
    problems: tuple[str, ...] = ()
    facts: Mapping[str, Any] = Field(default_factory=dict)


class SecretStore(Protocol):
    """A place for secrets. Safe between threads. Nothing it holds of one tenant is reached under another's name.

    Every method may raise:
        StoreUnavailable: the store does not answer, is sealed, or is not the leader just now; nothing was done (retryable).
        InDoubt: a write was sent and its answer never came. Repeating `put` with ``expect`` tells what happened: Conflict.
        SignInFailed, PermissionMissing: it refuses our credential, or this call.
        NotFound: no such secret or version.
        SecretUnreadable: what lies there is not ours, damaged, or another tenant's or name's.
    """

    vendor: str
    keeps: int | None
    """How many versions of a secret it keeps; None: all."""

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> SecretVersion:
        """Store the next version.

        Args:
            expect: the version that must be the newest now; 0: there must be none. None: whatever is there.

        Raises:
            Conflict: another version is the newest.
            InvalidInput: the store does not take a secret of this size or name.
        """
        ...

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        """Open one version, the newest unless one is named."""
        ...

    def list(self, tenant: str) -> builtins.list[SecretVersion]:
        """The newest version of each secret of a tenant, by name."""
        ...

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        """Every version that can still be opened, the newest first; empty when there is none."""
        ...

    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        """Delete a secret or one version for good, then look whether it is gone.

        Raises:
            Refused: this store does not delete single versions.
        """
        ...

    def check(self) -> StoreCheck:
        """Whether it can be used. Raises nothing of the above: problems are in the answer."""
        ...

    def close(self) -> None: ...


EstateSecret = Callable[[SecretRef], SecretBytes]
"""A reference to one of the estate's secrets → its value, at the moment it is needed."""
StoreOpener = Callable[[str, EstateSecret], SecretStore]
"""Name of a store in estate.yaml → the store, signed in at first use. Raises InvalidTenant for one that is not there."""


# --- what stores refuse -----------------------------------------------------------------------------------------------


def check_expected(tenant: str, name: str, newest: int, expect: int | None) -> None:
    """Check-and-set: raises Conflict where the newest version is another than the one that was expected."""
    if expect is not None and newest != expect:
        raise Conflict(f"{name} of {tenant} has version {newest} by now, not {expect}")


def absent(tenant: str, name: str, version: int | None = None, store: str = EMBEDDED) -> NotFound:
    """There is no such secret, or no such version of it."""
    which = f" version {version}" if version is not None else ""
    where = "" if store == EMBEDDED else f" in {store}"
    return NotFound(f"no secret {name}{which} for {tenant}{where}")


# --- for stores that keep texts and tags ------------------------------------------------------------------------------


def seal_facts(facts: Facts, version: int) -> dict[str, str]:
    """Facts of a version as short tags of letters, digits, ``-`` and ``_``, which every store takes.

    Raises:
        InvalidInput: too much.
    """
    text = facts.model_dump_json(exclude_defaults=True).encode()
    packed = base64.urlsafe_b64encode(text).decode().rstrip("=")
    chunks = [packed[at : at + _CHUNK] for at in range(0, len(packed), _CHUNK)]
    if len(chunks) > _CHUNKS:
        raise InvalidInput(f"at most {_MAX_METADATA} bytes of metadata", place="metadata")
    return {"version": str(version), **{f"facts-{number}": chunk for number, chunk in enumerate(chunks)}}


def unseal_facts(tags: Mapping[str, str]) -> tuple[int, Facts] | None:
    """Version and facts of such tags; None when they are not ours."""
    try:
        version = int(tags["version"])
        packed = "".join(tags[f"facts-{number}"] for number in range(_CHUNKS) if f"facts-{number}" in tags)
        text = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return version, Facts.model_validate_json(text)
    except (KeyError, ValueError, ValidationError):
        return None


def wrap_value(tenant: str, name: str, value: bytes, facts: Facts, created_at: datetime) -> dict[str, Any]:
    """A secret as the JSON object that lies in a store: it says whose it is, so that one moved to another path is not opened."""
    try:
        shown = {"value": value.decode("utf-8")}
    except UnicodeDecodeError:
        shown = {"value_base64": base64.b64encode(value).decode()}
    return {
        "tenant": tenant,
        "name": name,
        "created_at": rfc3339(created_at),
        "facts": facts.model_dump(mode="json", exclude_defaults=True),
        **shown,
    }


def unwrap_value(tenant: str, name: str, found: Any) -> tuple[bytes, Facts]:
    """Value and facts of :func:`wrap_value`.

    Raises:
        SecretUnreadable: not such an object, or another tenant's or name's. Nothing of it is repeated.
    """
    if not isinstance(found, dict) or (found.get("tenant"), found.get("name")) != (tenant, name):
        raise SecretUnreadable(f"what the store holds as {name} of {tenant} is not this secret")
    problem = False
    value = b""
    facts = Facts()
    try:
        facts = Facts.model_validate(found.get("facts") or {})
        if isinstance(found.get("value"), str):
            value = found["value"].encode()
        else:
            value = base64.b64decode(found["value_base64"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):  # may carry the value, so nothing is chained to it
        problem = True
    if problem:
        raise SecretUnreadable(f"what the store holds as {name} of {tenant} is damaged")
    return value, facts
