from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from tenantry.clock import rfc3339
from tenantry.journal import MSP, Event, Record
from tenantry.timeline import FORMATS, Lane, Timeline, build, related
from tenantry.timeline.model import ClockState, Verdict
from tests.support.sample_run import ANNA, LEN, RUN, START, TENANT, Recorder, Sample, sample_run, timeline_of


def test_everything_recorded_is_there_once_and_in_order(sample: Sample, timeline: Timeline) -> None:
    events = list(timeline.events)

    assert [e.order for e in events] == sorted(e.order for e in events)
    own = [e.entry for e in events if e.lane is not Lane.ATTACKER and e.kind != "interrupted"]
    assert sorted(own) == sorted(record.entry.id for record in sample.records)
    assert timeline.record.entries == len(sample.records)


def test_lanes(timeline: Timeline) -> None:
    events = list(timeline.events)
    kinds = {lane: {e.kind for e in events if e.lane is lane} for lane in Lane}

    assert kinds[Lane.ATTACKER] == {"sign_in", "method", "rule", "forwarding", "consent", "device", "phishing"}
    assert kinds[Lane.PEOPLE] == {
        *("run_requested", "question_asked", "approval_requested", "answered", "approved", "answer_refused", "note")
    }
    assert {
        "started",
        "resumed",
        "interrupted",
        "read",
        "intent",
        "changed",
        "message_sent",
        "waiting",
        "ended",
    } <= kinds[Lane.PLATFORM]


def test_an_attackers_event_has_its_own_time_source_and_certainty(timeline: Timeline) -> None:
    attacks = [e for e in timeline.events if e.lane is Lane.ATTACKER]

    assert len(attacks) == 9  # reported by two steps, told once
    first = attacks[0]
    assert first.at == START - timedelta(hours=26.05)
    assert (first.source, first.source_id) == ("Entra ID sign-in log", "9c1e7b52-0001")
    assert first.recorded_at > START
    assert first.techniques == ("T1078.004",)
    assert {e.certainty for e in attacks} == {"observed", "attributed", "uncertain"}


def test_a_note_stands_where_the_person_put_it(timeline: Timeline) -> None:
    (note,) = (e for e in timeline.events if e.kind == "note")

    assert note.at == START - timedelta(minutes=9)
    assert note.recorded_at > START
    assert (note.actor, note.certainty, note.after_record) == ("mira", "stated", False)


