from __future__ import annotations

import os
import resource
import stat
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, JournalCorrupt, JournalUnavailable, NotFound, OutOfScope, Refused
from tenantry.journal import MSP, Event, Journal
from tenantry.journal.entry import GENESIS
from tests.support.stand import SteppingClock
from tests.tenantry.journal.support import Child, created, event, key, sql, together, url_of

# --- appending --------------------------------------------------------------------------------------------------------


def test_entries_form_a_chain(journal: Journal) -> None:
    first, second = journal.append("acme", [event(user="anna"), event(user="bert")])
    (third,) = journal.append("acme", [event("step.outcome")])
    assert [entry.seq for entry in (first, second, third)] == [0, 1, 2]
    assert first.fields["prev"] == GENESIS
    assert second.fields["prev"] == first.leaf.hex()
    assert third.fields["prev"] == second.leaf.hex()
    assert len({entry.id for entry in (first, second, third)}) == 3
    assert first.fields["mono_us"] < second.fields["mono_us"] < third.fields["mono_us"]
    assert first.at < second.at < third.at
    assert journal.verify().entries == 3


def test_entries_outlive_the_process(journal: Journal, path: Path) -> None:
    entries = journal.append("acme", [event(user="anna")])
    journal.close()
    again = Journal(url_of(path), key)
    assert [record.entry for record in again.tail("acme")] == entries
    assert again.tail("acme")[0].data == {"user": "anna"}
    assert again.verify().ok
    again.close()


def test_entries_of_a_kind_are_found(journal: Journal) -> None:
    journal.append(
        "acme",
        [
            event(user="anna"),
            Event("sweep.accepted", {"finding": "f1"}),
            Event("note", {"text": '"event":"sweep.accepted"'}),
        ],
    )
    journal.append("globex", [Event("sweep.accepted", {"finding": "f2"})])
    assert [record.data for record in journal.of("acme", "sweep.accepted", "sweep.never")] == [{"finding": "f1"}]


def test_entries_of_a_kind_are_counted_by_who_has_no_key(journal: Journal, path: Path) -> None:
    journal.append(MSP, [Event("backup.taken", {"by": "kim"}), Event("note", {"text": '"event":"backup.taken"'})])
    journal.append("acme", [Event("backup.taken", {"by": "sam"})])

    def refused(tenant: str) -> bytes:
        raise OutOfScope(f"no key of {tenant}'s")

    keyless = Journal(url_of(path), refused)
    assert keyless.how_many(MSP, "backup.taken") == 1
    assert keyless.how_many("globex", "backup.taken") == 0
    with pytest.raises(OutOfScope):
        keyless.of(MSP, "backup.taken")
    keyless.close()


def test_an_entry_says_nothing_of_persons_or_targets(journal: Journal, path: Path) -> None:
    journal.append(
        "acme", [Event("step.intent", {"item": "anna@acme.example", "by": "bert"}, run_id="r", step="block")]
    )
    for name in (path, path.with_name(path.name + "-wal")):
        stored = name.read_bytes()
        assert b"anna" not in stored
        assert b"bert" not in stored


def test_an_entry_does_not_name_its_tenant(journal: Journal) -> None:
    (entry,) = journal.append("acme", [event()])
    assert b"acme" not in entry.body
    assert entry.fields["tree"] != journal.append("globex", [event()])[0].fields["tree"]


def test_tenants_have_trees_of_their_own(journal: Journal) -> None:
    journal.append("acme", [event(user="anna")])
    (other,) = journal.append("globex", [event(user="carla")])
    assert other.seq == 0
    assert [record.data for record in journal.tail("acme")] == [{"user": "anna"}]
    assert [record.data for record in journal.tail("globex")] == [{"user": "carla"}]


def test_rehearsing_changes_nothing(journal: Journal) -> None:
    before = journal.verify()
    journal.rehearse()
    assert journal.verify() == before


def test_nothing_to_append_appends_nothing(journal: Journal) -> None:
    assert journal.append("acme", []) == []
    assert journal.verify().entries == 0


def test_a_batch_is_in_the_record_whole_or_not_at_all(journal: Journal) -> None:
    journal.append("acme", [created("run-1")])
    with pytest.raises(InvalidInput):
        journal.append("acme", [event(), Event("x", {"value": 2**60})])
    with pytest.raises(InvalidInput, match="run-1"):
        journal.append("acme", [event(), created("run-1")])
    assert [record.event for record in journal.tail("acme")] == ["run.created"]
    assert journal.verify().ok


