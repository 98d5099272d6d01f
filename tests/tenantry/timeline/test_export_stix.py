"""STIX bundles, checked by OASIS' own validator with every recommendation as a must."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_string

from tenantry.clock import parse_rfc3339
from tenantry.timeline import Timeline
from tenantry.timeline.export_stix import EVENT, INCIDENT, TASK, export
from tenantry.timeline.model import Lane


def text(timeline: Timeline) -> str:
    out = BytesIO()
    assert export(timeline, out) == len(list(timeline.events))
    return out.getvalue().decode()


def complaints(bundle: str) -> list[str]:
    result = validate_string(bundle, ValidationOptions(version="2.1", strict=True, enforce_refs=True))
    found = list(result.errors or [])
    for one in getattr(result, "object_results", None) or []:
        found += [str(error) for error in one.errors or []]
    return [str(error) for error in found] if found or result.is_valid else ["invalid"]


def objects(timeline: Timeline) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(text(timeline))["objects"]
    return listed


def of(listed: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [made for made in listed if made["type"] == kind]


@pytest.mark.parametrize("how", [{}, {"unfinished": True}, {"mode": "drill"}, {"spray": 120}], ids=str)
def test_the_validator_has_nothing_to_say(make: Callable[..., Timeline], how: dict[str, Any]) -> None:
    assert complaints(text(make(**how))) == []


def test_the_validator_would_have_something_to_say(timeline: Timeline) -> None:
    broken = text(timeline).replace('"created":"2026', '"created":"the year 2026', 1)
    assert complaints(broken)


def test_every_event_is_there_once(timeline: Timeline) -> None:
    listed = objects(timeline)
    events = list(timeline.events)
    assert len({made["id"] for made in listed}) == len(listed)
    assert len(of(listed, "event")) == sum(e.lane is Lane.ATTACKER for e in events)
    intents = [e for e in events if e.kind == "intent"]
    assert len(of(listed, "event")) + len(of(listed, "task")) + len(of(listed, "note")) == len(events) - len(intents)
    named = {
        reference["external_id"]
        for made in listed
        for reference in made.get("external_references", ())
        if reference["source_name"] == "tenantry-record"
    }
    assert named == {e.entry for e in events}


def test_an_act_of_the_attacker(timeline: Timeline) -> None:
    listed = objects(timeline)
    by_id = {made["id"]: made for made in listed}
    [act] = [made for made in of(listed, "event") if made["name"].startswith("Consented")]
    assert act["start_time"] == "2026-11-19T05:54:04.250000Z"
    assert act["confidence"] == 50
    assert act["external_references"][0] == {
        "source_name": "Entra ID directory audit log",
        "description": "the tenant's log",
        "external_id": "Directory_5610",
    }
    [sighting] = [by_id[ref] for ref in act["sighting_refs"]]
    assert by_id[sighting["sighting_of_ref"]]["external_references"][0]["external_id"] == "T1528"
    [observed] = [by_id[ref] for ref in sighting["observed_data_refs"]]
    [account] = [by_id[ref] for ref in observed["object_refs"]]
    assert account["account_login"] == "anna.berg@acme.example"
    [unsure] = [made for made in of(listed, "event") if made["status"] == "undetermined"]
    assert unsure["confidence"] == 15


def test_an_effect_begins_with_its_intent(timeline: Timeline) -> None:
    listed = objects(timeline)
    events = list(timeline.events)
    done = next(e for e in events if e.kind == "changed" and e.step == "revoke")
    meant = next(e for e in events if e.kind == "intent" and e.step == "revoke" and e.target == done.target)
    [task] = [made for made in of(listed, "task") if made["external_references"][-1]["external_id"] == done.entry]
    assert parse_rfc3339(task["start_time"]) == meant.at
    assert parse_rfc3339(task["end_time"]) == done.at
    assert task["outcome"] == "successful"
    assert "containment" in task["task_types"]
    assert [ref["external_id"] for ref in task["external_references"]] == [meant.entry, done.entry]


def test_what_is_in_doubt_is_not_called_done(timeline: Timeline) -> None:
    events = [e for e in timeline.events if not (e.kind == "changed" and e.step == "forwarding")]
    listed = objects(replace(timeline, events=events))
    doubtful = [made for made in of(listed, "task") if made["outcome"] == "unknown"]
    assert [made["error"] for made in doubtful] == ["intended; nothing is recorded of what came of it"]


def test_failures_say_why(make: Callable[..., Timeline]) -> None:
    listed = objects(make(spray=120))
    unknown = [made for made in of(listed, "task") if made["outcome"] == "unknown"]
    assert unknown
    assert all("the account could not be read" in made["error"] for made in unknown)


def test_a_note_about_another_time(timeline: Timeline) -> None:
    [note] = [made for made in of(objects(timeline), "note") if "note" in made["labels"]]
    assert "voicemail" in note["content"]
    assert note["created"] == "2026-11-20T03:03:04.250Z"
    assert note["created"] < note["modified"]
    assert "stated" in note["labels"]
    assert note["authors"] == ["mira"]


def test_the_incident_lists_its_events_and_tasks(timeline: Timeline) -> None:
    listed = objects(timeline)
    [incident] = of(listed, "incident")
    core = incident["extensions"][INCIDENT]
    assert [entry["event_ref"] for entry in core["events"]] == [made["id"] for made in of(listed, "event")]
    assert [entry["task_ref"] for entry in core["tasks"]] == [made["id"] for made in of(listed, "task")]
    assert core["investigation_status"] == "closed"
    assert core["criticality"] == 70
    assert all(EVENT in made["extensions"] for made in of(listed, "event"))
    assert all(TASK in made["extensions"] for made in of(listed, "task"))
    assert timeline.record.last_leaf in incident["external_references"][0]["description"]


def test_the_same_record_gives_the_same_bytes(timeline: Timeline) -> None:
    assert text(timeline) == text(timeline)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.text(st.characters(), max_size=60))
def test_hostile_texts_are_only_texts(hostile: Callable[[str], Timeline], chosen: str) -> None:
    bundle = text(hostile(chosen))
    assert complaints(bundle) == []
