"""Every source reads its vendor's message, and refuses by name whatever else it is given."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ocsf_json_schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.alerts import message
from tenantry.alerts.mapping import load_mapping
from tenantry.alerts.model import Alert, Entity, alert_id, clean, fingerprint
from tenantry.alerts.reading import NotJson, parsed
from tenantry.alerts.source import sources
from tenantry.drop.seal import new_key
from tenantry.errors import InvalidInput, RecordError
from tests.tenantry.alerts.samples import EACH, MAPPING

CUSTOMERS = {
    "microsoft_graph": "b3c1b5fc-828c-45fa-a1e1-10d74f6d6e9c",
    "guardduty": "111122223333",
    "crowdstrike": "d61501abe661",
    "sentinelone": "225494730938493915",
    "huntress": "88",
    "ninjaone": "5",
    "sweep": "acme",
    "prefect": "acme",
    "generic": "acme-1",
    "graph_incident": "b3c1b5fc-828c-45fa-a1e1-10d74f6d6e9c",
    "securityhub": "111122223333",
}
ABOUT = {
    "microsoft_graph": ("high", {"account:dana@acme.example", "address:203.0.113.9"}),
    "guardduty": ("high", {"access_key:akiaiosfodnn7example"}),
    "crowdstrike": ("critical", {"host:fin-laptop-7"}),
    "sentinelone": ("critical", {"host:srv-files"}),
    "huntress": ("critical", {"host:agent 33"}),
    "ninjaone": ("high", {"host:srv-files"}),
    "sweep": ("critical", {"account:dana@acme.example"}),
    "prefect": ("high", {"flow_run:prefect.flow-run.27fb3f3e-0000-4000-8000-000000000000"}),
    "generic": ("critical", {"account:dana@acme.example"}),
    "graph_incident": ("high", {"account:dana@acme.example", "address:203.0.113.9"}),
    "securityhub": ("critical", {"access_key:akiaiosfodnn7example"}),
}


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("mappings") / "siem.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return {"mapping": load_mapping(path).model_dump(mode="json", by_alias=True)}


def read(kind: str, body: Any, mapping: dict[str, Any]) -> list[Alert]:
    raw = json.dumps(body).encode()
    return [alert for alert, _ in message.read(sources()[kind], parsed(raw), raw, mapping)]


def test_there_is_a_sample_of_each() -> None:
    assert set(EACH) == set(sources()) == set(CUSTOMERS) == set(ABOUT)


@pytest.mark.parametrize("kind", EACH)
def test_it_is_read(kind: str, mapping: dict[str, Any]) -> None:
    (alert,) = read(kind, EACH[kind], mapping)
    assert alert.customer == CUSTOMERS[kind]
    assert (alert.severity, {entity.key() for entity in alert.entities}) == ABOUT[kind]
    assert alert.title
    assert not alert.resolved
    assert alert.at is not None


@pytest.mark.parametrize("kind", EACH)
def test_what_tells_the_same_again_has_the_same_fingerprint(kind: str, mapping: dict[str, Any]) -> None:
    (alert,) = read(kind, EACH[kind], mapping)
    text = json.dumps(EACH[kind])
    later = json.loads(text.replace("2026-11-20T09:0", "2026-11-21T10:0").replace("2026-11-20T08:5", "2026-11-21T10:5"))
    (again,) = read(kind, later, mapping)
    assert fingerprint("s", "acme", alert) == fingerprint("s", "acme", again)
    assert fingerprint("s", "acme", alert) != fingerprint("s", "globex", alert)


@pytest.mark.parametrize("kind", EACH)
def test_as_ocsf_it_is_a_detection_finding(kind: str, mapping: dict[str, Any]) -> None:
    (alert,) = read(kind, EACH[kind], mapping)
    document = alert.ocsf(datetime(2026, 11, 20, tzinfo=UTC), alert_id("s", alert.uid))
    schema = ocsf_json_schema.get_ocsf_schema(version="1.3.0")
    embedded = ocsf_json_schema.OcsfJsonSchemaEmbedded(schema).get_class_schema("detection_finding")
    import jsonschema

    jsonschema.Draft202012Validator(embedded).validate(document)


def _broken(value: Any) -> Iterator[Any]:
    """The value with each of its leaves replaced in turn by something odd."""
    odd: tuple[Any, ...] = ([], {}, True, None, -1, 1e308, 10**30, "", "\u202e\x00" * 50, "x" * 5_000, [[]], {"a": [1]})
    if isinstance(value, dict):
        for key in value:
            for other in _broken(value[key]):
                yield {**value, key: other}
    elif isinstance(value, list):
        for number, one in enumerate(value):
            for other in _broken(one):
                yield [*value[:number], other, *value[number + 1 :]]
    yield from odd


@pytest.mark.parametrize("kind", EACH)
def test_whatever_stands_anywhere_it_is_read_or_refused_by_name(kind: str, mapping: dict[str, Any]) -> None:
    for body in _broken(EACH[kind]):
        try:
            raw = json.dumps(body).encode()
            found = [one for one, _ in message.read(sources()[kind], parsed(raw), raw, mapping)]
        except InvalidInput:
            continue
        for alert in found:
            assert len(alert.title) <= 300
            assert alert.title.isprintable()
            assert all(entity.id.isprintable() for entity in alert.entities)


@pytest.mark.parametrize("kind", EACH)
@settings(max_examples=25, deadline=None)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    )
)
def test_nothing_else_is_one(kind: str, body: Any) -> None:
    raw = json.dumps(body, allow_nan=True).encode("utf-8", "surrogatepass")
    mapped = {"mapping": {"id": "m", "uid": "a", "title": "a", "severity": "low", "same": ["a"]}}
    with contextlib.suppress(InvalidInput):
        message.read(sources()[kind], parsed(raw), raw, mapped)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN}', b'{"a": "\\ud800"}', b"1e"])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(NotJson):
        parsed(raw)


def test_text_is_cleaned() -> None:
    assert clean("a\u202eb\x00c\u200b d\n e", 20) == "a b c d e"
    assert clean("e\u0301" * 10, 4) == "éééé"


def test_a_mapping_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MAPPING.replace("same: [rule.id]", "same: []"), encoding="utf-8")
    with pytest.raises(InvalidInput, match="same"):
        load_mapping(path)


def test_it_opens_with_its_key_and_under_its_id_alone() -> None:
    private, public = new_key()
    alert = Alert(
        uid="u",
        finding="f",
        title="t",
        severity="low",
        product="p",
        same=("x",),
        entities=(Entity(type="host", id="h"),),
    )
    sealed = message.seal_for_intake("s", alert, b"its words", public)
    assert b"its words" not in sealed.body
    assert message.open_from_intake(sealed.id, sealed.body, private) == (alert, b"its words")
    for one, key in ((alert_id("s", "other"), private), (sealed.id, new_key()[0])):
        with pytest.raises(RecordError):
            message.open_from_intake(one, sealed.body, key)
    kept = message.close_for(bytes(32), sealed.id, alert, b"its words")
    assert message.open_for(bytes(32), sealed.id, kept)[1] == b"its words"
    with pytest.raises(RecordError):
        message.open_for(bytes(32), "0" * 32, kept)