def test_a_run_is_created_once_in_the_whole_estate(journal: Journal) -> None:
    journal.append("acme", [created("run-1")])
    with pytest.raises(InvalidInput):
        journal.append("globex", [created("run-1")])
    assert journal.run("run-1").tenant == "acme"


def test_the_file_is_the_owners_alone(journal: Journal, path: Path) -> None:
    journal.append("acme", [event()])
    for name in (path, path.with_name(path.name + "-wal")):
        assert stat.S_IMODE(name.stat().st_mode) & 0o077 == 0, name


def test_commits_are_durable_before_they_are_answered(journal: Journal) -> None:
    with journal._engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_an_append_writes_few_pages(journal: Journal, path: Path) -> None:
    """What a commit syncs decides how long it takes: its row, two indexes, the tree's head, and now and then a new page."""
    wal = path.with_name(path.name + "-wal")
    for _ in range(20):
        journal.append("acme", [event(user="anna")])
    before = wal.stat().st_size
    for _ in range(200):
        journal.append("acme", [event(user="anna")])
    assert wal.stat().st_size - before < 200 * 5.5 * (2048 + 24)


def test_a_tree_that_somebody_else_grew_is_read_again(journal: Journal, path: Path, clock: SteppingClock) -> None:
    """A process remembers where a tree ended when it appended last, and asks only whether that still holds."""
    other = Journal(url_of(path), key, clock)
    for turn in range(3):
        for writer in (journal, other, other):
            writer.append("acme", [event(str(turn))])
    with pytest.raises(InvalidInput):
        journal.append("acme", [created("run-1"), created("run-1")])  # what is remembered of it never came to be
    journal.append("acme", [event("after")])
    assert [record.entry.seq for record in other.tail("acme")] == list(range(10))
    assert other.verify().ok
    other.close()


# --- the clock --------------------------------------------------------------------------------------------------------


def test_a_clock_that_steps_back_is_recorded_before_the_entry_that_shows_it(
    journal: Journal, clock: SteppingClock
) -> None:
    (before,) = journal.append("acme", [event("one")])
    clock.at -= timedelta(minutes=5)
    (after,) = journal.append("acme", [event("two")])
    names = [record.event for record in journal.tail("acme")]
    assert names == ["one", "clock.stepped_back", "two"]
    step = journal.tail("acme")[1]
    assert step.data == {"was": before.fields["ts"], "is": step.entry.fields["ts"]}
    assert after.seq == 2, "the caller gets its own entry"
    assert after.fields["ts"] == step.entry.fields["ts"] < before.fields["ts"]
    assert after.fields["mono_us"] > before.fields["mono_us"], "the monotonic reading goes on"
    journal.append("acme", [event("three")])
    assert [record.event for record in journal.tail("acme", after=2)] == ["three"], "said once for each step back"
    assert journal.verify().ok


# --- reading ----------------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first(journal: Journal) -> None:
    journal.append("acme", [created("aaaa-1111")])
    journal.append("globex", [created("bbbb-2222")])
    journal.append("acme", [created("cccc-3333")])
    assert [index.run_id for index in journal.runs()] == ["cccc-3333", "bbbb-2222", "aaaa-1111"]
    assert [index.run_id for index in journal.runs("acme")] == ["cccc-3333", "aaaa-1111"]
    assert [index.run_id for index in journal.runs(limit=1)] == ["cccc-3333"]
    index = journal.runs("globex")[0]
    assert (index.tenant, index.runbook) == ("globex", "bec")
    assert index.created_at == rfc3339(journal.tail("globex")[0].at)


def test_a_run_is_found_by_the_beginning_of_its_id(journal: Journal) -> None:
    journal.append("acme", [created("aaaaaa11"), created("aaaaaa22"), created("bbbbbb_1"), created("bbbbbbX1")])
    assert journal.run("aaaaaa1").run_id == "aaaaaa11"
    assert journal.run("aaaaaa11").run_id == "aaaaaa11"
    for unclear in ("aaaaaa", "zzzzzz", "aaaa", "", "%", "aaaaaa__"):
        with pytest.raises(NotFound):
            journal.run(unclear)
    assert journal.run("bbbbbb_").run_id == "bbbbbb_1", "an underscore stands for itself"


def test_a_short_beginning_names_no_run_even_if_there_is_only_one(journal: Journal) -> None:
    journal.append("acme", [created("aaaaaa11")])
    with pytest.raises(NotFound):
        journal.run("aaaaa")


