"""The report of an incident names the run that found it, and that one's report names the incident."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest

from tenantry.timeline import FORMATS
from tenantry.timeline.linked import opened, opener
from tenantry.timeline.model import StepRow, Timeline
from tenantry.timeline.story import summary


def row(outcome: str, path: str) -> StepRow:
    change = {"path": path, "before": None, "after": "leaked_cloud_key"}
    return StepRow("look", "open", "Open", "incident.open_incident", "i", outcome, None, None, 1, [change], ())


def test_who_opened_a_run() -> None:
    assert opener({"person": None, "via": "sweep", "run": "r-1", "runbook": "client_onboarding"}) == (
        "Client onboarding, run r-1"
    )
    assert opener({"via": "sweep", "run": "r-1"}) == "run r-1"  # as records of earlier releases say it
    assert opener({"person": "kim", "via": "command line"}) == ""


def test_what_a_run_opened() -> None:
    rows = [row("changed", "run/r-2/opened"), row("already", "run/r-3/opened"), row("changed", "user/x/enabled")]
    assert opened(rows) == ["Leaked cloud key, run r-2"]


@pytest.mark.parametrize("name", ["html", "md"])
def test_both_reports_name_the_other(name: str, timeline: Timeline) -> None:
    told = replace(timeline, opened_by="Client onboarding, run r-1", opened=["Leaked cloud key, run r-2"])
    out = BytesIO()
    FORMATS[name].export(replace(told, summary=summary(told)), out)
    text = out.getvalue().decode()
    for run in ("Client onboarding, run r-1", "Leaked cloud key, run r-2"):
        assert text.count(run) >= 2  # on the cover, and in a sentence
    plain = BytesIO()
    FORMATS[name].export(timeline, plain)
    assert "Opened by" not in plain.getvalue().decode()
