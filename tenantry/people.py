"""The MSP's people: who they are, what they may touch, and the proof that it is really them.

Proof is a time-based one-time password (RFC 6238: SHA-1, six digits, 30 seconds, as every authenticator app has it).
Section 5.2 of it is kept across processes: a code is accepted once, and never one older than the last accepted. One step
of clock drift either way is allowed. Five wrong codes in a row lock the name for 15 minutes, then 30, 60 … up to 4 hours,
until a right one. Names that nobody has are locked alike, so the answer does not tell who exists.

Who can make approvers can approve anything, so: enrolling, disabling or changing an approver takes the fresh proof of an
enrolled one (`Authenticated`, bound to that very act), except for the very first. The last one cannot be removed.

Known limit: who can write TENANTRY_HOME as its owner holds the master key too; these rules bind everybody else.
"""

from __future__ import annotations

import hmac
import io
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pyotp
import segno
from pydantic import SecretStr

from tenantry.clock import rfc3339
from tenantry.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, OutOfScope, Refused, TenantryError
from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.names import MSP, ROLES, Role, check_person, check_tenant
from tenantry.vault import Vault

__all__ = ["EVERY_TENANT", "Authenticated", "Enrollment", "People", "Person", "act_purpose"]

EVERY_TENANT: Final = "*"
STEP_SECONDS: Final = 30
MAX_FAILURES: Final = 5
FIRST_LOCK: Final = timedelta(minutes=15)
LONGEST_LOCK: Final = timedelta(hours=4)
PROOF_LIFE: Final = timedelta(minutes=5)
"""How long an `Authenticated` may authorise an act on people."""
_UNKNOWN_NAMES_KEPT: Final = 1_000
_DECOY: Final = "people/decoy"

OnEvent = Callable[[str, dict[str, Any]], None]
"""``(event, payload)``: ``people.added``, ``.enrolled``, ``.changed``, ``.disabled``, ``.enabled``, ``.unlocked``,
``.authenticated``, ``.refused``, ``.locked``. Payloads hold names, times and reasons, never a code or a secret."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, roles TEXT NOT NULL, tenants TEXT NOT NULL,
    added_at TEXT NOT NULL, granted_at TEXT NOT NULL, enrolled_at TEXT, disabled_at TEXT, authenticated_at TEXT,
    secret_version INTEGER, last_step INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS attempts (
    id TEXT PRIMARY KEY, failures INTEGER NOT NULL, locks INTEGER NOT NULL, locked_until TEXT, last_at TEXT NOT NULL
) STRICT
"""


def _now() -> datetime:
    return datetime.now(UTC)


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