def test_a_runs_records_are_its_own_in_order(journal: Journal) -> None:
    journal.append("acme", [created("run-1"), created("run-2")])
    journal.append("acme", [event("one", "run-1", n=1), event("other", "run-2"), event("two", "run-1", n=2)])
    assert [(r.event, r.data.get("n")) for r in journal.records("run-1")] == [
        ("run.created", None),
        ("one", 1),
        ("two", 2),
    ]
    after = journal.records("run-1")[1].entry.seq
    assert [record.event for record in journal.records("run-1", after=after)] == ["two"]
    with pytest.raises(NotFound):
        journal.records("run-3")


def test_what_stands_in_another_tenants_tree_is_not_of_the_run(journal: Journal) -> None:
    journal.append("acme", [created("run-1")])
    journal.append("globex", [event("stray", "run-1")])
    assert [record.event for record in journal.records("run-1")] == ["run.created"]


def test_the_tail_begins_after_a_sequence_number(journal: Journal) -> None:
    journal.append("acme", [event(str(n)) for n in range(5)])
    assert [record.event for record in journal.tail("acme", after=1, limit=2)] == ["2", "3"]
    assert journal.tail("globex") == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET body = replace(body, 'step.intent', 'step.inteNt')",
        "UPDATE entries SET body = CAST(replace(body, 'step.intent', 'step.inteNt') AS BLOB)",
        "UPDATE entries SET leaf = zeroblob(32)",
        "UPDATE entries SET sealed = 'text'",
        "UPDATE entries SET sealed = zeroblob(length(sealed))",
        "UPDATE entries SET sealed = NULL",
        "UPDATE entries SET body = x'00'",
    ],
)
def test_damage_is_noticed_when_it_is_read(journal: Journal, path: Path, damage: str) -> None:
    """A run goes on because of what it reads: it must not go on because of something else."""
    journal.append("acme", [created("run-1"), event()])
    sql(path, damage)
    with pytest.raises(JournalCorrupt):
        journal.records("run-1")


# --- erasing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [10, 1_500, 60_000], ids=["in a row", "most of a page", "over many pages"])
def test_an_erased_payload_is_gone_and_the_record_still_verifies(journal: Journal, path: Path, length: int) -> None:
    first, second = journal.append("acme", [event(user="anna", text="x" * length), event(user="bert")])
    sealed = sql(path, "SELECT sealed FROM entries WHERE id = ?", [first.id])[0][0]
    journal.erase("acme", [first.id], by="dora", reason="GDPR 17")
    records = journal.tail("acme")
    assert [record.payload for record in records[:2]] == [None, {"user": "bert"}]
    assert records[0].entry == first
    assert records[2].event == "payload.erased"
    assert records[2].data == {"entries": [first.id], "evidence": [], "by": "dora", "reason": "GDPR 17"}
    assert journal.verify().ok
    assert second.id != first.id
    for name in (path, path.with_name(path.name + "-wal")):
        left = name.read_bytes()
        for at in range(20, len(sealed) - 40, 500):
            assert sealed[at : at + 40] not in left, f"the payload is still in {name.name}"


def test_what_may_not_be_erased_is_refused(journal: Journal) -> None:
    (mine,) = journal.append("acme", [event()])
    (theirs,) = journal.append("globex", [event()])
    erasure = journal.erase("acme", [mine.id], by="dora", reason="GDPR 17")
    size = len(journal.tail("acme"))
    with pytest.raises(NotFound):
        journal.erase("acme", [theirs.id], by="dora", reason="not ours")
    with pytest.raises(NotFound):
        journal.erase("acme", [mine.id], by="dora", reason="again")
    with pytest.raises(Refused):
        journal.erase("acme", [erasure.id], by="dora", reason="cover it up")
    assert len(journal.tail("acme")) == size
    assert journal.verify().ok


# --- freezing ---------------------------------------------------------------------------------------------------------


def test_a_freeze_is_in_force_until_it_is_lifted(journal: Journal) -> None:
    assert journal.frozen("acme") is None
    journal.freeze("acme", "anna", "strange alerts")
    frozen = journal.frozen("acme")
    assert frozen is not None
    assert (frozen["scope"], frozen["by"], frozen["reason"]) == ("acme", "anna", "strange alerts")
    assert journal.frozen("globex") is None
    assert journal.unfreeze("acme", "bert") is True
    assert journal.frozen("acme") is None
    assert journal.unfreeze("acme", "bert") is False
    events = [(record.event, record.data["by"]) for record in journal.tail("acme")]
    assert events == [("freeze", "anna"), ("unfreeze", "bert")]


