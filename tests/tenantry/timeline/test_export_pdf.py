"""The PDF, read with poppler: its text, its tags, its fonts."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.export_pdf import MAX_EVENTS, MAX_STEPS, _Report, export
from tenantry.timeline.model import Lane
from tenantry.timeline.pdf_rows import fewer, most_telling
from tenantry.timeline.typeset import Untypeset, ascii_only, compiled
from tests.support.tools import needs_program


def made(timeline: Timeline) -> bytes:
    out = BytesIO()
    assert export(timeline, out) == len(list(timeline.events))
    return out.getvalue()


def read(pdf: bytes, tool: str, folder: Path, *args: str) -> str:
    needs_program(tool)  # of poppler-utils
    (folder / "report.pdf").write_bytes(pdf)
    command = [tool, *args, str(folder / "report.pdf"), *(["-"] if tool == "pdftotext" else [])]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def words(pdf: bytes, folder: Path) -> str:
    return re.sub(r"\s+", " ", read(pdf, "pdftotext", folder, "-layout").replace("\u200b", ""))


def test_what_the_report_says(timeline: Timeline, tmp_path: Path) -> None:
    text = words(made(timeline), tmp_path)
    for title in (
        *("Summary", "Notification clocks", "What is not known", "Who did what, and when", "What the attacker did"),
        *("What was found, and whose it is", "Decisions of people", "Review: root cause and actions", "Steps"),
        *("Timeline", "Evidence", "Proof: what this rests on", "How sure something is", "Contents"),
    ):
        assert title in text
    assert "Acme Logistics GmbH" in text
    assert timeline.record.last_leaf in text
    assert "No phishing-resistant MFA for finance; jon orders keys by 1 December" in text
    assert "all times UTC" in text
    for event in timeline.events:
        assert f"{event.at:%Y-%m-%d %H:%M:%S}.{event.at.microsecond // 1000:03}" in text
    for line in timeline.summary:
        assert re.sub(r"\s+", " ", line) in text


def test_it_is_tagged_and_brings_its_fonts(timeline: Timeline, tmp_path: Path) -> None:
    pdf = made(timeline)
    facts = read(pdf, "pdfinfo", tmp_path)
    assert re.search(r"Tagged:\s+yes", facts)
    assert re.search(r"JavaScript:\s+no", facts)
    assert timeline.title in facts
    assert b"pdfaid:part" in pdf
    assert b"pdfuaid:part" in pdf
    fonts = read(pdf, "pdffonts", tmp_path).splitlines()[2:]
    assert fonts
    for font in fonts:
        embedded, _subset, unicode = re.findall(r" (yes|no)\b", font)[:3]
        assert (embedded, unicode) == ("yes", "yes")


def test_the_same_record_gives_the_same_bytes(timeline: Timeline) -> None:
    assert made(timeline) == made(timeline)


def test_a_checkpoint_is_shown_where_there_is_one(timeline: Timeline, tmp_path: Path) -> None:
    assert "Signed checkpoint" not in words(made(timeline), tmp_path)
    note = "tenantry.example/log\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— tenantry Az3grl\n"
    text = words(made(replace(timeline, record=replace(timeline.record, checkpoint=note))), tmp_path)
    assert "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=" in text


def test_mark_up_in_names_is_shown_not_obeyed(hostile: Callable[[str], Timeline], tmp_path: Path) -> None:
    text = words(made(hostile('#eval("1+1") *b* $x$ = head @ref <l> `r` \\ //c')), tmp_path)
    assert '#eval("1+1") *b* $x$ = head @ref <l> `r` \\ //c' in text


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=300))
def test_any_text_can_be_printed(hostile: Callable[[str], Timeline], text: str) -> None:
    assert made(hostile(text)).startswith(b"%PDF-1.7")


def test_very_long_names_do_not_stop_it(hostile: Callable[[str], Timeline]) -> None:
    assert made(hostile("W" * 40_000)).startswith(b"%PDF")


def test_what_the_fonts_cannot_show_is_recognised(hostile: Callable[[str], Timeline]) -> None:
    unmade = hostile("中")
    made = _Report(unmade, list(unmade.events), lambda value, _limit=0: value).inputs()
    with pytest.raises(Untypeset) as caught:
        compiled(made, unmade.record.as_of)
    assert caught.value.about_text
    assert ascii_only("中é") == "<U+27E8>U+4E2D<U+27E9><U+00E9>"


def test_a_run_that_has_hardly_begun(timeline: Timeline, tmp_path: Path) -> None:
    bare = replace(
        timeline,
        events=list(timeline.events)[:1],
        steps=(),
        decisions=(),
        findings=(),
        evidence=(),
        clocks=(),
        ended_at=None,
    )
    text = words(made(bare), tmp_path)
    assert "This run has not ended" in text
    assert "no person has closed the review" in text


def test_drills_and_plans_say_so_on_the_title_page(timeline: Timeline, tmp_path: Path) -> None:
    assert "ran on a stand-in tenant" in words(made(replace(timeline, mode="drill")), tmp_path)
    assert "changed nothing" in words(made(replace(timeline, mode="plan")), tmp_path)


def test_of_too_many_events_the_telling_ones_stay(timeline: Timeline) -> None:
    events = list(timeline.events)
    people = [e for e in events if e.lane is not Lane.PLATFORM]
    many = events + [e for e in events if e.kind in ("intent", "changed")] * 400

    kept = fewer(many, MAX_EVENTS)
    assert len(kept) <= MAX_EVENTS
    assert [e for e in kept if e.lane is not Lane.PLATFORM] == people
    assert not any(e.kind == "intent" for e in kept)
    assert fewer(events, MAX_EVENTS) == events


def test_what_is_left_out_is_said(timeline: Timeline, tmp_path: Path) -> None:
    events = list(timeline.events)
    done = next(e for e in events if e.kind == "changed")
    read_ = next(e for e in events if e.kind == "read")
    many = sorted([*events, *[done] * 20, *[read_] * MAX_EVENTS], key=lambda e: e.order)
    text = words(made(replace(timeline, events=many)), tmp_path)
    left = len(many) - len(fewer(many, MAX_EVENTS))
    assert f"{left:,} routine events of the platform" in text


def test_failed_targets_always_stay(timeline: Timeline) -> None:
    done = next(row for row in timeline.steps if row.outcome == "changed")
    failed = replace(done, outcome="failed")
    rows = [done] * MAX_STEPS + [failed] * 7 + [replace(done, outcome="already")] * 5
    kept = most_telling(rows, MAX_STEPS)
    assert len(kept) == MAX_STEPS
    assert sum(row.outcome == "failed" for row in kept) == 7
