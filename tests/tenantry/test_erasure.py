from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenantry.clock import rfc3339
from tenantry.erasure import erase, select
from tenantry.errors import NotFound, Refused
from tenantry.journal import Event
from tenantry.proof.check import check_bundle
from tenantry.run import Status, fold, run_view
from tenantry.timeline import Timeline, build, export_evidence, related
from tests.support.sample_run import ANNA, RUN, TENANT, sample_run
from tests.tenantry.timeline.test_bundle import Made


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def _everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _timeline(made: Made) -> Timeline:
    """As the command line builds it: the tenant is known although nothing in the run says it."""
    sample = made.sample
    state = fold(sample.records, tenant=TENANT)
    return build(state, sample.records, runbook=None, around=related(sample.journal, state, sample.records))


def test_a_whole_run_is_erased_and_its_bundle_still_verifies(made: Made, tmp_path: Path) -> None:
    journal = made.sample.journal
    made.ledger.checkpoint(TENANT)
    ended = made.sample.state.ended
    pieces = {row.sha256 for row in made.timeline.evidence}
    assert all(made.store.has(TENANT, piece) for piece in pieces)
    done = erase(journal, made.store, TENANT, select(journal, TENANT, run_id=RUN), by="jon", reason="GDPR 17")
    assert set(done.evidence) == pieces
    assert not any(made.store.has(TENANT, piece) for piece in pieces)
    assert made.ledger.verify().ok

    records = journal.records(RUN)
    assert all(record.payload is None for record in records)
    state = fold(records, tenant=TENANT)
    assert (state.tenant, state.ended, state.erased) == (TENANT, ended, len(records))
    view = run_view(state, live=False, runbook=None)
    assert view["status"] == "completed"
    assert ANNA not in json.dumps(view, default=str)

    timeline = _timeline(made)
    bundle = export_evidence(
        tmp_path / "out", timeline=timeline, records=records, run=view, store=made.store, ledger=made.ledger
    )
    report = check_bundle(bundle.folder)
    assert (report.first_bad, report.payloads_erased, report.entries) == (None, len(records), len(records))
    content = _everything(bundle.folder)
    assert ANNA.encode() not in content
    assert b"mira" not in content


def test_what_mentions_a_person_is_erased_and_nothing_else(made: Made, tmp_path: Path) -> None:
    journal = made.sample.journal
    found = select(journal, TENANT, mentions=ANNA.upper())
    others = [record for record in journal.tail(TENANT) if record.entry.id not in {one.entry.id for one in found}]
    assert found
    assert others
    erase(journal, made.store, TENANT, found, by="jon", reason="GDPR 17")
    assert select(journal, TENANT, mentions=ANNA) == []
    kept = {record.entry.id: record.payload for record in journal.tail(TENANT)}
    assert all(kept[record.entry.id] == record.payload for record in others)
    assert made.ledger.verify().ok
    records = journal.records(RUN)
    state = fold(records, tenant=TENANT)
    export_evidence(
        tmp_path / "out",
        timeline=_timeline(made),
        records=records,
        run=run_view(state, live=False, runbook=None),
        store=made.store,
        ledger=made.ledger,
    )
    assert check_bundle(tmp_path / "out").first_bad is None
    assert ANNA.encode() not in _everything(tmp_path / "out")


def test_erasing_is_recorded_without_saying_what_was_erased(made: Made) -> None:
    journal = made.sample.journal
    done = erase(journal, made.store, TENANT, select(journal, TENANT, mentions=ANNA), by="jon", reason="ticket 4711")
    (record,) = [one for one in journal.tail(TENANT) if one.entry.id == done.entry.id]
    assert record.data["by"] == "jon"
    assert len(record.data["entries"]) == done.entries
    assert ANNA not in json.dumps(dict(record.data))


def test_a_file_that_another_entry_names_stays(made: Made) -> None:
    journal = made.sample.journal
    piece = made.timeline.evidence[0]
    said = {"evidence": [{"name": piece.name, "sha256": piece.sha256, "size": 1, "rows": 1}], "started_at": "x"}
    journal.append(TENANT, [Event("note", said)])
    done = erase(journal, made.store, TENANT, select(journal, TENANT, run_id=RUN), by="jon", reason="GDPR 17")
    assert piece.sha256 not in done.evidence
    assert made.store.has(TENANT, piece.sha256)


def test_what_was_killed_in_between_is_finished(made: Made) -> None:
    """The record says that files are erased, and they are still there."""
    journal = made.sample.journal
    piece = made.timeline.evidence[0].sha256
    found = select(journal, TENANT, run_id=RUN)
    journal.erase(TENANT, [record.entry.id for record in found], by="jon", reason="GDPR 17", evidence=[piece])
    assert made.store.has(TENANT, piece)
    with pytest.raises(NotFound):
        erase(journal, made.store, TENANT, [], by="jon", reason="GDPR 17")
    assert not made.store.has(TENANT, piece)


def test_a_run_that_has_not_ended_is_not_erased(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    with pytest.raises(Refused):
        select(sample.journal, TENANT, run_id=RUN)
    with pytest.raises(Refused):
        select(sample.journal, TENANT, mentions=ANNA)


def test_an_erased_outcome_settles_nothing_that_is_known(made: Made) -> None:
    journal = made.sample.journal
    outcomes = [record for record in journal.records(RUN) if record.event == "step.outcome"]
    erase(journal, made.store, TENANT, outcomes[:1], by="jon", reason="GDPR 17")
    state = fold(journal.records(RUN))
    assert state.ended is Status.COMPLETED
    erased = state.items[(str(outcomes[0].step), None)]
    assert (erased.outcome, erased.output) == (outcomes[0].outcome, None)
    assert erased.finished_at is not None
    assert rfc3339(erased.finished_at) == outcomes[0].entry.fields["ts"]
