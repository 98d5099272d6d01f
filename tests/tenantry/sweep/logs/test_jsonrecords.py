"""Objects out of any of the shapes in which exports hold them; a broken one costs itself alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.jsonrecords import records

FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def stream(text: str, size: int = 7) -> TextStream:
    """In small pieces, so that every record is cut somewhere."""
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
    return TextStream("log", lambda: next(pieces, ""))


def read(text: str, size: int = 7) -> tuple[list[dict[str, Any]], Intake]:
    intake = Intake()
    return [found for _, found in records(stream(text, size), intake)], intake


THREE = [{"id": 1, "a": {"b": [1, {"c": "}],["}]}}, {"id": 2, "text": 'quote " and \\ {'}, {"id": 3}]
SHAPES = {
    "list": json.dumps(THREE),
    "pretty list": json.dumps(THREE, indent=2),
    "Records": json.dumps({"Records": THREE}),
    "Graph": json.dumps(
        {"@odata.context": "https://x/$metadata", "n": -1.5e3, "value": THREE, "@odata.nextLink": "https://x/?a=]"}
    ),
    "lines": "\n".join(json.dumps(one) for one in THREE) + "\n",
    "side by side": "".join(json.dumps(one) for one in THREE),
    "two documents": json.dumps(THREE[:1]) + "\n" + json.dumps({"Records": THREE[1:]}),
    "with a mark": "\ufeff" + json.dumps(THREE),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str) -> None:
    found, intake = read(SHAPES[shape])
    assert found == THREE
    assert intake.rows_unreadable == 0


def test_a_broken_object_costs_itself() -> None:
    text = '[{"id": 1}, {"id": 2, "a": }, {"id": 3}, {"id" 4}, {"id": 5}]'
    found, intake = read(text)
    assert [one["id"] for one in found] == [1, 3, 5]
    assert intake.rows_unreadable == 2


def test_a_broken_line_costs_itself() -> None:
    text = '{"id": 1}\n{"id": 2, "cut": "off\n{"id": 3}\ngarbage\n{"id": 4}\n'
    found, intake = read(text, 1000)
    assert [one["id"] for one in found if "id" in one][-1] == 4
    assert {1, 4} <= {one["id"] for one in found}
    assert intake.rows_unreadable >= 1


def test_the_end_is_missing() -> None:
    whole = json.dumps({"Records": THREE})
    found, intake = read(whole[:-20])
    assert found == THREE[:2] or found == THREE[:1]
    assert intake.rows_unreadable >= 1


def test_one_record_larger_than_many_pieces() -> None:
    large = {"id": 1, "blob": "x" * 3_000_000}
    found, _ = read(json.dumps([large, {"id": 2}]), 100_000)
    assert [one["id"] for one in found] == [1, 2]


def test_nested_too_deep_is_no_crash() -> None:
    found, intake = read('[{"id": 1}, {"a": ' + "[" * 100_000 + ', {"id": 2}]', 50_000)
    assert found[0] == {"id": 1}
    assert intake.rows_unreadable >= 1


objects = st.lists(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    ),
    max_size=6,
)


@FEW
@given(objects, st.integers(1, 40), st.sampled_from(["list", "Records", "lines", "pretty"]))
def test_whatever_is_written_is_read(rows: list[dict[str, Any]], size: int, shape: str) -> None:
    if shape == "list":
        text = json.dumps(rows)
    elif shape == "pretty":
        text = json.dumps(rows, indent=1, ensure_ascii=False)
    elif shape == "Records":
        text = json.dumps({"Records": rows})
    else:
        text = "\n".join(json.dumps(one) for one in rows)
        if any(isinstance(value, list) for one in rows for value in one.values()):
            return  # an object with one list alone may be an export's envelope
    found, intake = read(text, size)
    assert found == rows
    assert intake.rows_unreadable == 0


@FEW
@given(st.text(alphabet='{}[]",:\\ \nab1é', max_size=400), st.integers(1, 50))
def test_any_text_ends(text: str, size: int) -> None:
    read(text, size)


@FEW
@given(objects.filter(bool), st.data())
def test_a_cut_loses_at_most_what_lies_behind_it(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    rows = [{"id": number, "row": row} for number, row in enumerate(rows)]
    text = "[" + ",\n".join(json.dumps(row) for row in rows) + "]"
    cut = data.draw(st.integers(0, len(text)))
    found, _ = read(text[:cut], 13)
    whole = text[:cut].count("\n")
    assert [one for one in found if "row" in one][:whole] == rows[:whole]
