"""OCSF events, held against the published schema of every version from the one they name on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tenantry.clock import parse_rfc3339
from tenantry.timeline import Timeline
from tenantry.timeline.export_ocsf import SCHEMA, export
from tenantry.timeline.model import Lane

VERSIONS = (SCHEMA, "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0")


@cache
def schema(version: str) -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))


@cache
def validator(version: str, class_uid: int) -> jsonschema.Draft202012Validator:
    known = schema(version)
    made = known.get_class_schema(class_name=known.lookup_class_name_from_uid(class_uid), profiles=[])
    return jsonschema.Draft202012Validator(made)


def lines(timeline: Timeline) -> list[dict[str, Any]]:
    out = BytesIO()
    assert export(timeline, out) == len(list(timeline.events))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def complaints(listed: list[dict[str, Any]], version: str) -> Iterator[str]:
    for line in listed:
        for error in validator(version, line["class_uid"]).iter_errors(line):
            yield f"{line['class_uid']} {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        # What the schema's own check misses:
        if line["type_uid"] != line["class_uid"] * 100 + line["activity_id"]:
            yield "type_uid"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_event_is_of_its_class(make: Callable[..., Timeline], version: str) -> None:
    assert list(complaints(lines(make(spray=120)), version)) == []


@pytest.mark.parametrize("how", [{"unfinished": True}, {"mode": "drill"}, {"mode": "plan"}], ids=str)
def test_runs_that_are_not_done(make: Callable[..., Timeline], how: dict[str, Any]) -> None:
    listed = lines(make(**how))
    assert list(complaints(listed, SCHEMA)) == []
    assert listed[0]["verdict_id"] == (6 if how.get("mode") == "drill" else 2)


def test_the_check_would_find_something(timeline: Timeline) -> None:
    listed = lines(timeline)
    del listed[0]["severity_id"]
    listed[1]["time"] = "yesterday"
    assert len(list(complaints(listed, SCHEMA))) == 2


def test_every_event_is_there_in_order(timeline: Timeline) -> None:
    finding, *listed = lines(timeline)
    events = list(timeline.events)
    assert finding["class_uid"] == 2005
    assert [line["metadata"]["sequence"] for line in listed] == [e.seq for e in events]
    assert [parse_rfc3339(line["metadata"]["original_time"]) for line in listed] == [e.at for e in events]
    assert [line["time"] for line in listed] == [int(e.at.timestamp() * 1000) for e in events]
    assert len({line["metadata"]["uid"] for line in [finding, *listed]}) == len(listed) + 1
    assert {line["timezone_offset"] for line in listed} == {0}
    assert [line["unmapped"]["leaf"] for line in listed] == [e.leaf for e in events]


def test_classes_follow_what_happened(timeline: Timeline) -> None:
    for line, event in zip(lines(timeline)[1:], timeline.events, strict=True):
        if event.lane is Lane.ATTACKER:
            assert line["class_uid"] == 2004
            assert line["confidence_id"] == {"observed": 3, "attributed": 2, "uncertain": 1}[event.certainty]
            assert line["finding_info"]["data_sources"] == [event.source]
        elif event.kind == "changed":
            assert line["class_uid"] == 7001
            assert line["status_id"] == 1
        else:
            assert line["class_uid"] == 0


def test_the_finding_names_its_acts(timeline: Timeline) -> None:
    finding, *listed = lines(timeline)
    [info] = finding["finding_info_list"]
    acts = [line["metadata"]["uid"] for line in listed if line["class_uid"] == 2004]
    assert [related["uid"] for related in info["related_events"]] == acts
    assert finding["status_id"] == 4
    assert finding["severity_id"] == 4
    assert finding["unmapped"]["last_leaf"] == timeline.record.last_leaf
    assert finding["unmapped"]["not_known"] == list(timeline.unknown)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.text(st.characters(), max_size=60))
def test_hostile_texts_are_only_texts(hostile: Callable[[str], Timeline], chosen: str) -> None:
    assert list(complaints(lines(hostile(chosen)), SCHEMA)) == []
