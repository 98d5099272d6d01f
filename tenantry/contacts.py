"""Contacts of clients who prove who they are: enrolled with a one-time code of their own, as the MSP's people are.

Voice is no proof, nor is an address that mail comes from. A contact who was enrolled beforehand shows the code of their
authenticator app (RFC 6238), on the telephone or on a page; the proof is bound to a purpose and lasts a quarter of an hour. A code
is accepted once, and never one older than the last accepted. Five wrong ones in a row lock the contact for 15 minutes, then 30,
60 … up to 4 hours, until a right one.

The seeds are secrets of the client's own vault (``contacts/<id>/totp``), so they go with its key. Which contacts there are stands in
``tenants/<name>.yaml``; here is only who was enrolled, and when.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyotp
from pydantic import SecretStr

from tenantry.clock import rfc3339
from tenantry.errors import NotAuthenticated, NotFound
from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.names import check_tenant
from tenantry.onetime import FIRST_LOCK, LONGEST_LOCK, MAX_FAILURES, STEP_SECONDS
from tenantry.person import Enrollment
from tenantry.vault import Vault

__all__ = ["PROOF_LIFE", "Caller", "Contacts", "Enrolled"]

PROOF_LIFE: Final = timedelta(minutes=15)
"""How long a proof is good for its purpose."""
OnEvent = Callable[[str, str, dict[str, Any]], None]
"""``(tenant, event, payload)``: ``caller.enrolled``, ``.disabled``, ``.verified``, ``.refused``, ``.locked``, ``.unlocked``."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS contacts (
    tenant TEXT NOT NULL, id TEXT NOT NULL, enrolled_at TEXT NOT NULL, verified_at TEXT,
    secret_version INTEGER NOT NULL, last_step INTEGER,
    failures INTEGER NOT NULL DEFAULT 0, locks INTEGER NOT NULL DEFAULT 0, locked_until TEXT,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE IF NOT EXISTS proofs (
    tenant TEXT NOT NULL, contact TEXT NOT NULL, purpose TEXT NOT NULL, method TEXT NOT NULL, at TEXT NOT NULL,
    until TEXT NOT NULL, PRIMARY KEY (tenant, contact, purpose)
) STRICT, WITHOUT ROWID
"""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A contact who has a code. ``locked_until``: after too many wrong ones."""

    tenant: str
    contact: str
    enrolled_at: datetime
    verified_at: datetime | None
    locked_until: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """JSON shape, for lists."""
        return {
            "tenant": self.tenant,
            "contact": self.contact,
            "enrolled_at": rfc3339(self.enrolled_at),
            "verified_at": rfc3339(self.verified_at) if self.verified_at else None,
            "locked_until": rfc3339(self.locked_until) if self.locked_until else None,
        }


@dataclass(frozen=True, slots=True)
class Caller:
    """A contact proved who they are, for that purpose, until that time."""

    tenant: str
    contact: str
    purpose: str
    method: str
    at: datetime
    until: datetime

    def as_dict(self) -> dict[str, Any]:
        """JSON shape."""
        return {
            "tenant": self.tenant,
            "contact": self.contact,
            "purpose": self.purpose,
            "method": self.method,
            "verified_at": rfc3339(self.at),
            "expires_at": rfc3339(self.until),
        }


