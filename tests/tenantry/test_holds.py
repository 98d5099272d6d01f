"""Legal holds: set, lifted, never lost quietly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tenantry.errors import InvalidInput, NotFound, Refused
from tenantry.holds import in_force, lift, put, refuse_under_hold
from tenantry.home import Home
from tenantry.journal import Journal
from tenantry.tenants import LegalHold, Tenant
from tenantry.vault import Vault

TODAY = date(2026, 5, 4)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    home = Home(tmp_path).ensure()
    vault = Vault.open(home)
    vault.create_tenant_key("acme")
    return Journal(f"sqlite:///{home.journal_db}", lambda tenant: vault.subkey(tenant, "journal"))


def tenant(*holds: LegalHold) -> Tenant:
    return Tenant(name="acme", display_name="Acme", legal_holds=list(holds))


def test_a_hold_stands_until_it_is_lifted_and_says_who_set_it(journal: Journal) -> None:
    hold = put(journal, "acme", matter="Doe v. Acme", scope="mail", reason="counsel", by="kim.lead")
    [found] = in_force(journal, tenant(), TODAY)
    assert (found.id, found.matter, found.by, found.source) == (hold, "Doe v. Acme", "kim.lead", "record")
    with pytest.raises(Refused, match=r"Doe v. Acme \(mail, since .*, set by kim.lead\)"):
        refuse_under_hold((found,))
    lift(journal, tenant(), hold, reason="closed", by="kim.lead", today=TODAY)
    assert in_force(journal, tenant(), TODAY) == ()
    with pytest.raises(NotFound):
        lift(journal, tenant(), hold, reason="again", by="kim.lead", today=TODAY)


def test_one_of_the_file_stands_until_its_day_and_is_lifted_there(journal: Journal) -> None:
    open_one = LegalHold(matter="A", since=date(2026, 1, 1), scope="all")
    later = LegalHold(matter="B", since=date(2026, 1, 1), scope="all", released_on=date(2026, 5, 5))
    over = LegalHold(matter="C", since=date(2026, 1, 1), scope="all", released_on=TODAY)
    assert [one.matter for one in in_force(journal, tenant(open_one, later, over), TODAY)] == ["A", "B"]
    with pytest.raises(InvalidInput, match=r"stands in tenants/acme\.yaml"):
        lift(journal, tenant(open_one), "file-1", reason="closed", by="kim", today=TODAY)


def test_a_hold_whose_content_was_erased_still_stands(journal: Journal) -> None:
    put(journal, "acme", matter="Doe v. Acme", scope="mail", reason="counsel", by="kim")
    [record] = journal.of("acme", "hold.set")
    journal.erase("acme", [record.entry.id], by="somebody", reason="a request")
    [found] = in_force(journal, tenant(), TODAY)
    assert "not known" in found.matter


@pytest.mark.parametrize("text", ["", " ", "x" * 1001])
def test_an_empty_or_endless_text_is_refused(journal: Journal, text: str) -> None:
    with pytest.raises(InvalidInput):
        put(journal, "acme", matter=text, scope="mail", reason="counsel", by="kim")
