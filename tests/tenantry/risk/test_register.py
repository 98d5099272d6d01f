from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tenantry.discovery import TaskRegistry
from tenantry.errors import Conflict, InvalidInput, JournalCorrupt, NotFound
from tenantry.risk.register import RiskRegister
from tests.support.stand import Stand


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path, TaskRegistry())
    yield made
    made.close()


@pytest.fixture
def register(stand: Stand) -> RiskRegister:
    return RiskRegister(stand.journal, "acme")


def add(register: RiskRegister, title: str = "Backups were never restored", **more: Any) -> Any:
    return register.add(title, "moderate", "very-high", by="sam.eng", **more)


def test_a_risk_from_its_opening_to_its_end(register: RiskRegister, stand: Stand) -> None:
    risk = add(register)
    today = stand.journal.clock.now().date()
    assert (risk.level, risk.source.kind, risk.review_on) == ("high", "person", today + timedelta(days=30))
    later = today + timedelta(days=200)
    treated = register.treat(
        risk.id[:5], "Accept", reason="it is one file", by="ann", owner="contact:jo", review_on=later
    )
    assert (treated.treatment, treated.owner, treated.review_on) == ("accept", "contact:jo", later)
    seen = register.review(risk.id, by="ann", note="restored one", likelihood="low")
    assert (seen.level, seen.review_on) == ("moderate", today + timedelta(days=90))
    assert register.close(risk.id, reason="restored", by="ann").status == "closed"
    whole = register.read()
    assert [one["by"] for one in whole.history[risk.id]] == ["sam.eng", "ann", "ann", "ann"]
    assert whole.open() == []


def test_the_heaviest_stands_first(register: RiskRegister) -> None:
    light = register.add("A printer", "low", "low", by="sam")
    heavy = register.add("No backups", "high", "very_high", by="sam")
    assert [one.id for one in register.read().open()] == [heavy.id, light.id]


def test_a_run_shows_several_risks_and_each_once(register: RiskRegister) -> None:
    first = add(register, source="incident", ref="run-7")
    second = add(register, "Nobody knew whom to call", source="drill", ref="run-7")
    assert first.id != second.id
    with pytest.raises(Conflict, match="open already"):
        add(register, source="incident", ref="run-7")
    register.close(first.id, reason="mended", by="ann")
    assert add(register, source="incident", ref="run-7").status == "open"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"likelihood": "often"}, "--likelihood"),
        ({"impact": ""}, "--impact"),
        ({"title": " "}, "--risk"),
        ({"title": "x" * 301}, "--risk"),
        ({"source": "rumour"}, "--source"),
        ({"source": "finding", "ref": "x"}, "--source"),
        ({"source": "incident"}, "--run"),
        ({"ref": "run-1"}, "--run"),
    ],
)
def test_bad_input_is_refused_by_name(register: RiskRegister, given: dict[str, Any], place: str) -> None:
    good = {"title": "A risk", "likelihood": "low", "impact": "low", **given}
    with pytest.raises(InvalidInput) as refused:
        register.add(good.pop("title"), good.pop("likelihood"), good.pop("impact"), by="sam", **good)
    assert refused.value.place == place
    assert register.read().risks == {}


@pytest.mark.parametrize("days", [0, -1, 367])
def test_the_day_of_review_lies_ahead(register: RiskRegister, stand: Stand, days: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        add(register, review_on=stand.journal.clock.now().date() + timedelta(days=days))
    assert refused.value.place == "--review"


def test_nobody_accepts_without_a_name_and_a_reason(register: RiskRegister) -> None:
    risk = add(register)
    with pytest.raises(InvalidInput) as nobody:
        register.treat(risk.id, "accept", reason="it is so", by="ann")
    assert nobody.value.place == "--owner"
    with pytest.raises(InvalidInput) as nothing:
        register.treat(risk.id, "mitigate", reason="", by="ann")
    assert nothing.value.place == "--reason"
    with pytest.raises(InvalidInput) as other:
        register.treat(risk.id, "ignore", reason="it is so", by="ann")
    assert other.value.place == "--treatment"


def test_what_is_closed_is_not_treated_and_what_is_not_there_not_found(register: RiskRegister) -> None:
    risk = add(register)
    register.close(risk.id, reason="gone", by="ann")
    with pytest.raises(Conflict):
        register.treat(risk.id, "avoid", reason="late", by="ann")
    with pytest.raises(NotFound):
        register.review("r0000", note="looked", by="ann")


def test_another_client_sees_nothing(register: RiskRegister, stand: Stand) -> None:
    add(register)
    stand.vault.create_tenant_key("globex")
    assert RiskRegister(stand.journal, "globex").read().risks == {}


@pytest.mark.parametrize(
    "change",
    ["UPDATE entries SET sealed = zeroblob(length(sealed)) WHERE seq = 0", "DELETE FROM entries WHERE seq = 0"],
)
def test_tampering_shows(register: RiskRegister, stand: Stand, change: str) -> None:
    risk = add(register)
    register.treat(risk.id, "mitigate", reason="to be done", by="ann")
    with sqlite3.connect(stand.home.journal_db) as db:
        db.execute(change)
    with pytest.raises(JournalCorrupt):
        register.read()
    assert not stand.journal.verify().ok
