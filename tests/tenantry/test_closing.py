"""How a closing stands, from entries: an answer counts for what stood when it was given, and what is left stays open."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tenantry.backup.kept import TAKEN
from tenantry.closing import ANSWERED, BEGUN, EVENTS, REMOVED, REMOVING, Closing, certificate, fold
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.names import MSP
from tenantry.sanitization import withheld
from tenantry.vault import Vault

SAID: dict[str, Any] = {
    "run": "run-1",
    "client": "Acme",
    "marks": ["acme"],
    "choice": "delete",
    "returned": None,
    "basis": "the agreement's end",
    "retained": [{"what": "Invoices", "where": "accounting", "law": "AO 147", "until": "2136-12-31"}],
    "stores": [],
    "places": ["evidence", "vault/key"],
    "people_know": [{"what": "Tickets", "by": "sam", "at": "2026-05-04T10:00:00Z"}],
    "untried": ["webhook"],
    "unknown": [],
}


class Book:
    """The MSP's record."""

    def __init__(self, folder: Path) -> None:
        home = Home(folder).ensure()
        vault = Vault.open(home)
        self.journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: vault.subkey(tenant, "journal"))
        self.put(BEGUN, said=SAID, performer=who("sam"))

    def put(self, event: str, **data: Any) -> None:
        self.journal.append(MSP, [Event(event, {"closing": "SAN-1", "tenant": "acme", **data})])

    def backup(self, **until: str) -> None:
        self.journal.append(MSP, [Event(TAKEN, {"backup": "b", "by": "dora", **until})])

    def emptied(self, id: str, left: int = 0, **place: Any) -> None:
        told = {
            "id": id,
            "what": id,
            "where": "here",
            "unit": "files",
            "technique": "removed",
            "custody": "own",
            **place,
        }
        self.put(REMOVING, place=told, found=3)
        self.put(REMOVED, id=id, left=left, retained=[], evidence=["ab" * 32])

    def answered(self, role: str, person: str, decision: str = "accepted") -> None:
        digest = self.closing().digest
        self.put(
            ANSWERED, role=role, person=who(person), decision=decision, reason="so", digest=digest, evidence=["cd" * 32]
        )

    def closing(self) -> Closing:
        found = fold(self.journal.of(MSP, *EVENTS), "acme")
        assert found is not None
        return found

    def why(self) -> list[str]:
        from tenantry.sanitization.model import JournalPlace

        place = JournalPlace(origin="o", index=1, proof="ab" * 32)
        return withheld(certificate(self.closing(), place, organization="MSP", now=self.journal.clock.now()))


def who(person: str) -> dict[str, str]:
    return {"person": person, "name": person.title(), "email": "", "title": "engineer"}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_all_is_gone_and_answered_for(book: Book) -> None:
    book.emptied("evidence")
    book.emptied("vault/key", key_id="k1")
    book.answered("verifier", "kim")
    book.answered("validator", "ann")
    assert book.why() == []
    found = certificate(book.closing(), None, organization="MSP", now=book.journal.clock.now())
    [key] = [one.keys for one in found.locations if one.keys is not None]
    assert key.escrowed_or_backed_up is None, "nobody made a backup, as far as the record knows"
    assert {one.method_achieved for one in found.locations} == {"partial"}
    assert "knows of no backup" in found.legal.copies
    assert any("webhook" in line for line in found.not_recorded)


def test_backups_are_retained_until_their_day(book: Book) -> None:
    today = book.journal.clock.now().date()
    later, past = today + timedelta(days=30), today - timedelta(days=1)
    book.backup(until=later.isoformat())
    book.backup(until=past.isoformat())
    book.backup()  # of a time when nobody was asked
    book.emptied("evidence")
    book.backup(until=later.isoformat())  # while it is emptied: it has what was left
    book.emptied("vault/key", key_id="k1")
    book.backup(until="2199-01-01")  # there was nothing any more
    book.answered("verifier", "kim")
    book.answered("validator", "ann")
    assert book.why() == []
    found = certificate(book.closing(), None, organization="MSP", now=book.journal.clock.now())
    [_, kept] = found.legal.retained
    assert (kept.what[-3:], kept.until) == (": 2", later)
    [key] = [one.keys for one in found.locations if one.keys is not None]
    assert key.escrowed_or_backed_up is True
    assert "by command: 4." in found.legal.copies
    told = [line for line in found.not_recorded if "backups" in line]
    assert len(told) == 2
    assert told[0].endswith(f"whose day is past: 1, the last on {past}")
    assert told[1].endswith("without a day: 1")


def test_an_answer_is_for_the_backups_that_there_were(book: Book) -> None:
    book.emptied("evidence")
    book.answered("verifier", "kim")
    book.backup(until="2199-01-01")
    assert book.closing().answer("verifier") is None


def test_a_place_that_was_not_looked_at_is_unreached(book: Book) -> None:
    book.emptied("evidence")
    assert any("vault/key: it is not known" in line for line in book.why())


def test_what_is_left_is_a_failure(book: Book) -> None:
    book.emptied("evidence", left=1)
    book.emptied("vault/key")
    book.answered("verifier", "kim")
    assert book.closing().open_places == ["evidence"]
    assert any("evidence (evidence): whether it was deleted failed" in line for line in book.why())


def test_an_answer_counts_for_what_stood_then(book: Book) -> None:
    book.emptied("evidence")
    book.emptied("vault/key")
    book.answered("verifier", "kim")
    book.emptied("evidence")  # something had come back
    assert book.closing().answer("verifier") is None
    assert any("nobody is named who verified" in line for line in book.why())


def test_what_was_found_first_is_not_forgotten(book: Book) -> None:
    book.emptied("evidence")
    book.put(
        REMOVING,
        place={"id": "evidence", "what": "e", "where": "h", "unit": "u", "technique": "t", "custody": "own"},
        found=0,
    )
    assert book.closing().emptied["evidence"].found == 3
    assert book.closing().open_places == ["evidence", "vault/key"]


def test_rejected_is_not_signed(book: Book) -> None:
    book.emptied("evidence")
    book.emptied("vault/key")
    book.answered("verifier", "kim")
    book.answered("validator", "ann", "rejected")
    assert any("not accepted" in line for line in book.why())


def test_another_clients_closing_is_not_this_ones(book: Book) -> None:
    assert fold(book.journal.of(MSP, *EVENTS), "other") is None