class People:
    """Everybody, in ``people.db``; their TOTP secrets in the vault under ``_msp``, ``people/<id>/totp``.

    Counters and time-steps are changed under SQLite's write lock, so they hold between processes. Every method may raise
    `RecordError`; what ``on_event`` raises stops the act. Synchronous and durable: some milliseconds each.
    """

    def __init__(
        self,
        home: Home,
        vault: Vault,
        clock: Callable[[], datetime] = _now,
        *,
        on_event: OnEvent | None = None,
        issuer: str = "Tenantry",
    ) -> None:
        """
        Args:
            home: where ``people.db`` lies.
            vault: opened.
            clock: the current time, aware.
            on_event: told of every act and every attempt.
            issuer: what authenticator apps show above the code.
        """
        self._db = LocalDb(home.ensure().people_db, _SCHEMA)
        self._vault = vault
        self._clock = clock
        self._on_event = on_event
        self._issuer = issuer

    # --- who there is -------------------------------------------------------------------------------------------------

    def get(self, person: str) -> Person:
        """
        Raises:
            NotFound: nobody has this id.
        """
        row = self._row(person)
        if row is None:
            raise NotFound(f"no person {check_person(person)}", remedy="`tenantry people list` shows who there is.")
        return _person(row)

    def list(self) -> list[Person]:
        """Everybody, the disabled too, by id."""
        return [_person(row) for row in self._db.all("SELECT * FROM people ORDER BY id")]

    def records(self) -> dict[str, Person]:
        """Everybody by id, as the approval rules take them."""
        return {person.id: person for person in self.list()}

    # --- acts ---------------------------------------------------------------------------------------------------------

    def add(
        self, person: str, name: str, roles: Iterable[Role], tenants: Iterable[str] | str, email: str = ""
    ) -> Person:
        """Add a person, who can do nothing until they are enrolled.

        Args:
            person: the id, e.g. ``ann.lee``; never used again for somebody else.
            name: as people call them.
            roles: at least one of engineer, lead, approver, auditor.
            tenants: names, or ``*`` for all.
            email: where they are reached; may be empty.

        Raises:
            Conflict: the id is taken.
            InvalidInput: an id, role or tenant that is none.
        """
        check_person(person)
        if not name.strip():
            raise InvalidInput("a person has a name", place="name")
        granted, scope, now = _roles(roles), _scope(tenants), rfc3339(self._clock())
        with self._db.transaction() as db:
            if self._row(person) is not None:
                raise Conflict(f"{person} exists already", remedy="Choose another id; ids are never used again.")
            db.execute(
                "INSERT INTO people (id, name, email, roles, tenants, added_at, granted_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (person, name.strip(), email.strip(), _packed(granted), _packed(scope), now, now),
            )
            self._tell("people.added", person=person, roles=sorted(granted), tenants=sorted(scope))
        return self.get(person)

    def enroll(self, person: str, *, by: Authenticated | None = None) -> Enrollment:
        """Give a person a new TOTP secret; an earlier one stops working.

        An approver's enrolment takes ``by``, an enrolled approver's proof for ``act_purpose("enroll", person)``, except
        that of the first approver, which may also be repeated until they have proved themselves once (a code that was
        never scanned must not lock the estate). Enrolling anybody anew who has used the old secret takes an approver's
        proof, or their own.

        Raises:
            NotFound: nobody has this id.
            Refused: disabled, or the proof is missing, stale, for something else, or not an approver's.
        """
        with self._db.transaction() as db:
            row = self._need(person)
            record = _person(row)
            if not record.enabled:
                raise Refused(f"{person} is disabled", remedy="Enable the person first.")
            if not self._bootstrap(person):
                if "approver" in record.roles:
                    self._authorise(by, "enroll", record)
                elif row["authenticated_at"] is not None:
                    self._authorise(by, "enroll", record, or_self=True)
            now = rfc3339(self._clock())
            secret = SecretStr(pyotp.random_base32())
            version = self._vault.put(MSP, _secret_name(person), secret, kind="totp").version
            db.execute(
                "UPDATE people SET enrolled_at = ?, secret_version = ?, last_step = NULL WHERE id = ?",
                (now, version, person),
            )
            self._tell("people.enrolled", person=person, method="totp", by=_who(by))
        self._drop_secrets(person, keep=version)
        uri = pyotp.TOTP(secret.get_secret_value()).provisioning_uri(
            name=record.email or person, issuer_name=self._issuer
        )
        return Enrollment(person, SecretStr(uri))

    def change(
        self,
        person: str,
        *,
        roles: Iterable[Role] | None = None,
        tenants: Iterable[str] | str | None = None,
        by: Authenticated | None = None,
    ) -> Person:
        """Set a person's roles or tenants. Where an approver is made, unmade or widened, it takes an approver's proof for
        ``act_purpose("change", person)``. Who is widened cannot approve runs that began before.

        Raises:
            NotFound: nobody has this id.
            Refused: the proof is missing or not an approver's; or it would leave no approver.
        """
        with self._db.transaction() as db:
            record = _person(self._need(person))
            granted = _roles(roles) if roles is not None else record.roles
            scope = _scope(tenants) if tenants is not None else record.tenants
            if "approver" in record.roles | granted and not self._bootstrap(person):
                self._authorise(by, "change", record, scope)
            if "approver" in record.roles - granted:
                self._keep_an_approver(person)
            wider = bool(granted - record.roles) or not (EVERY_TENANT in record.tenants or scope <= record.tenants)
            db.execute(
                "UPDATE people SET roles = ?, tenants = ?, granted_at = ? WHERE id = ?",
                (
                    _packed(granted),
                    _packed(scope),
                    rfc3339(self._clock() if wider else record.granted_at),
                    person,
                ),
            )
            self._tell(
                "people.changed", person=person, roles=sorted(granted), tenants=sorted(scope), wider=wider, by=_who(by)
            )
        return self.get(person)

    def disable(self, person: str, *, by: Authenticated | None = None) -> Person:
        """Take away all a person may do, at once; their secret is deleted. Repeatable. An approver's takes an approver's
        proof for ``act_purpose("disable", person)``.

        Raises:
            NotFound: nobody has this id.
            Refused: the proof is missing or not an approver's; or it is the last approver.
        """
        with self._db.transaction() as db:
            record = _person(self._need(person))
            if record.enabled:
                if "approver" in record.roles and not self._bootstrap(person):
                    self._authorise(by, "disable", record)
                    self._keep_an_approver(person)
                db.execute("UPDATE people SET disabled_at = ? WHERE id = ?", (rfc3339(self._clock()), person))
                self._tell("people.disabled", person=person, by=_who(by))
        self._drop_secrets(person, keep=None)
        return self.get(person)

    def enable(self, person: str, *, by: Authenticated | None = None) -> Person:
        """Let a disabled person back, to be enrolled anew. Takes an approver's proof for
        ``act_purpose("enable", person)``, whatever their role.

        Raises:
            NotFound: nobody has this id.
            Refused: the proof is missing or not an approver's.
        """
        with self._db.transaction() as db:
            record = _person(self._need(person))
            if not record.enabled:
                self._authorise(by, "enable", record)
                db.execute(
                    "UPDATE people SET disabled_at = NULL, enrolled_at = NULL, secret_version = NULL, last_step = NULL, "
                    "granted_at = ? WHERE id = ?",
                    (rfc3339(self._clock()), person),
                )
                self._tell("people.enabled", person=person, by=_who(by))
        return self.get(person)

    def unlock(self, person: str, *, by: Authenticated) -> None:
        """End a lock early. Takes an approver's proof for ``act_purpose("unlock", person)``.

        Raises:
            NotFound: nobody has this id.
            Refused: the proof is not an approver's.
        """
        with self._db.transaction() as db:
            self._authorise(by, "unlock", _person(self._need(person)))
            db.execute("DELETE FROM attempts WHERE id = ?", (person,))
            self._tell("people.unlocked", person=person, by=_who(by))

    # --- proof --------------------------------------------------------------------------------------------------------

    def authenticate(
        self,
        person: str,
        code: str | SecretStr,
        *,
        purpose: str,
        tenant: str | None = None,
        role: Role | None = None,
    ) -> Authenticated:
        """Check a one-time code. It is used up by this, also when scope or role then refuse.

        Args:
            person: the id they claim.
            code: six digits; spaces are ignored.
            purpose: what they prove themselves for; it binds the result.
            tenant: a tenant they must be allowed to touch.
            role: a role they must have.

        Raises:
            NotAuthenticated: wrong or used code, nobody of this id, not enrolled, disabled, or locked. Which of the first
                four it was is told to ``on_event`` and not to the caller.
            OutOfScope: the code was right; the tenant or role is not theirs.
        """
        secret_code = code.get_secret_value() if isinstance(code, SecretStr) else code
        now = self._clock()
        row = self._row(person)
        matching = self._matching(row, secret_code, int(now.timestamp()) // STEP_SECONDS)
        reason, until, record = self._judge(person, row, matching, now)
        facts = {"person": person[:80], "purpose": purpose, "tenant": tenant, "method": "totp"}
        if reason is not None or record is None:
            self._tell("people.refused", **facts, reason=reason)
            if until is None:
                raise NotAuthenticated(
                    "the code was not accepted",
                    remedy="Give the current code of an enrolled, enabled person; each code works once, so wait for the "
                    "next one after using it.",
                )
            if reason != "locked":
                self._tell("people.locked", person=person[:80], locked_until=rfc3339(until))
            raise NotAuthenticated(
                f"too many wrong codes; locked until {rfc3339(until)}",
                remedy="Wait until then, or have an approver lift it; if it was not you, tell the security lead.",
                locked_until=rfc3339(until),
            )
        self._tell("people.authenticated", **facts)
        if tenant is not None and not record.covers(tenant):
            raise OutOfScope(
                f"{record.id} may not touch {tenant}", remedy="Ask somebody with this tenant in their scope."
            )
        if role is not None and role not in record.roles:
            raise OutOfScope(f"{record.id} is not {role}", remedy=f"Ask somebody with the role {role}.")
        return Authenticated(record, now, "totp", purpose, tenant)

    def _matching(self, row: Any, code: str, step: int) -> Sequence[int]:
        """The time-steps whose code this is. The same work is done for people who do not exist."""
        usable = row is not None and row["secret_version"] is not None and row["disabled_at"] is None
        if usable:
            version = int(row["secret_version"])
            try:
                seed = self._vault.get_text(MSP, _secret_name(row["id"]), version, purpose="authenticate")
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

    def _judge(
        self, person: str, seen: Any, matching: Sequence[int], now: datetime
    ) -> tuple[str | None, datetime | None, Person | None]:
        """Count, lock, use up: reason of the refusal, end of the lock, or the person. Committed before anybody is told."""
        if _ill_formed(person):
            return "no such person", None, None
        with self._db.transaction() as db:
            row = self._row(person)
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
                return None, None, _person(row)
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

    # --- rules --------------------------------------------------------------------------------------------------------

    def _bootstrap(self, person: str) -> bool:
        """Whether no approver but perhaps this one was ever enrolled, and this one never proved themselves."""
        return not any(
            "approver" in _person(row).roles and (row["id"] != person or row["authenticated_at"] is not None)
            for row in self._db.all("SELECT * FROM people WHERE enrolled_at IS NOT NULL")
        )

    def _keep_an_approver(self, person: str) -> None:
        others = [
            other
            for other in self.list()
            if other.id != person and other.enabled and other.enrolled_at and "approver" in other.roles
        ]
        if not others:
            raise Refused(f"{person} is the last approver", remedy="Enroll another approver first.")

    def _authorise(
        self,
        by: Authenticated | None,
        act: str,
        subject: Person,
        scope: frozenset[str] = frozenset(),
        *,
        or_self: bool = False,
    ) -> None:
        """Refuse unless ``by`` is an approver's fresh proof for this act, and covers every tenant that the subject may
        touch now or (``scope``) afterwards: an approver of one client does not make one of all."""
        remedy = f"An enrolled approver proves themselves for this act ({act} {subject.id}) and passes it on."
        if by is None:
            raise Refused(f"to {act} {subject.id} takes an approver", remedy=remedy)
        age = self._clock() - by.at
        if by.purpose != act_purpose(act, subject.id) or not timedelta(0) <= age <= PROOF_LIFE:
            raise Refused("the proof is stale or was given for something else", remedy=remedy)
        row = self._row(by.person.id)
        current = _person(row) if row is not None else None
        if current is None or not current.enabled or current.enrolled_at is None or current.enrolled_at > by.at:
            raise Refused("the person who proved themselves was disabled or enrolled anew since", remedy=remedy)
        if or_self and current.id == subject.id:
            return
        if "approver" not in current.roles:
            raise Refused(f"{current.id} is not an approver", remedy=remedy)
        if not all(current.covers(tenant) for tenant in subject.tenants | scope):
            raise OutOfScope(f"{current.id} may not touch every tenant that {subject.id} may")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _row(self, person: str) -> Any:
        return self._db.one("SELECT * FROM people WHERE id = ?", person)

    def _need(self, person: str) -> Any:
        self.get(person)
        return self._row(person)

    def _drop_secrets(self, person: str, *, keep: int | None) -> None:
        for version in self._vault.versions(MSP, _secret_name(person)):
            if version.version != keep:
                try:
                    self._vault.delete(MSP, _secret_name(person), version.version)
                except NotFound:  # another process was quicker
                    continue

    def _tell(self, event: str, **payload: Any) -> None:
        if self._on_event is not None:
            self._on_event(event, payload)

    def close(self) -> None:
        self._db.close()


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


def _secret_name(person: str) -> str:
    return f"people/{person}/totp"


def _who(by: Authenticated | None) -> str | None:
    return by.person.id if by is not None else None


def _roles(roles: Iterable[Role]) -> frozenset[Role]:
    if isinstance(roles, str):
        raise InvalidInput("a list of roles, not one text", place="roles")
    granted = frozenset(roles)
    if not granted or not granted <= set(ROLES):
        raise InvalidInput(f"at least one of {', '.join(ROLES)}", place="roles")
    return granted


def _scope(tenants: Iterable[str] | str) -> frozenset[str]:
    scope = frozenset({tenants} if isinstance(tenants, str) else tenants)
    if EVERY_TENANT in scope:
        if len(scope) > 1:
            raise InvalidInput("either * or names", place="tenants")
        return scope
    if not scope:
        raise InvalidInput("at least one tenant, or *", place="tenants")
    return frozenset(check_tenant(tenant) for tenant in scope)


def _packed(values: Iterable[str]) -> str:
    return json.dumps(sorted(values))


def _person(row: sqlite3.Row) -> Person:
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
