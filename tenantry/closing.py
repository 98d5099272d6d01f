"""The end of a client's data here, as the MSP's own record tells it: what was found where, what is left, who answers for it, the certificate.

The client's own tree cannot tell it: its contents are erased on the way, and its key destroyed. So these entries stand in the MSP's tree, and name
the client, places and numbers, and nothing of what lay there::

    closing.begun ─▶ closing.removing ─▶ closing.removed (a place at a time, again until nothing is left)
                  ─▶ closing.answered (verifier, validator) ─▶ closing.attested

Backups that were made before the last place was empty (``backup.taken``) belong to it: they have what was here then.

How a closing stands is derived from them (:func:`fold`), never set.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.metadata import version
from typing import Any, Final

from tenantry.backup.kept import TAKEN, Backup, read
from tenantry.journal import Record
from tenantry.journal.entry import canonical
from tenantry.sanitization.model import (
    Certificate,
    EraseKeys,
    JournalPlace,
    Legal,
    Location,
    Person,
    Retained,
    Tool,
    Validation,
    Verification,
)

__all__ = [
    "ANSWERED",
    "ATTESTED",
    "BEGUN",
    "EVENTS",
    "REMOVED",
    "REMOVING",
    "Closing",
    "Emptied",
    "certificate",
    "fold",
]

BEGUN: Final = "closing.begun"
REMOVING: Final = "closing.removing"
REMOVED: Final = "closing.removed"
ANSWERED: Final = "closing.answered"
ATTESTED: Final = "closing.attested"
EVENTS: Final = (BEGUN, REMOVING, REMOVED, ANSWERED, ATTESTED, TAKEN)
_VERIFIED_BY: Final = "counted again afterwards, by listing the place and not by the deletion's own answer"


@dataclass(slots=True)
class Emptied:
    """One place.

    Attributes:
        found: how much was there when it was begun; the largest number, where it was begun several times.
        left: how much was there afterwards; None: that is not known yet.
        retained: what a lock or a law keeps there, as `tenantry.sanitization.model.Retained` has it.
        evidence: digests of what was seen, in the MSP's own evidence.
    """

    place: Mapping[str, Any]
    found: int
    started_at: str
    finished_at: str = ""
    left: int | None = None
    retained: list[Mapping[str, Any]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Closing:
    """How it stands.

    Attributes:
        said: what was pinned when it began: client, run, legal terms, who answered for what people know of.
        performer, answers: ``{person, name, email, title, at, entry}``; answers by role, the newest of each.
        backups: of this installation, which may hold what was here when they were made.
        attested: file and digest of the certificate; None: it was not signed yet.
    """

    id: str
    tenant: str
    said: Mapping[str, Any]
    performer: Mapping[str, Any]
    begun_at: datetime
    emptied: dict[str, Emptied] = field(default_factory=dict)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    backups: list[Backup] = field(default_factory=list)
    attested: Mapping[str, Any] | None = None

    @property
    def digest(self) -> str:
        """Of what people answer for: every place with its numbers. An answer counts for this alone."""
        said = {
            name: [one.found, one.left, one.retained, one.finished_at, one.evidence]
            for name, one in sorted(self.emptied.items())
        }
        backups = [[one.id, one.until.isoformat() if one.until else None] for one in self.backups]
        whole = {"id": self.id, "said": dict(self.said), "places": said, "backups": backups}
        return hashlib.sha256(canonical(whole)).hexdigest()

    @property
    def open_places(self) -> list[str]:
        """Of which it is not known that nothing is left, or something is."""
        return [name for name in self.said["places"] if name not in self.emptied or self.emptied[name].left != 0]

    def answer(self, role: str) -> Mapping[str, Any] | None:
        """What somebody with that role said of what stands now; None: nobody did."""
        found = self.answers.get(role)
        return found if found is not None and found["digest"] == self.digest else None


def fold(records: Iterable[Record], tenant: str) -> Closing | None:
    """The newest closing of a client, from the entries of the MSP's tree; None: there is none."""
    closing: Closing | None = None
    backups: list[Backup] = []
    for record in records:
        data = record.data
        if record.event == TAKEN:
            backups.append(read(record))
            if closing is not None and closing.open_places:
                closing.backups = list(backups)
        if data.get("tenant") != tenant:
            continue
        if record.event == BEGUN:
            entry = f"msp#{record.entry.seq}"
            performer = {**data["performer"], "at": record.entry.fields["ts"], "entry": entry}
            closing = Closing(data["closing"], tenant, data["said"], performer, record.at, backups=list(backups))
        elif closing is not None and data["closing"] == closing.id:
            _apply(closing, record)
    return closing


def _apply(closing: Closing, record: Record) -> None:
    data, ts = record.data, str(record.entry.fields["ts"])
    if record.event == REMOVING:
        place = data["place"]
        before = closing.emptied.get(place["id"])
        found = max(int(data["found"]), before.found if before is not None else 0)
        closing.emptied[place["id"]] = Emptied(place, found, before.started_at if before is not None else ts)
    elif record.event == REMOVED:
        one = closing.emptied[data["id"]]
        one.finished_at, one.left = ts, int(data["left"])
        one.retained, one.evidence = list(data["retained"]), list(data["evidence"])
    elif record.event == ANSWERED:
        closing.answers[data["role"]] = {
            **data["person"],
            **{name: data[name] for name in ("digest", "decision", "reason", "evidence")},
            "at": ts,
            "entry": f"msp#{record.entry.seq}",
        }
    elif record.event == ATTESTED:
        closing.attested = {**data, "at": ts}


