"""Parameters of a runbook: what a form and a command line may give, what comes out, and durations."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, NotFound
from tenantry.runbook import Param, Runbook, parse_duration, parse_runbook, validate_params
from tests.tenantry.runbook.fakes import ACT, DEMO, HEAD, LOOK, REGISTRY

RUNBOOK = parse_runbook(DEMO, "demo.yaml", REGISTRY)


def param(**fields: Any) -> Param:
    return Param.model_validate(fields)


def refused(given_params: dict[str, Any], runbook: Runbook = RUNBOOK) -> str:
    with pytest.raises(InvalidInput) as caught:
        validate_params(runbook, given_params)
    return str(caught.value)


# --- durations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("45s", dt.timedelta(seconds=45)),
        ("30m", dt.timedelta(minutes=30)),
        ("4h", dt.timedelta(hours=4)),
        ("1d12h", dt.timedelta(days=1, hours=12)),
        ("1d2h3m4s", dt.timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("366d", dt.timedelta(days=366)),
    ],
)
def test_a_duration_is_read(text: str, length: dt.timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "0s", "0h0m", "4", "h", "4 h", "-4h", "4h1d", "1w", "4H", "1.5h", "367d", "٤h", "4h\n", "99999d"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


# --- one parameter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "given_value", "value"),
    [
        ({"type": "string"}, "a", "a"),
        ({"type": "string"}, "7", "7"),
        ({"type": "account"}, "a@b.c", "a@b.c"),
        ({"type": "integer"}, "7", 7),
        ({"type": "integer"}, 7, 7),
        ({"type": "integer"}, "-7", -7),
        ({"type": "number"}, "7.5", 7.5),
        ({"type": "number"}, 7, 7.0),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "No", False),
        ({"type": "boolean"}, True, True),
        ({"type": "choice", "choices": ["a", "b"]}, "b", "b"),
        ({"type": "datetime"}, "2026-11-21T08:00:00Z", dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)),
        ({"type": "datetime"}, "2026-11-21T08:00+01:00", dt.datetime(2026, 11, 21, 7, tzinfo=dt.UTC)),
        ({"type": "list"}, "a, b,,c ", ["a", "b", "c"]),
        ({"type": "list"}, '["a,b", "c"]', ["a,b", "c"]),
        ({"type": "list"}, "", []),
        ({"type": "list", "items": "integer"}, "1,2", [1, 2]),
        ({"type": "list", "items": "integer"}, [1, "2"], [1, 2]),
        ({"type": "list", "items": "choice", "choices": ["a"]}, "a,a", ["a", "a"]),
        (
            {"type": "list", "items": "datetime"},
            ["2026-11-21T08:00:00Z"],
            [dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)],
        ),
        ({"type": "string", "required": False}, None, None),
    ],
)
def test_a_value_is_read_by_type(fields: dict[str, Any], given_value: Any, value: Any) -> None:
    found = param(**fields).coerce(given_value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("fields", "given_value"),
    [
        ({"type": "string"}, 7),
        ({"type": "string"}, None),
        ({"type": "string", "min": 2}, "a"),
        ({"type": "string", "max": 2}, "abc"),
        ({"type": "string", "pattern": "^a+$"}, "ab"),
        ({"type": "account"}, ""),
        ({"type": "integer"}, "7.5"),
        ({"type": "integer"}, "seven"),
        ({"type": "integer"}, True),
        ({"type": "integer"}, 7.0),
        ({"type": "integer"}, str(2**53)),
        ({"type": "integer"}, "9" * 5_000),
        ({"type": "integer", "min": 1, "max": 5}, "6"),
        ({"type": "number"}, "nan"),
        ({"type": "number"}, "inf"),
        ({"type": "number", "max": 5}, 5.1),
        ({"type": "boolean"}, "maybe"),
        ({"type": "boolean"}, 1),
        ({"type": "choice", "choices": ["a", "b"]}, "c"),
        ({"type": "datetime"}, "2026-11-21T08:00:00"),
        ({"type": "datetime"}, "2026-11-21"),
        ({"type": "datetime"}, dt.datetime(2026, 11, 21)),  # noqa: DTZ001  # naive on purpose
        ({"type": "datetime"}, "yesterday"),
        ({"type": "datetime"}, 1_700_000_000),
        ({"type": "list"}, {"a": 1}),
        ({"type": "list"}, "[1"),
        ({"type": "list"}, [1]),
        ({"type": "list", "items": "integer"}, "1,x"),
        ({"type": "list", "max": 1}, "a,b"),
        ({"type": "list", "items": "choice", "choices": ["a"]}, "b"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(fields: dict[str, Any], given_value: Any) -> None:
    with pytest.raises(InvalidInput):
        param(**fields).coerce(given_value)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "choice"},
        {"type": "string", "choices": ["a"]},
        {"type": "choice", "choices": []},
        {"type": "choice", "choices": ["a", "a"]},
        {"type": "list", "items": "choice"},
        {"type": "string", "items": "string"},
        {"type": "boolean", "min": 1},
        {"type": "integer", "min": 5, "max": 1},
        {"type": "integer", "pattern": "^1$"},
        {"type": "string", "pattern": "("},
        {"type": "string", "required": True, "default": "a"},
        {"type": "integer", "default": "x"},
        {"type": "integer", "min": 3, "default": 2},
        {"type": "secret"},
        {"type": "string", "label": "x"},
        {"type": "string", "required": "yes"},
    ],
)
def test_a_parameter_that_contradicts_itself_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        param(**fields)


def test_a_parameter_is_required_unless_it_has_a_default() -> None:
    assert param(type="string").required
    assert not param(type="string", default="a").required
    assert not param(type="string", required=False).required


@pytest.mark.parametrize(
    ("fields", "schema"),
    [
        (
            {"type": "string", "title": "T", "description": "D", "min": 1},
            {"type": "string", "title": "T", "description": "D", "minLength": 1, "maxLength": 10_000},
        ),
        ({"type": "integer", "max": 5}, {"type": "integer", "maximum": 5}),
        ({"type": "choice", "choices": ["a", "b"]}, {"enum": ["a", "b"]}),
        ({"type": "datetime"}, {"format": "date-time"}),
        ({"type": "account"}, {"x-kind": "account", "minLength": 1}),
        ({"type": "list", "items": "integer", "max": 3}, {"type": "array", "maxItems": 3}),
    ],
)
def test_a_form_is_made_from_the_annotation(fields: dict[str, Any], schema: dict[str, Any]) -> None:
    made = TypeAdapter(param(**fields).annotation()).json_schema()
    assert {key: made.get(key) for key in schema} == schema


def test_a_value_that_may_be_absent_is_optional_in_the_form() -> None:
    optional = param(type="datetime", required=False, title="Since").annotation()
    assert type(None) in get_args(get_args(optional)[0])
    form: type[BaseModel] = create_model("Form", since=(optional, None))
    assert form.model_json_schema()["properties"]["since"]["title"] == "Since"
    assert form().model_dump() == {"since": None}


# --- all parameters ---------------------------------------------------------------------------------------------------


def test_every_parameter_has_a_value_in_the_runbooks_order() -> None:
    assert list(validate_params(RUNBOOK, {"severity": "low", "account": "a"}).items()) == [
        ("account", "a"),
        ("severity", "low"),
        ("ips", []),
        ("count", 3),
        ("since", None),
    ]


def test_every_wrong_parameter_is_named() -> None:
    said = refused({"severity": "middle", "count": "many", "nope": "x"})
    assert [line.split(":")[0] for line in said.splitlines()] == ["-p nope", "-p account", "-p severity", "-p count"]
    assert "middle" not in said
    assert "many" not in said


def test_null_is_absent() -> None:
    assert validate_params(RUNBOOK, {"account": "a", "count": None})["count"] == 3
    assert "-p account: is required" in refused({"account": None})


@given(
    st.fixed_dictionaries(
        {"account": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)},
        optional={
            "severity": st.sampled_from(["low", "high"]),
            "ips": st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=3),
            "count": st.integers(-(2**53) + 1, 2**53 - 1),
            "since": st.datetimes(timezones=st.just(dt.UTC), min_value=dt.datetime(1970, 1, 1)),  # noqa: DTZ001  # Hypothesis adds the zone
        },
    )
)
def test_what_was_validated_and_stored_as_json_validates_to_the_same(given_params: dict[str, Any]) -> None:
    values = validate_params(RUNBOOK, given_params)
    stored = json.loads(json.dumps(values, default=rfc3339))
    assert validate_params(RUNBOOK, stored) == values


# --- the runbook itself -----------------------------------------------------------------------------------------------


def test_an_unknown_step_is_not_found() -> None:
    with pytest.raises(NotFound):
        RUNBOOK.step("nope")
    with pytest.raises(NotFound):
        RUNBOOK.upstream("nope")


def test_the_subject_says_what_a_runs_name_says() -> None:
    assert RUNBOOK.subject_for({}) == "Demo"
    named = parse_runbook(DEMO.replace("version: 1", 'version: 1\nsubject: "${params.account}"'), "demo.yaml", REGISTRY)
    assert named.subject_for({"params": {"account": "a@b.c"}, "tenant": {}}) == "a@b.c"
    fixed = parse_runbook(DEMO.replace("version: 1", "version: 1\nsubject: everybody"), "demo.yaml", REGISTRY)
    assert fixed.subject_for({}) == "everybody"


def test_a_steps_timeout_is_in_seconds() -> None:
    text = (
        HEAD
        + LOOK
        + ACT.replace("uses: fake.block", "uses: fake.block\n    timeout: 2m\n    approve: {expires_in: 1h}")
    )
    block = parse_runbook(text, "demo.yaml", REGISTRY).step("block")
    assert block.timeout_seconds == 120
    assert block.approve is not None
    assert block.approve.expires == dt.timedelta(hours=1)
    assert block.approve.role == "approver"
    assert RUNBOOK.step("find").timeout_seconds is None
