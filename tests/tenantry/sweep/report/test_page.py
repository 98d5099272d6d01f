"""The report: one file, nothing from the log acts in it, and its picture shows what was found when."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from tenantry.sweep.model import Finding, Sweep
from tenantry.sweep.report.page import page
from tenantry.sweep.report.picture import picture

HOSTILE = "<script>alert(1)</script>\"'&\ud800"


def swept() -> Sweep:
    finding = Finding(
        "rule",
        HOSTILE,
        "high",
        ("T1110",),
        {"type": "account", "id": HOSTILE},
        HOSTILE,
        ["1", HOSTILE],
        2,
        1000.0,
        5000.0,
    )
    finding.evidence = {"summary": HOSTILE, "events": [{"id": "1", "time": 2000.0, "name": HOSTILE}]}
    made = Sweep(
        "cloudtrail",
        events_read=2,
        first_event=0.0,
        last_event=7200.0,
        findings=[finding],
        density=[(0.0, 1), (6000.0, 3)],
    )
    made.entities = [
        {
            "id": HOSTILE,
            "type": "account",
            "score": 15.0,
            "findings": 1,
            "because": [{"rule": "rule", "severity": "high", "points": 15.0, "through": HOSTILE}],
        }
    ]
    made.could_not_check = [{"check": HOSTILE, "why": HOSTILE}]
    made.rules_not_evaluated = [{"rule": HOSTILE, "why": HOSTILE}]
    return made


def test_nothing_from_the_log_becomes_markup() -> None:
    text = page(swept())
    assert "<script" not in text
    assert "alert(1)" in text
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="', text)
    text.encode("utf-8", "replace")


def test_the_picture_is_a_drawing_with_a_mark_for_every_moment() -> None:
    drawn = ElementTree.fromstring(picture(swept()).replace("\ud800", ""))
    circles = [one for one in drawn.iter() if one.tag.endswith("circle")]
    assert len(circles) == 3  # first, last, and the event that the evidence names
    places = [float(one.get("cx", "0")) for one in circles]
    assert places == sorted(places)
    assert len([one for one in drawn.iter() if one.get("class") == "bar"]) == 2


def test_nothing_found_is_said_beside_what_was_not_checked() -> None:
    text = page(Sweep("ual", could_not_check=[{"check": "all", "why": "no event could be read"}]))
    assert "No findings" in text
    assert "no event could be read" in text
    assert picture(Sweep("ual")) == ""