def certificate(closing: Closing, place: JournalPlace | None, *, organization: str, now: datetime) -> Certificate:
    """The certificate as it would be signed now. Whether it may be is the rule's to say (`tenantry.sanitization.withheld`); what is missing is
    unreached or unanswered here, and so stands in its way."""
    said = closing.said
    validator = closing.answer("validator")
    people = [_person("performer", closing.performer, organization)]
    people += [_person(role, one, organization) for role in ("verifier", "validator") if (one := closing.answer(role))]
    retained = [Retained.model_validate_json(canonical(dict(one))) for one in said["retained"]]
    for emptied in closing.emptied.values():
        retained += [Retained.model_validate_json(canonical(dict(one))) for one in emptied.retained]
    retained += _kept(closing.backups, now.date())
    return Certificate(
        certificate_id=closing.id,
        client=said["client"],
        issued_at=now,
        locations=tuple(_location(closing, one) for one in closing.emptied.values() if one.left is not None),
        unreached=(*closing.open_places, *said["unknown"]),
        validation=Validation(
            decision="accepted" if validator is not None and validator["decision"] == "accepted" else "rejected",
            basis=validator["reason"] if validator is not None else "nobody has validated it",
        ),
        people=tuple(people),
        legal=Legal(
            basis=said["basis"],
            controller_choice="delete" if said["choice"] == "delete" else "return",
            returned=said["returned"],
            copies=_copies(closing.backups),
            retained=tuple(retained),
            hold_checked=True,
            hold_in_force=False,
        ),
        not_recorded=(*_not_recorded(said), *_not_known(closing.backups, now.date())),
        journal=place,
    )


def _location(closing: Closing, one: Emptied) -> Location:
    place = one.place
    keys = None
    if place.get("key_id"):
        # The process that had it was given memory by a system that may swap; nobody here can say that it never did.
        keys = EraseKeys(
            ids=(place["key_id"],),
            escrowed_or_backed_up=True if closing.backups else None,
            ever_plaintext=None,
        )
    scope = f"{one.found} {place['unit']} were there, {one.left} are left"
    if one.retained:
        scope += ", besides what is listed as retained"
    verifier = closing.answer("verifier")
    evidence = [*one.evidence, *(verifier["evidence"] if verifier is not None else ())]
    return Location(
        id=place["id"],
        what=place["what"],
        where=place["where"],
        custody=place["custody"],
        method_requested="purge" if keys is not None else "clear",
        # Rows, files and objects are deleted by the means that we have. What a file system, a medium or a cloud keeps of them is not known here.
        method_achieved="partial",
        technique=place["technique"],
        tool=Tool(name="Tenantry", version=version("tenantry")),
        started_at=datetime.fromisoformat(one.started_at),
        finished_at=datetime.fromisoformat(one.finished_at),
        keys=keys,
        verification=Verification(
            method=_VERIFIED_BY,
            scope=scope,
            result="pass" if one.left == 0 and verifier is not None else "fail" if one.left else "unknown",
            evidence=tuple(evidence),
        ),
    )


def _person(role: str, one: Mapping[str, Any], organization: str) -> Person:
    return Person.model_validate(
        {
            "role": role,
            "name": one["name"],
            "title": one["title"],
            "organization": organization,
            "date": datetime.fromisoformat(one["at"]),
            "contact": one["email"] or one["person"],
            "approval": one["entry"],
        }
    )


def _kept(backups: list[Backup], today: date) -> list[Retained]:
    """Backups that may still be there, by the day on which they go."""
    days = Counter(one.until for one in backups if one.until is not None and one.until >= today)
    return [
        Retained(
            what=f"Backups of this installation, which may hold what was here when they were made: {count}",
            where="outside of this installation; where is not recorded",
            law="no law: nothing of one client can be deleted in an encrypted backup; each is deleted as a whole on the day recorded when it was made",
            until=until,
        )
        for until, count in sorted(days.items())
    ]


def _not_known(backups: list[Backup], today: date) -> list[str]:
    """Of backups that are not known to be there, nor to be gone."""
    over = [one.until for one in backups if one.until is not None and one.until < today]
    undated = sum(one.until is None for one in backups)
    lines = []
    if over:
        lines.append(
            f"that backups of this installation were deleted whose day is past: {len(over)}, the last on {max(over)}"
        )
    if undated:
        lines.append(f"until when backups of this installation are kept that were made without a day: {undated}")
    return lines


def _copies(backups: list[Backup]) -> str:
    lines = [
        "The record keeps the entries of this client without their contents: opaque ids, times, names of events, digests. The MSP's own record "
        "keeps the client's name, the names of these places, who answered for them, and this certificate.",
        f"Backups of this installation that were made by command: {len(backups)}. Each holds what was here then, with the client's key under the "
        "master key; where it lies is not recorded, and whoever has it and the master key can open it until it is deleted."
        if backups
        else "The record knows of no backup of this installation. Copies of its disk that were made past it are not known here.",
    ]
    return " ".join(lines)


def _not_recorded(said: Mapping[str, Any]) -> list[str]:
    return [
        "where the people were when they answered",
        "what file systems and media keep of what was overwritten or removed",
        *(
            f"{one['what']}: looked at by {one['by']} on {one['at'][:10]}, not by this platform"
            for one in said["people_know"]
        ),
        *(
            [f"{said['alerts_of_nobody']} alerts that name no client are kept, sealed: whose they are is not known"]
            if said.get("alerts_of_nobody")
            else []
        ),
        *(f"access {one}: shows in use alone; a person saw that it was removed" for one in said["untried"]),
        *(f"access {one}: cannot be tried by a service; Microsoft lists it as over" for one in said.get("ended", ())),
    ]
