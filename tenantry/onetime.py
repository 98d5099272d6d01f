"""One-time codes (RFC 6238), and the locks against guessing them.

A code is accepted once, and never one older than the last accepted, whichever process is asked: counters and time-steps are
changed under SQLite's write lock.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pyotp
from pydantic import SecretStr

from tenantry.clock import rfc3339
from tenantry.errors import NotFound, TenantryError
from tenantry.localdb import LocalDb
from tenantry.names import MSP, check_person
from tenantry.person import Person, person_of
from tenantry.vault import Vault

__all__ = ["FIRST_LOCK", "LONGEST_LOCK", "MAX_FAILURES", "STEP_SECONDS", "Codes", "secret_name"]

STEP_SECONDS: Final = 30
MAX_FAILURES: Final = 5
FIRST_LOCK: Final = timedelta(minutes=15)
LONGEST_LOCK: Final = timedelta(hours=4)
_UNKNOWN_NAMES_KEPT: Final = 1_000
_DECOY: Final = "people/decoy"


class Codes:
    """Checks codes against the secrets in the vault, and counts the wrong ones in ``people.db``."""

    def __init__(self, db: LocalDb, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    def matching(self, row: Any, code: str, step: int) -> Sequence[int]:
        """The time-steps whose code this is. The same work is done for people who do not exist."""
        usable = row is not None and row["secret_version"] is not None and row["disabled_at"] is None
        if usable:
            version = int(row["secret_version"])
            try:
                seed = self._vault.get_text(MSP, secret_name(row["id"]), version, purpose="authenticate")
            except NotFound:  # disabled or enrolled anew a moment ago
                usable, seed = False, self._decoy()
        else:
            seed = self._decoy()
        totp = pyotp.TOTP(seed.get_secret_value())
        digits = "".join(code.split()).encode("utf-8", "replace")
        found = [
            at
            for at in (step - 1, step, step + 1)
            if hmac.compare_digest(totp.generate_otp(max(at, 0)).encode(), digits)
        ]
        return found if usable else []

    def _decoy(self) -> SecretStr:
        """A secret that is nobody's, opened and recorded as anybody's would be, so that it takes as long."""
        try:
            return self._vault.get_text(MSP, _DECOY, purpose="authenticate")
        except NotFound:
            return self._vault.get_or_create(
                MSP, _DECOY, lambda: SecretStr(pyotp.random_base32()), kind="decoy", purpose="authenticate"
            )

    def judge(
        self, person: str, seen: Any, matching: Sequence[int], now: datetime
    ) -> tuple[str | None, datetime | None, Person | None]:
        """Count, lock, use up: reason of the refusal, end of the lock, or the person. Committed before anybody is told."""
        if _ill_formed(person):
            return "no such person", None, None
        with self._db.transaction() as db:
            row = db.execute("SELECT * FROM people WHERE id = ?", (person,)).fetchone()
            attempt = db.execute("SELECT * FROM attempts WHERE id = ?", (person,)).fetchone()
            if attempt is not None and attempt["locked_until"] is not None:
                until = datetime.fromisoformat(attempt["locked_until"])
                if now < until:
                    return "locked", until, None
            reason = _why_not(row, seen, matching)
            if reason is None:
                fresh = [at for at in matching if row["last_step"] is None or at > row["last_step"]]
                if not fresh:
                    # Not a guess: whoever sends it has seen a right code. Counting it would lock out people who answer
                    # two questions within half a minute.
                    return "code used before", None, None
                db.execute(
                    "UPDATE people SET last_step = ?, authenticated_at = ? WHERE id = ?",
                    (fresh[-1], rfc3339(now), person),
                )
                db.execute("DELETE FROM attempts WHERE id = ?", (person,))
                return None, None, person_of(row)
            return reason, self._count(db, person, attempt, now), None

    def _count(self, db: Any, person: str, attempt: Any, now: datetime) -> datetime | None:
        """One more failure; the end of the lock when it was one too many."""
        failures = (attempt["failures"] if attempt is not None else 0) + 1
        locks = attempt["locks"] if attempt is not None else 0
        until = None
        if failures >= MAX_FAILURES:
            until = now + min(FIRST_LOCK * 2 ** min(locks, 16), LONGEST_LOCK)
            failures, locks = 0, locks + 1
        db.execute(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)",
            (person, failures, locks, rfc3339(until) if until else None, rfc3339(now)),
        )
        # Names that nobody has are kept too, but not without end.
        db.execute(
            "DELETE FROM attempts WHERE id NOT IN (SELECT id FROM people) AND id NOT IN (SELECT id FROM attempts WHERE id "
            "NOT IN (SELECT id FROM people) ORDER BY last_at DESC, id LIMIT ?)",
            (_UNKNOWN_NAMES_KEPT,),
        )
        return until


def _why_not(row: Any, seen: Any, matching: Sequence[int]) -> str | None:
    if row is None:
        return "no such person"
    if row["disabled_at"] is not None:
        return "disabled"
    if row["secret_version"] is None:
        return "not enrolled"
    if seen is None or row["secret_version"] != seen["secret_version"]:
        return "enrolled anew meanwhile"
    return None if matching else "wrong code"


def _ill_formed(person: str) -> bool:
    try:
        check_person(person)
    except TenantryError:
        return True
    return False


def secret_name(person: str) -> str:
    """Where in the vault a person's secret lies."""
    return f"people/{person}/totp"
