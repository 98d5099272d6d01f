"""A person of the MSP, the proof that it is really them, and what they enrol with. Values only; :mod:`tenantry.people` keeps
and checks them."""

from __future__ import annotations

import io
import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import segno
from pydantic import SecretStr

from tenantry.clock import rfc3339
from tenantry.names import ROLES, Role

__all__ = ["EVERY_TENANT", "Authenticated", "Enrollment", "Person", "act_purpose", "person_of"]

EVERY_TENANT: Final = "*"


@dataclass(frozen=True, slots=True)
class Person:
    """One person as the estate knows them. ``tenants`` holds names, or ``*`` alone for every tenant and the estate."""

    id: str
    name: str
    email: str
    roles: frozenset[Role]
    tenants: frozenset[str]
    added_at: datetime
    granted_at: datetime
    """When their roles or tenants were last widened."""
    enrolled_at: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def effective_since(self) -> datetime | None:
        """Since when they could prove who they are with all they may do now; None when not enrolled. What began before
        is not theirs to approve."""
        return None if self.enrolled_at is None else max(self.enrolled_at, self.granted_at)

    def covers(self, tenant: str) -> bool:
        """Whether they may touch this tenant (``_msp``: the estate itself)."""
        return EVERY_TENANT in self.tenants or tenant in self.tenants

    def as_dict(self) -> dict[str, Any]:
        """JSON shape, for lists."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "roles": [role for role in ROLES if role in self.roles],
            "tenants": sorted(self.tenants),
            "added_at": rfc3339(self.added_at),
            "enrolled_at": rfc3339(self.enrolled_at) if self.enrolled_at else None,
            "disabled_at": rfc3339(self.disabled_at) if self.disabled_at else None,
        }


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A person proved who they are, once, at that time, for that purpose. Made by `People.authenticate` alone."""

    person: Person
    at: datetime
    method: str
    purpose: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What the person's authenticator app needs; shown once, kept in the vault only."""

    person: str
    otpauth_uri: SecretStr

    def qr_text(self) -> str:
        """The URI as a QR code in block characters, for a terminal. It holds the secret as the URI does."""
        out = io.StringIO()
        segno.make(self.otpauth_uri.get_secret_value(), error="m").terminal(out, compact=True)
        return out.getvalue()


def act_purpose(act: str, person: str) -> str:
    """The purpose that binds a proof to one act on one person: ``enroll``, ``disable``, ``enable``, ``change`` or
    ``unlock``. Authenticate for it, then hand the result to that method as ``by``."""
    return f"people.{act}:{person}"


def person_of(row: sqlite3.Row) -> Person:
    """The person that a row of ``people`` holds."""

    def time(column: str) -> datetime | None:
        return datetime.fromisoformat(row[column]) if row[column] else None

    return Person(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        roles=cast("frozenset[Role]", frozenset(json.loads(row["roles"]))),
        tenants=frozenset(json.loads(row["tenants"])),
        added_at=datetime.fromisoformat(row["added_at"]),
        granted_at=datetime.fromisoformat(row["granted_at"]),
        enrolled_at=time("enrolled_at"),
        disabled_at=time("disabled_at"),
    )
