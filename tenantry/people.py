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

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyotp
from pydantic import SecretStr

from tenantry.clock import rfc3339
from tenantry.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, OutOfScope, Refused
from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.names import MSP, ROLES, Role, check_person, check_tenant
from tenantry.onetime import STEP_SECONDS, Codes, secret_name
from tenantry.person import EVERY_TENANT, Authenticated, Enrollment, Person, act_purpose, person_of
from tenantry.vault import Vault

__all__ = ["EVERY_TENANT", "PROOF_LIFE", "Authenticated", "Enrollment", "People", "Person", "act_purpose"]

PROOF_LIFE: Final = timedelta(minutes=5)
"""How long an `Authenticated` may authorise an act on people."""
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
        self._codes = Codes(self._db, vault)
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
        return person_of(row)

    def list(self) -> list[Person]:
        """Everybody, the disabled too, by id."""
        return [person_of(row) for row in self._db.all("SELECT * FROM people ORDER BY id")]

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
            record = person_of(row)
            if not record.enabled:
                raise Refused(f"{person} is disabled", remedy="Enable the person first.")
            if not self._bootstrap(person):
                if "approver" in record.roles:
                    self._authorise(by, "enroll", record)
                elif row["authenticated_at"] is not None:
                    self._authorise(by, "enroll", record, or_self=True)
            now = rfc3339(self._clock())
            secret = SecretStr(pyotp.random_base32())
            version = self._vault.put(MSP, secret_name(person), secret, kind="totp").version
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
            record = person_of(self._need(person))
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
            record = person_of(self._need(person))
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
            record = person_of(self._need(person))
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
            self._authorise(by, "unlock", person_of(self._need(person)))
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
        matching = self._codes.matching(row, secret_code, int(now.timestamp()) // STEP_SECONDS)
        reason, until, record = self._codes.judge(person, row, matching, now)
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

    # --- rules --------------------------------------------------------------------------------------------------------

    def _bootstrap(self, person: str) -> bool:
        """Whether no approver but perhaps this one was ever enrolled, and this one never proved themselves."""
        return not any(
            "approver" in person_of(row).roles and (row["id"] != person or row["authenticated_at"] is not None)
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
        current = person_of(row) if row is not None else None
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
        for version in self._vault.versions(MSP, secret_name(person)):
            if version.version != keep:
                try:
                    self._vault.delete(MSP, secret_name(person), version.version)
                except NotFound:  # another process was quicker
                    continue

    def _tell(self, event: str, **payload: Any) -> None:
        if self._on_event is not None:
            self._on_event(event, payload)

    def close(self) -> None:
        self._db.close()


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
