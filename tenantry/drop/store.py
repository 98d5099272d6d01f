"""Drops: made, looked at with their token, proven with a code, filled, ended. ``drops.db`` holds no secret.

The private half of a drop's key is a secret of the client's vault, and whoever holds an opened vault holds this: the command line
where it makes a drop, and the vault broker while the service runs. The process that faces the network asks the broker.

Nothing is acknowledged that is not in the vault. A value is put there under its drop's id before the ledger says so; killed between
the two, the ledger is set right by what the vault holds (`Drops.tend`), so a value that is sent again is not stored twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from pydantic import SecretStr

from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.contacts import Contacts
from tenantry.drop import making
from tenantry.drop.model import (
    LONGEST_LIFE,
    MAX_EXPECTED,
    Drop,
    Expected,
    Kind,
    Made,
    Method,
    Question,
    Status,
    check_value,
)
from tenantry.drop.rows import SCHEMA, drop_of, hashed, packed, unpacked
from tenantry.drop.seal import new_key, open_sealed
from tenantry.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, OutOfScope
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.localdb import LocalDb
from tenantry.vault import Vault

__all__ = ["MAX_REFUSALS", "SESSION_LIFE", "Drops", "key_name"]

MAX_REFUSALS: Final = 5
"""Wrong PINs after which a drop is locked for good."""
_MAX_UNOPENED: Final = 20
"""Sealed values that do not open, after which a session is of no more use."""
SESSION_LIFE: Final = timedelta(hours=1)
"""Since the code was checked; then it takes another one."""
LATE: Final = timedelta(minutes=2)
"""What was sent in time is taken, if the broker was away for a moment just then."""


def key_name(drop: str) -> str:
    """Where in the client's vault the private key of a drop lies."""
    return f"drops/{drop}/key"


