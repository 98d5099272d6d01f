"""The published JSON Schema: takes what the loader takes, and refuses no less than the structure."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tenantry import yamlpos
from tenantry.discovery import RunbookCatalog, TaskRegistry, runbook_folders
from tenantry.errors import InvalidRunbook
from tenantry.runbook import parse_runbook, runbook_json_schema
from tests.tenantry.runbook.fakes import DEMO, REGISTRY

SCHEMA = runbook_json_schema(REGISTRY)
VALIDATOR = Draft202012Validator(SCHEMA)
DEMO_DATA = yamlpos.parse(DEMO, file="demo.yaml").data


def taken_by_loader(data: Any) -> bool:
    try:
        parse_runbook(json.dumps(data), "demo.yaml", REGISTRY)
    except InvalidRunbook:
        return False
    return True


def changed(path: list[Any], value: Any) -> Any:
    """The demo with ``value`` at ``path``; a value of ``...`` removes what is there."""
    data = copy.deepcopy(DEMO_DATA)
    parent = data
    for part in path[:-1]:
        parent = parent[part]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return data


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_in_it_leads_somewhere() -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [r for inner in part.values() for r in references(inner)]
        return [r for inner in part for r in references(inner)] if isinstance(part, list) else []

    found = references(SCHEMA)
    assert found
    assert {r.removeprefix("#/$defs/") for r in found} <= set(SCHEMA["$defs"])


def test_every_field_is_described() -> None:
    for name in ("Runbook", "Step", "Param", "Approve", "Message"):
        fields = (SCHEMA if name == "Runbook" else SCHEMA["$defs"][name])["properties"]
        assert [field for field, schema in fields.items() if not schema.get("description")] == [], name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["version"], "2.1"),
        (["subject"], "${params.account}"),
        (["params", "severity", "title"], None),
        (["steps", 0, "with", "limit"], "${params.count}"),
        (["steps", 1, "with", "places"], [{"folder": "${item.id}", "depth": "${params.count}"}]),
        (["steps", 1, "with", "places"], "${[{'folder': item.id}]}"),
        (["steps", 1, "with", "weights"], {"a": "${item.score}", "b": 1.5}),
        (["steps", 1, "with", "place"], None),
        (["steps", 1, "when"], True),
        (["steps", 1, "timeout"], "1h30m"),
        (["steps", 1, "approve"], {"role": "lead", "expires_in": "1d", "four_eyes": True, "reason": "why"}),
        (["steps", 1, "message"], {"to": ["primary"], "template": "contained", "with": {"a": [1]}}),
    ],
)
def test_what_the_loader_takes_the_schema_takes(path: list[Any], value: Any) -> None:
    data = changed(path, value)
    assert taken_by_loader(data)
    assert list(VALIDATOR.iter_errors(data)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["titel"], "x"),
        (["id"], ...),
        (["id"], "Demo"),
        (["id"], 7),
        (["version"], 1.5),
        (["kind"], "accident"),
        (["attack"], ["phishing"]),
        (["phases"], []),
        (["steps"], []),
        (["params", "Account"], {"type": "string"}),
        (["params", "account", "type"], "person"),
        (["params", "account", "label"], "x"),
        (["params", "account", "required"], "yes"),
        (["params", "severity", "choices"], []),
        (["steps", 0, "uses"], "fake.fnd"),
        (["steps", 0, "uses"], ...),
        (["steps", 0, "with"], ...),
        (["steps", 0, "with", "account"], ...),
        (["steps", 0, "with", "limits"], 5),
        (["steps", 0, "with", "limit"], "5"),
        (["steps", 0, "with", "limit"], 500),
        (["steps", 0, "with", "account"], 5),
        (["steps", 0, "approve"], {"role": "lead"}),
        (["steps", 0, "expect_at_most"], 3),
        (["steps", 0, "on_failure"], "undo"),
        (["steps", 0, "needs"], "find"),
        (["steps", 1, "expect_at_most"], ...),
        (["steps", 1, "expect_at_most"], -1),
        (["steps", 1, "expect_at_most"], "5"),
        (["steps", 1, "for_each"], ["a"]),
        (["steps", 1, "when"], 1),
        (["steps", 1, "timeout"], "soon"),
        (["steps", 1, "on_failure"], "retry"),
        (["steps", 1, "uses"], "fake.wipe"),
        (["steps", 1, "approve"], {"role": "boss"}),
        (["steps", 1, "approve"], {"expires_in": "4 hours"}),
        (["steps", 1, "with", "level"], "highest"),
        (["steps", 1, "with", "places"], [{"folder": "a", "dept": 1}]),
        (["steps", 1, "with", "places"], [{"depth": 1}]),
        (["steps", 1, "with", "weights"], {"a": "heavy"}),
        (["steps", 1, "with", "ids"], ["a", 7]),
        (["steps", 1, "message"], {"to": [], "template": "contained"}),
        (["steps", 1, "message"], {"to": ["primary"], "template": "../x"}),
        (["steps", 1, "message"], {"to": ["primary"]}),
        (["steps", 1, "label"], "x"),
    ],
)  # fmt: skip
def test_what_the_loader_refuses_structurally_the_schema_refuses(path: list[Any], value: Any) -> None:
    data = changed(path, value)
    assert not VALIDATOR.is_valid(data)
    assert not taken_by_loader(data)


def test_undo_of_what_cannot_be_undone_is_refused_by_both() -> None:
    data = changed(["steps", 1, "uses"], "fake.reset")
    assert VALIDATOR.is_valid(data)
    data["steps"][1]["on_failure"] = "undo"
    assert not VALIDATOR.is_valid(data)
    assert not taken_by_loader(data)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, key) for key, _ in entries] + [p for key, inner in entries for p in _places(inner, (*path, key))]


@settings(max_examples=300)
@given(
    st.sampled_from(_places(DEMO_DATA)),
    st.sampled_from(
        [
            ...,
            None,
            True,
            False,
            0,
            -1,
            7,
            1.5,
            "",
            "x",
            "7",
            "true",
            "a.b",
            "4h",
            [],
            ["a"],
            {},
            {"a": 1},
            "${params.account}",
        ]
    ),
)
def test_whatever_the_schema_refuses_the_loader_refuses(path: tuple[Any, ...], value: Any) -> None:
    data = changed(list(path), value)
    if taken_by_loader(data):
        assert [error.message for error in VALIDATOR.iter_errors(data)] == []


def test_the_shipped_runbooks_fit_the_schema() -> None:
    catalog = RunbookCatalog(runbook_folders(), TaskRegistry.discover(entry_points=False))
    if not catalog.ids():
        pytest.skip("no runbook is there yet")
    validator = Draft202012Validator(runbook_json_schema(catalog.registry))
    for name in catalog.ids():
        path: Path = catalog.path(name)
        assert [f"{path}: {error.message}" for error in validator.iter_errors(yamlpos.load(path).data)] == []