def test_a_note_about_the_future_is_flagged(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    later = rfc3339(sample.clock.at + timedelta(hours=1))
    sample.journal.append(TENANT, [Event("note", {"text": "x", "at": later, "by": "mira"}, RUN)])

    timeline = timeline_of(sample)

    assert [e.after_record for e in timeline.events if e.kind == "note"] == [False, True]
    assert any("a clock was wrong" in line for line in timeline.unknown)


def test_an_interruption_lies_between_the_last_entry_and_the_next_attempt(timeline: Timeline) -> None:
    events = list(timeline.events)
    (broken,) = (e for e in events if e.kind == "interrupted")
    number = events.index(broken)

    assert events[number - 1].kind == "intent"
    assert events[number + 1].kind == "resumed"
    assert broken.recorded_at - broken.at == timedelta(seconds=6.4)
    assert "interrupted once" in " ".join(timeline.summary)


def test_waiting_is_no_interruption(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    put = Recorder(sample.journal, sample.clock, RUN)
    put.attempt = 2
    put.put("note", {"text": "still there?", "at": None, "by": "mira"}, after=60)
    put.begin(after=60)

    assert sum(e.kind == "interrupted" for e in timeline_of(sample).events) == 1


def test_what_people_do_meanwhile_does_not_shorten_an_interruption(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    put = Recorder(sample.journal, sample.clock, RUN)
    put.attempt = 2
    put.begin(after=1)
    put.put("note", {"text": "is it down?", "at": None, "by": "mira"}, after=60)
    put.begin(after=60)

    broken = [e for e in timeline_of(sample).events if e.kind == "interrupted"]

    assert broken[-1].recorded_at - broken[-1].at == timedelta(seconds=120)


def test_turning_points_and_durations(timeline: Timeline) -> None:
    at = {moment.key: moment.at for moment in timeline.moments}
    lasted = {duration.key: duration.value for duration in timeline.durations}

    assert list(at) == ["compromised", "discovered", "access_cut", "contained", "recovered", "ended"]
    assert at["discovered"] == START
    assert lasted["dwell"] == timedelta(hours=26.05)
    assert lasted["cut"] == at["access_cut"] - START
    assert lasted["containment"] == at["contained"] - START
    assert lasted["exfiltration"] is None  # nothing recorded: not known, never zero
    assert any("whether data was taken is not recorded" in line for line in timeline.unknown)


def test_a_failed_effect_leaves_access_not_cut(tmp_path: Path) -> None:
    timeline = timeline_of(sample_run(tmp_path, spray=100))

    assert timeline.moment("access_cut") is None
    assert next(d for d in timeline.durations if d.key == "cut").value is None
    assert timeline.status == "completed_with_exceptions"
    assert any("user0096@acme.example" in line for line in timeline.unknown)


def test_discovery_is_when_it_was_reported_if_that_was_said(sample: Sample) -> None:
    state = sample.state
    state.params = {**state.params, "reported_at": rfc3339(START - timedelta(hours=2))}

    timeline = build(state, sample.records, runbook=sample.runbook)

    discovered = timeline.moment("discovered")
    assert discovered is not None
    assert (discovered.at, discovered.label) == (START - timedelta(hours=2), "Reported")


def test_steps_are_those_of_the_runbook(timeline: Timeline) -> None:
    rows = {(row.step, row.item): row for row in timeline.steps}

    assert rows["block", ANNA].outcome == rows["block", LEN].outcome == "changed"
    assert rows["block", LEN].note.startswith("found done when it was checked again")
    assert rows["enable", ""].approvals == ["approved by jon, 2026-11-20 03:48:19 UTC: Anna was verified in person"]
    assert rows["sign_ins", ""].took == timedelta(seconds=3.1)
    assert [row.phase for row in timeline.steps] == sorted(
        (row.phase for row in timeline.steps), key=list(timeline.phases).index
    )


def test_a_run_that_waits(make: Callable[..., Timeline]) -> None:
    timeline = make(unfinished=True)

    assert timeline.status == "waiting_for_approval"
    assert timeline.ended_at is None
    assert [row.step for row in timeline.steps if not row.outcome] == ["confirmed", "enable", "clocks", "actions"]
    assert [d.closed for d in timeline.decisions] == ["", ""]
    assert "4 steps had not begun at the end of this record" in timeline.unknown
    assert timeline.moment("ended") is None


def test_a_drill_says_so_first(make: Callable[..., Timeline]) -> None:
    assert make(mode="drill").summary[0].startswith("This was a drill")


def test_findings_and_what_became_of_them(timeline: Timeline) -> None:
    by = {verdict: [f for f in timeline.findings if f.verdict is verdict] for verdict in Verdict}

    assert {f.label: f.result for f in by[Verdict.ATTRIBUTED] if f.kind == "rule"} == {
        "rule '.'": "changed",
        "rule 'Invoices' (hidden)": "changed",
    }
    assert len(by[Verdict.ATTRIBUTED]) == 4
    assert len(by[Verdict.KEPT]) == 3
    assert all(not f.result for f in by[Verdict.KEPT])
    assert any("DESKTOP-7QX1" in line for line in timeline.unknown)


def test_clocks_and_their_margins(timeline: Timeline) -> None:
    clocks = {clock.name: clock for clock in timeline.clocks}

    assert [c.due_at for c in timeline.clocks] == sorted(c.due_at for c in timeline.clocks)
    assert clocks["Insurer"].state is ClockState.MISSED
    assert clocks["Insurer"].margin == timedelta(minutes=-11)
    assert clocks["Client contract: first notice"].state is ClockState.MET
    running = clocks["GDPR Art. 33: authority"]
    assert running.state is ClockState.RUNNING
    assert running.margin == running.due_at - timeline.record.as_of


def test_what_steps_could_not_see_is_not_known(timeline: Timeline) -> None:
    assert "the vendor publishes sign-ins minutes late: the newest may be missing" in timeline.unknown


def test_an_event_of_an_unknown_kind_is_told_all_the_same(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    sample.journal.append(TENANT, [Event("campaign.joined", {"x": 1}, RUN)])

    last = list(timeline_of(sample).events)[-1]

    assert (last.kind, last.title) == ("campaign.joined", "Campaign joined")


def test_an_attackers_event_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    put = Recorder(sample.journal, sample.clock, RUN)
    put.outcome("profile", "observed", output={"attacker_events": [{"title": "no time"}, "nonsense"]})

    assert sum("an event reported by Tell the attacker's sign-ins" in line for line in timeline_of(sample).unknown) == 2


def test_erased_content_leaves_the_event(sample: Sample) -> None:
    records = [Record(r.entry, None if r.event == "note" else r.payload) for r in sample.records]

    timeline = build(sample.state, records, runbook=sample.runbook)

    (note,) = (e for e in timeline.events if e.kind == "erased")
    assert note.title == "Note (content was erased)"
    assert timeline.record.erased == 1
    assert "the content of 1 entry was erased on purpose" in timeline.unknown


def test_freezes_and_a_clock_that_steps_back_are_told(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    sample.journal.freeze(TENANT, "jon", "wrong account?")
    sample.journal.freeze("*", "jon", "everything")
    sample.clock.after(-30)
    sample.journal.append(TENANT, [Event("note", {"text": "x", "at": None, "by": "mira"}, RUN)])
    sample.clock.after(90)
    sample.journal.append("globex", [Event("freeze", {"scope": "globex", "by": "x", "reason": "theirs"})])
    sample.journal.append(TENANT, [Event("note", {"text": "y", "at": None, "by": "mira"}, RUN)])

    records = sample.records
    around = related(sample.journal, sample.state, records)
    timeline = build(sample.state, records, runbook=sample.runbook, around=around)

    kinds = [e.kind for e in timeline.events]
    assert kinds.count("frozen") == 2
    assert "clock_stepped_back" in kinds
    assert all("theirs" not in e.detail for e in timeline.events)
    assert sample.journal.tail(MSP)


def test_without_its_runbook_a_run_is_still_told(sample: Sample) -> None:
    timeline = build(sample.state, sample.records)

    assert timeline.title == "Business email compromise"
    assert len(timeline.steps) == 17
    for format in FORMATS.values():
        assert format.export(timeline, BytesIO()) == len(list(timeline.events))


def test_the_same_record_gives_the_same_bytes(sample: Sample) -> None:
    def written(name: str) -> bytes:
        out = BytesIO()
        FORMATS[name].export(timeline_of(sample), out)
        return out.getvalue()

    for name in FORMATS:
        assert written(name) == written(name)


def test_times_are_utc(timeline: Timeline) -> None:
    assert {e.at.tzinfo for e in timeline.events} == {UTC}
    assert isinstance(timeline.record.as_of, datetime)