def test_a_freeze_of_everything_stops_every_tenant(journal: Journal) -> None:
    journal.freeze("*", "anna", "our own console was entered")
    assert journal.frozen("acme") is not None
    assert journal.frozen("globex") is not None
    assert journal.tail(MSP)[0].data["scope"] == "*"
    assert journal.tail("acme") == [], "a client's record says nothing of the others"
    journal.freeze("acme", "bert", "and this one")
    journal.unfreeze("*", "anna")
    assert journal.frozen("acme") is not None
    assert journal.frozen("globex") is None


def test_a_second_freeze_replaces_the_first(journal: Journal) -> None:
    journal.freeze("acme", "anna", "one")
    journal.freeze("acme", "bert", "two")
    frozen = journal.frozen("acme")
    assert frozen is not None
    assert frozen["reason"] == "two"
    assert journal.verify().ok


# --- several processes ------------------------------------------------------------------------------------------------


def _write(path: Path, tenant: str, times: int, batch: int) -> None:
    journal = Journal(url_of(path), key)
    for n in range(times):
        journal.append(tenant, [event(f"{os.getpid()}-{n}-{k}") for k in range(batch)])
    journal.close()


def test_writers_in_several_processes_keep_the_chain_intact(path: Path) -> None:
    """Also the first entry of a tree, for which several ask at once, and the migration before it."""
    writers = [partial(_write, path, tenant, 15, 3) for tenant in ("acme", "acme", "acme", "globex")]
    assert together(*writers) == [0, 0, 0, 0]
    journal = Journal(url_of(path), key)
    result = journal.verify()
    assert result.ok, result.first_bad
    assert result.entries == 4 * 15 * 3
    names = [record.event for record in journal.tail("acme")]
    for writer in {name.split("-")[0] for name in names}:
        mine = [name for name in names if name.startswith(f"{writer}-")]
        assert mine == [f"{writer}-{n}-{k}" for n in range(15) for k in range(3)], "in the order of its calls"
    for first in range(0, len(names), 3):
        assert len({name.rsplit("-", 1)[0] for name in names[first : first + 3]}) == 1, "a batch is not interleaved"
    journal.close()


def test_what_was_acknowledged_survives_a_kill(path: Path) -> None:
    reader, writer = os.pipe()

    def run() -> None:
        journal = Journal(url_of(path), key)
        for n in range(1_000_000):
            (entry,) = journal.append("acme", [event(str(n))])
            os.write(writer, f"{entry.id}\n".encode())

    child = Child(run)
    os.close(writer)
    acknowledged = b""
    while acknowledged.count(b"\n") < 50:
        acknowledged += os.read(reader, 4096)
    child.kill()
    while rest := os.read(reader, 4096):
        acknowledged += rest
    os.close(reader)
    journal = Journal(url_of(path), key)
    recorded = [record.entry.id for record in journal.tail("acme")]
    told = acknowledged.decode().split()
    assert recorded[: len(told)] == told
    assert len(recorded) <= len(told) + 1
    assert journal.verify().ok
    journal.close()


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_and_can_be_mended(path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the kernel refuses the write in the same place."""

    def run() -> None:
        journal = Journal(url_of(path), key)
        journal.append("acme", [event("before")])
        size = path.with_name(path.name + "-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8192, resource.RLIM_INFINITY))
        with pytest.raises(JournalUnavailable) as caught:
            journal.append("acme", [event("too much", text="x" * 100_000)])
        assert caught.value.retryable
        assert [record.event for record in journal.tail("acme")] == ["before"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal.append("acme", [event("after", text="x" * 100_000)])
        assert [record.event for record in journal.tail("acme")] == ["before", "after"]
        assert journal.verify().ok

    assert Child(run).wait() == 0


def test_a_journal_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable):
        Journal(url_of(tmp_path / "missing" / "journal.db"), key)
    (tmp_path / "noise.db").write_bytes(b"This is no database." * 500)
    with pytest.raises(JournalCorrupt):
        Journal(url_of(tmp_path / "noise.db"), key)


def test_an_error_does_not_repeat_what_was_to_be_recorded(journal: Journal, path: Path) -> None:
    sql(path, "CREATE TRIGGER broken BEFORE INSERT ON freezes BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(JournalCorrupt) as caught:
        journal.freeze("acme", "anna", "the reason nobody else should read")
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "nobody else" not in str(chain)
        chain = chain.__cause__ or chain.__context__