class Drops:
    """Every drop of a home. Every method may raise `RecordError`.

    Args:
        vault: opened, of the same home.
        contacts: checks codes of contacts who were enrolled.
        clock: the current time; the record's when None.
    """

    def __init__(
        self,
        home: Home,
        vault: Vault,
        journal: Journal,
        contacts: Contacts,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._db = LocalDb(home.ensure().drops_db, f"{SCHEMA};{making.SCHEMA}", version=2)
        self._vault = vault
        self._journal = journal
        self._contacts = contacts
        self._clock = clock or journal.clock.now

    def close(self) -> None:
        self._db.close()

    # --- the MSP's side -----------------------------------------------------------------------------------------------

    def make(
        self,
        tenant: str,
        contact: str,
        expected: Sequence[Expected],
        *,
        life: timedelta,
        shown: Mapping[str, str],
        by: Mapping[str, Any],
        question: Question | None = None,
    ) -> Made:
        """A new drop. Its token, and its PIN if it has one, are told this once.

        Args:
            contact: id of a contact in the tenant's file. Enrolled: they prove themselves with their own code; else a PIN is made.
            life: until then it can be used.
            shown: what its page shows once the link is known to be good: ``msp``, ``client``, ``contact``.
            by: who made it, for the record.
            question: of a run, answered when the last credential is there.

        Raises:
            InvalidInput: nothing is expected, a name twice, too many, or a life that is none.
            NotFound: the tenant has no key.
        """
        if not 0 < len(expected) <= MAX_EXPECTED or len({one.name for one in expected}) != len(expected):
            raise InvalidInput(f"name 1 to {MAX_EXPECTED} credentials, each once", place="--expect")
        if not timedelta(minutes=5) <= life <= LONGEST_LIFE:
            raise InvalidInput("a drop lasts from 5 minutes to 14 days", place="--expires")
        drop_id, token, now = secrets.token_hex(8), secrets.token_urlsafe(32), self._clock()
        method: Method = "totp" if self._contacts.get(tenant, contact) is not None else "pin"
        pin = None if method == "totp" else SecretStr(f"{secrets.randbelow(10**8):08d}")
        private, public = new_key()
        making.begin(self._db, drop_id, tenant, now)
        self._vault.put(tenant, key_name(drop_id), private, kind="drop key", expires_at=now + life)
        row = (
            *(drop_id, tenant, contact, method, "open", rfc3339(now), rfc3339(now + life), None, public, hashed(token)),
            *(None if pin is None else self._pin(tenant, drop_id, pin.get_secret_value()), 0),
            *(None if question is None else packed(question), json.dumps(dict(shown)), 0),
        )
        with self._db.transaction() as db:
            db.execute(f"INSERT INTO drops VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608  # question marks
            db.execute(making.MADE, (drop_id,))
            db.executemany(
                "INSERT INTO expected (drop_id, place, name, kind, title) VALUES (?, ?, ?, ?, ?)",
                [(drop_id, place, one.name, one.kind, one.title) for place, one in enumerate(expected)],
            )
            self._tell(
                tenant,
                "drop.made",
                drop_id,
                contact,
                question,
                names=[one.name for one in expected],
                method=method,
                expires_at=rfc3339(now + life),
                by=dict(by),
            )
        return Made(self.get(drop_id), SecretStr(token), pin)

    def get(self, drop: str) -> Drop:
        """Raises NotFound: there is none of this id."""
        return self._drop(self._need(drop))

    def list(self, tenant: str | None = None) -> list[Drop]:
        """Newest first."""
        rows = self._db.all("SELECT * FROM drops WHERE ? IS NULL OR tenant = ? ORDER BY made_at DESC", tenant, tenant)
        return [self._drop(row) for row in rows]

    def withdraw(self, drop: str, *, by: Mapping[str, Any]) -> Drop:
        """End a drop early. What came is kept in the vault. Repeatable."""
        if self.get(drop).status == "open":
            self._end(drop, "withdrawn", by=dict(by))
        return self.get(drop)

    def tend(self) -> None:
        """End what has expired, take away keys of what has ended, and set the ledger right after a kill."""
        now, tenants = self._clock(), self._vault.tenants()
        for drop, tenant in making.abandoned(self._db, now):
            if tenant in tenants:
                self._forget_key(drop, tenant)
            with self._db.transaction() as db:
                db.execute(making.MADE, (drop,))
        for row in self._db.all("SELECT * FROM drops WHERE status = 'open' OR NOT key_gone"):
            if row["tenant"] not in tenants:  # the client's key was destroyed, and with it the drop's and the record's
                with self._db.transaction() as db:
                    db.execute("UPDATE drops SET status = 'withdrawn', key_gone = 1 WHERE id = ?", (row["id"],))
            elif row["status"] == "open":
                self._catch_up(row)
                if now >= parse_rfc3339(row["expires_at"]) + LATE and self.get(row["id"]).status == "open":
                    self._end(row["id"], "expired")
            else:
                self._destroy_key(row["id"], row["tenant"])

    # --- the contact's side -------------------------------------------------------------------------------------------

    def look(self, drop: str, token: str) -> dict[str, Any]:
        """What the page shows to whoever has the link: ``{status, method, expires_at, msp, client, contact}``.

        Raises:
            NotFound: no such drop, or not its token: which of the two is not said.
        """
        row = self._by_token(drop, token)
        shown = {key: str(value) for key, value in json.loads(row["shown"]).items()}
        return shown | {"status": self._status(row), "method": row["method"], "expires_at": row["expires_at"]}

    def verify(self, drop: str, token: str, code: SecretStr) -> dict[str, Any]:
        """Check the contact's code.

        Returns:
            ``{session}`` when it is right; else ``{refused, left, locked_until}``, where ``refused`` is ``wrong``, ``locked``
            or the status of a drop that has ended.

        Raises:
            NotFound: as `look`.
        """
        row = self._by_token(drop, token)
        status = self._status(row)
        if status != "open":
            return {"refused": status, "left": None, "locked_until": None}
        refused = self._check_own_code(row, code) if row["method"] == "totp" else self._check_pin(row, code)
        if refused is not None:
            return refused
        session, now = secrets.token_urlsafe(32), self._clock()
        with self._db.transaction() as db:
            db.execute("DELETE FROM sessions WHERE until <= ?", (rfc3339(now),))
            until = rfc3339(min(now + SESSION_LIFE, parse_rfc3339(row["expires_at"])))
            db.execute("INSERT INTO sessions (hash, drop_id, until) VALUES (?, ?, ?)", (hashed(session), drop, until))
            self._tell(
                row["tenant"], "drop.verified", drop, row["contact"], unpacked(row["question"]), method=row["method"]
            )
        return {"session": session}

    def state(self, drop: str, session: str) -> dict[str, Any]:
        """What a proven contact sees: ``{status, expires_at, public, expected: [{name, kind, title, received}]}``; without
        ``public`` and ``expected`` when the drop has ended otherwise than by the last credential.

        Raises:
            OutOfScope: the session is not of this drop, or has ended.
        """
        row = self._by_session(drop, session)
        self._catch_up(row)
        found = self.get(drop)
        return {
            "status": self._status(self._need(drop)),
            "expires_at": row["expires_at"],
            "public": found.public,
            "expected": [
                {
                    "name": one.expected.name,
                    "kind": one.expected.kind,
                    "title": one.expected.shown,
                    "received": one.at is not None,
                }
                for one in found.credentials
            ],
        }

    def take(self, drop: str, session: str, place: int, sealed: bytes) -> dict[str, Any]:
        """Open a sealed value and put it into the vault. The same sealed value may be sent again: it is taken once.

        Returns:
            ``{received: true, ended}``.

        Raises:
            OutOfScope: as `state`.
            NotFound: nothing is expected at this place.
            Conflict: another value came already, or the drop has ended.
            InvalidInput: not sealed for this, or not what was asked for.
        """
        row = self._by_session(drop, session)
        self._catch_up(row)
        known = 0 <= place < MAX_EXPECTED  # SQLite takes no longer integers than 64 bits
        wanted = self._db.one("SELECT * FROM expected WHERE drop_id = ? AND place = ?", drop, place if known else -1)
        if wanted is None:
            raise NotFound("nothing is expected there", place="place")
        digest = hashlib.sha256(sealed).digest()
        if wanted["received_at"] is not None:
            if wanted["digest"] is not None and not hmac.compare_digest(wanted["digest"], digest):
                raise Conflict("it was handed over already", remedy="Ask the MSP for a new link to send another one.")
            return {"received": True, "ended": self.get(drop).status != "open"}
        if self._need(drop)["status"] != "open":
            raise Conflict("the drop has ended", remedy="Ask the MSP for a new link.")
        tenant, name, kind = row["tenant"], str(wanted["name"]), cast("Kind", wanted["kind"])
        private = self._vault.get(tenant, key_name(drop), purpose=f"drop {drop}")
        try:
            value = open_sealed(sealed, private, drop, name)
            check_value(kind, value.get_secret_value())
        except InvalidInput:
            self._count_unopened(session)
            raise
        facts = {"received_from": row["contact"], "drop": drop, "sealed": digest.hex()}
        version = self._vault.put(tenant, name, value, kind=kind, metadata=facts).version
        return {"received": True, "ended": self._received(row, wanted, version, digest)}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _received(self, row: Any, wanted: Any, version: int, digest: bytes) -> bool:
        """The ledger and the record say what the vault holds; whether it was the last one."""
        drop, question = row["id"], unpacked(row["question"])
        with self._db.transaction() as db:
            changed = db.execute(
                "UPDATE expected SET received_at = ?, version = ?, digest = ? WHERE drop_id = ? AND place = ? AND "
                "received_at IS NULL",
                (rfc3339(self._clock()), version, digest, drop, wanted["place"]),
            ).rowcount
            if changed:
                facts = {"name": wanted["name"], "version": version, "method": row["method"]}
                self._tell(row["tenant"], "drop.received", drop, row["contact"], question, **facts)
            left = db.execute(
                "SELECT count(*) FROM expected WHERE drop_id = ? AND received_at IS NULL", (drop,)
            ).fetchone()[0]
        if not left:
            self._end(drop, "completed")
        return not left

    def _catch_up(self, row: Any) -> None:
        """After a kill between vault and ledger: what lies in the vault under this drop's id was received."""
        if row["status"] != "open":
            return
        for wanted in self._db.all("SELECT * FROM expected WHERE drop_id = ? AND received_at IS NULL", row["id"]):
            for version in self._vault.versions(row["tenant"], wanted["name"]):
                if version.metadata.get("drop") == row["id"]:
                    self._received(row, wanted, version.version, bytes.fromhex(version.metadata["sealed"]))
                    break
        if not self.get(row["id"]).missing:
            self._end(row["id"], "completed")

    def _end(self, drop: str, status: Status, **more: Any) -> None:
        """Ended: no session is good any more, the waiting run is told, the private key goes."""
        found = self.get(drop)
        with self._db.transaction() as db:
            now = rfc3339(self._clock())
            changed = db.execute(
                "UPDATE drops SET status = ?, ended_at = ?, pin = NULL WHERE id = ? AND status = 'open'",
                (status, now, drop),
            ).rowcount
            if changed:
                if status != "completed":  # who has just sent the last one may still see that it came
                    db.execute("DELETE FROM sessions WHERE drop_id = ?", (drop,))
                facts = {"status": status, "missing": list(found.missing), **more}
                self._tell(found.tenant, "drop.ended", drop, found.contact, found.question, **facts)
                if status == "completed" and found.question is not None:
                    self._answer(found, found.question)
        self._destroy_key(drop, found.tenant)

    def _answer(self, drop: Drop, question: Question) -> None:
        """Tell the run that what it waits for is there."""
        payload = {
            "item": question.item,
            "digest": question.digest,
            "by": f"contact {drop.contact}",
            "drop": drop.id,
            "names": [one.expected.name for one in drop.credentials],
        }
        event = Event("step.arrived", payload, question.run, question.step, question.attempt, flow=question.flow)
        self._journal.append(drop.tenant, [event])

    def _forget_key(self, drop: str, tenant: str) -> None:
        with contextlib.suppress(NotFound):  # gone already, or the client's whole key is
            self._vault.delete(tenant, key_name(drop))

    def _destroy_key(self, drop: str, tenant: str) -> None:
        self._forget_key(drop, tenant)
        with self._db.transaction() as db:
            db.execute("UPDATE drops SET key_gone = 1 WHERE id = ?", (drop,))

    def _check_own_code(self, row: Any, code: SecretStr) -> dict[str, Any] | None:
        try:
            self._contacts.verify(row["tenant"], row["contact"], code, purpose=f"drop:{row['id']}")
        except NotAuthenticated as error:
            until = error.detail.get("locked_until")
            return {"refused": "locked" if until else "wrong", "left": None, "locked_until": until}
        return None

    def _check_pin(self, row: Any, code: SecretStr) -> dict[str, Any] | None:
        given = self._pin(row["tenant"], row["id"], "".join(code.get_secret_value().split()))
        with self._db.transaction() as db:
            fresh = db.execute("SELECT failures, pin FROM drops WHERE id = ?", (row["id"],)).fetchone()
            right = fresh["pin"] is not None and hmac.compare_digest(fresh["pin"], given)
            if right and fresh["failures"] < MAX_REFUSALS:
                return None
            failures = fresh["failures"] + 1
            db.execute("UPDATE drops SET failures = ? WHERE id = ?", (failures, row["id"]))
            left = max(0, MAX_REFUSALS - failures)
            self._tell(row["tenant"], "drop.refused", row["id"], row["contact"], None, reason="wrong PIN", left=left)
        if not left:
            self._end(row["id"], "locked")
        return {"refused": "wrong" if left else "locked", "left": left, "locked_until": None}

    def _pin(self, tenant: str, drop: str, pin: str) -> bytes:
        """Under a key of the client's, so that eight digits cannot be tried out on a copy of the file."""
        return hmac.new(self._vault.subkey(tenant, "drop pin"), f"{drop}\0{pin}".encode(), hashlib.sha256).digest()

    def _count_unopened(self, session: str) -> None:
        with self._db.transaction() as db:
            db.execute("UPDATE sessions SET unopened = unopened + 1 WHERE hash = ?", (hashed(session),))
            db.execute("DELETE FROM sessions WHERE hash = ? AND unopened >= ?", (hashed(session), _MAX_UNOPENED))

    def _by_token(self, drop: str, token: str) -> Any:
        row = self._db.one("SELECT * FROM drops WHERE id = ?", drop[:64])
        kept = bytes(row["token"]) if row is not None else bytes(32)
        if not hmac.compare_digest(kept, hashed(token)) or row is None:
            raise NotFound("there is no such drop", place="drop")
        return row

    def _by_session(self, drop: str, session: str) -> Any:
        kept = self._db.one("SELECT * FROM sessions WHERE hash = ?", hashed(session))
        if kept is None or kept["drop_id"] != drop or parse_rfc3339(kept["until"]) + LATE <= self._clock():
            raise OutOfScope("the session has ended, or is another drop's", remedy="Give the code again.")
        return self._need(drop)

    def _status(self, row: Any) -> Status:
        """As a contact sees it: expired from the very moment on."""
        late = row["status"] == "open" and self._clock() >= parse_rfc3339(row["expires_at"])
        return "expired" if late else cast("Status", row["status"])

    def _need(self, drop: str) -> Any:
        row = self._db.one("SELECT * FROM drops WHERE id = ?", drop[:64])
        if row is None:
            raise NotFound("there is no such drop", remedy="`tenantry vault drops` shows which there are.")
        return row

    def _drop(self, row: Any) -> Drop:
        return drop_of(row, self._db.all("SELECT * FROM expected WHERE drop_id = ? ORDER BY place", row["id"]))

    def _tell(
        self, tenant: str, event: str, drop: str, contact: str, question: Question | None, **payload: Any
    ) -> None:
        facts = {"drop": drop, "contact": contact, **payload}
        bound = (question.run, question.step, question.attempt, None, question.flow) if question else ()
        self._journal.append(tenant, [Event(event, facts, *bound)])