class Contacts:
    """Enrolment and proof, in ``contacts.db``. Counters and time-steps are changed under SQLite's write lock, so they hold
    between processes. Every method may raise `RecordError`; what ``on_event`` raises stops the act.

    Args:
        vault: opened.
        on_event: told of every act and attempt.
        clock: the current time, aware.
        issuer: what authenticator apps show above the code.
    """

    def __init__(
        self,
        home: Home,
        vault: Vault,
        on_event: OnEvent,
        clock: Callable[[], datetime] = _now,
        *,
        issuer: str = "Tenantry",
    ) -> None:
        self._db = LocalDb(home.ensure().contacts_db, _SCHEMA)
        self._vault = vault
        self._tell = on_event
        self._clock = clock
        self._issuer = issuer

    def close(self) -> None:
        self._db.close()

    def get(self, tenant: str, contact: str) -> Enrolled | None:
        """The enrolment; None when there is none."""
        row = self._row(tenant, contact)
        return None if row is None else _enrolled(row)

    def list(self, tenant: str) -> list[Enrolled]:
        """Everybody of a client who was enrolled, by id."""
        rows = self._db.all("SELECT * FROM contacts WHERE tenant = ? ORDER BY id", check_tenant(tenant))
        return [_enrolled(row) for row in rows]

    def enroll(self, tenant: str, contact: str, *, by: dict[str, Any], label: str = "") -> Enrollment:
        """Give a contact a new seed; an earlier one stops working, and so does every proof given with it. Who may is the caller's
        to decide: whoever gets a contact enrolled anew is that contact from then on.

        Args:
            contact: id of a contact in the tenant's file.
            by: who does it, for the record.
            label: what authenticator apps show beside the issuer.

        Raises:
            NotFound: the tenant has no key.
        """
        seed = SecretStr(pyotp.random_base32())
        version = self._vault.put(tenant, _seed(contact), seed, kind="totp").version
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO contacts (tenant, id, enrolled_at, secret_version) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, id) "
                "DO UPDATE SET enrolled_at = excluded.enrolled_at, secret_version = excluded.secret_version, "
                "verified_at = NULL, last_step = NULL, failures = 0, locks = 0, locked_until = NULL",
                (tenant, contact, rfc3339(self._clock()), version),
            )
            db.execute("DELETE FROM proofs WHERE tenant = ? AND contact = ?", (tenant, contact))
            self._tell(tenant, "caller.enrolled", {"contact": contact, "method": "totp", "by": by})
        self._drop_seeds(tenant, contact, keep=version)
        uri = pyotp.TOTP(seed.get_secret_value()).provisioning_uri(name=label or contact, issuer_name=self._issuer)
        return Enrollment(contact, SecretStr(uri))

    def disable(self, tenant: str, contact: str, *, by: dict[str, Any]) -> None:
        """Take a contact's code away. Repeatable."""
        with self._db.transaction() as db:
            gone = db.execute("DELETE FROM contacts WHERE tenant = ? AND id = ?", (tenant, contact)).rowcount
            db.execute("DELETE FROM proofs WHERE tenant = ? AND contact = ?", (tenant, contact))
            if gone:
                self._tell(tenant, "caller.disabled", {"contact": contact, "by": by})
        self._drop_seeds(tenant, contact, keep=None)

    def unlock(self, tenant: str, contact: str, *, by: dict[str, Any]) -> None:
        """End a lock early."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE contacts SET failures = 0, locks = 0, locked_until = NULL WHERE tenant = ? AND id = ?",
                (tenant, contact),
            )
            self._tell(tenant, "caller.unlocked", {"contact": contact, "by": by})

    def verify(
        self, tenant: str, contact: str, code: str | SecretStr, *, purpose: str, by: dict[str, Any] | None = None
    ) -> Caller:
        """Check a contact's one-time code; it is used up by this.

        Args:
            code: six digits; spaces are ignored.
            purpose: what they prove themselves for.
            by: who of the MSP asked for it, for the record.

        Raises:
            NotAuthenticated: wrong or used code, not enrolled, or locked (``detail["locked_until"]``). Which of them it was
                stands in the record.
        """
        given = code.get_secret_value() if isinstance(code, SecretStr) else code
        now = self._clock()
        row = self._row(tenant, contact)
        matching = self._matching(row, given, int(now.timestamp()) // STEP_SECONDS)
        until = now + PROOF_LIFE
        why, locked = self._judge(tenant, contact, row, matching, now, purpose, until)
        facts = {"contact": contact[:80], "purpose": purpose, "method": "totp"} | ({"by": by} if by else {})
        if why is None:
            self._tell(tenant, "caller.verified", facts | {"until": rfc3339(until)})
            return Caller(tenant, contact, purpose, "totp", now, until)
        self._tell(tenant, "caller.refused", facts | {"reason": why})
        if locked is None:
            raise NotAuthenticated(
                "the code was not accepted",
                remedy="Give the code that the app of an enrolled contact shows now; each one works once.",
            )
        if why != "locked":
            self._tell(tenant, "caller.locked", {"contact": contact[:80], "locked_until": rfc3339(locked)})
        raise NotAuthenticated(
            f"too many wrong codes; locked until {rfc3339(locked)}",
            remedy="Call the contact back on the number in the tenant's file: somebody may be pretending to be them.",
            locked_until=rfc3339(locked),
        )

    def proven(self, tenant: str, contact: str, purpose: str) -> Caller | None:
        """A contact's proof for this purpose, while it lasts."""
        row = self._db.one(
            "SELECT * FROM proofs WHERE tenant = ? AND contact = ? AND purpose = ?", tenant, contact, purpose
        )
        if row is None or datetime.fromisoformat(row["until"]) <= self._clock():
            return None
        times = (datetime.fromisoformat(row["at"]), datetime.fromisoformat(row["until"]))
        return Caller(tenant, contact, purpose, row["method"], *times)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _row(self, tenant: str, contact: str) -> Any:
        return self._db.one("SELECT * FROM contacts WHERE tenant = ? AND id = ?", check_tenant(tenant), contact)

    def _matching(self, row: Any, code: str, step: int) -> Sequence[int]:
        """The time-steps whose code this is."""
        if row is None:
            return []
        try:
            seed = self._vault.get_text(row["tenant"], _seed(row["id"]), row["secret_version"], purpose="verify caller")
        except NotFound:  # enrolled anew a moment ago
            return []
        totp = pyotp.TOTP(seed.get_secret_value())
        digits = "".join(code.split()).encode("utf-8", "replace")
        near = (step - 1, step, step + 1)
        return [at for at in near if hmac.compare_digest(totp.generate_otp(max(at, 0)).encode(), digits)]

    def _judge(
        self,
        tenant: str,
        contact: str,
        seen: Any,
        matching: Sequence[int],
        now: datetime,
        purpose: str,
        until: datetime,
    ) -> tuple[str | None, datetime | None]:
        """Count, lock, use up: why it is refused, and the end of the lock. Committed before anybody is told."""
        place = (tenant, contact)
        with self._db.transaction() as db:
            row = db.execute("SELECT * FROM contacts WHERE tenant = ? AND id = ?", place).fetchone()
            if row is None or seen is None:
                return "not enrolled", None
            locked = _time(row["locked_until"])
            if locked is not None and now < locked:
                return "locked", locked
            if row["secret_version"] != seen["secret_version"]:
                return "enrolled anew meanwhile", None
            fresh = [at for at in matching if row["last_step"] is None or at > row["last_step"]]
            if fresh:
                db.execute(
                    "UPDATE contacts SET last_step = ?, verified_at = ?, failures = 0, locks = 0, locked_until = NULL "
                    "WHERE tenant = ? AND id = ?",
                    (fresh[-1], rfc3339(now), *place),
                )
                db.execute(
                    "INSERT OR REPLACE INTO proofs VALUES (?, ?, ?, 'totp', ?, ?)",
                    (*place, purpose, rfc3339(now), rfc3339(until)),
                )
                return None, None
            if matching:
                return "code used before", None  # not a guess: whoever sends it has seen a right code
            failures, locks, end = row["failures"] + 1, row["locks"], None
            if failures >= MAX_FAILURES:
                end = now + min(FIRST_LOCK * 2 ** min(locks, 16), LONGEST_LOCK)
                failures, locks = 0, locks + 1
            db.execute(
                "UPDATE contacts SET failures = ?, locks = ?, locked_until = ? WHERE tenant = ? AND id = ?",
                (failures, locks, rfc3339(end) if end else None, *place),
            )
            return "wrong code", end

    def _drop_seeds(self, tenant: str, contact: str, *, keep: int | None) -> None:
        for version in self._vault.versions(tenant, _seed(contact)):
            if version.version != keep:
                try:
                    self._vault.delete(tenant, _seed(contact), version.version)
                except NotFound:  # another process was quicker
                    continue


def _seed(contact: str) -> str:
    """Where in the client's vault a contact's seed lies."""
    return f"contacts/{contact}/totp"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _enrolled(row: Any) -> Enrolled:
    enrolled_at = datetime.fromisoformat(row["enrolled_at"])
    return Enrolled(row["tenant"], row["id"], enrolled_at, _time(row["verified_at"]), _time(row["locked_until"]))
