"""Expressions: what is CEL here, what it reads, what goes in and comes out, and what the library does with edge values."""

from __future__ import annotations

import datetime as dt
import enum
import math
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidRunbook, StepError
from tenantry.runbook.expressions import (
    MAX_WALK,
    SKIPPED,
    Expression,
    ExpressionFailed,
    condition,
    expand,
    expressions_in,
    item_key,
    parse_value,
    resolve,
    step_value,
)

NOW = dt.datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=dt.UTC)


def value(text: str, **variables: Any) -> Any:
    return Expression(text).evaluate(variables)


def fails(text: str, **variables: Any) -> ExpressionFailed:
    with pytest.raises(ExpressionFailed) as caught:
        value(text, **variables)
    assert text[:50] in caught.value.message
    assert caught.value.code == "expression_failed"
    assert isinstance(caught.value, StepError)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def refused(text: str) -> str:
    with pytest.raises(InvalidRunbook) as caught:
        Expression(text)
    return caught.value.message


# --- types ------------------------------------------------------------------------------------------------------------

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # st.text() includes characters beyond the basic plane; lone surrogates are no text in JSON
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    """Equal, and of equal types all the way down (1, 1.0 and True differ)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@given(_json)
def test_a_value_passes_through_an_expression_unchanged(given_value: Any) -> None:
    assert same(value("params.x", params={"x": given_value}), given_value)


@given(
    st.recursive(
        st.sampled_from(["${params.x}", " ${ params.x }\n"])
        | st.integers()
        | st.booleans()
        | st.none()
        | st.floats(allow_nan=False)
        | st.text().filter(lambda text: "${" not in text),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    ),
    _json,
)
def test_resolve_replaces_expressions_and_keeps_all_other_types(block: Any, found: Any) -> None:
    def expected(part: Any) -> Any:
        if isinstance(part, str) and "${" in part:
            return found
        if isinstance(part, dict):
            return {key: expected(inner) for key, inner in part.items()}
        return [expected(inner) for inner in part] if isinstance(part, list) else part

    assert same(resolve(block, {"params": {"x": found}}), expected(block))


def test_resolve_makes_new_lists_and_maps() -> None:
    block = {"a": [{"b": 1}]}
    resolved = resolve(block, {})
    resolved["a"][0]["b"] = 2
    assert block == {"a": [{"b": 1}]}


def test_times_stay_aware_times_and_compare() -> None:
    assert value("run.started_at", run={"started_at": NOW}) == NOW
    assert value("run.started_at - duration('4h')", run={"started_at": NOW}) == NOW - dt.timedelta(hours=4)
    assert value(
        "timestamp(steps.a.output.at) < run.started_at",
        run={"started_at": NOW},
        steps={"a": step_value("observed", {"at": "2026-01-01T00:00:00Z"})},
    )
    elsewhere = NOW.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    assert value("params.x", params={"x": elsewhere}) == NOW


def test_enumerations_and_tuples_are_their_json() -> None:
    class Colour(enum.StrEnum):
        RED = "red"

    assert same(value("params.x", params={"x": Colour.RED}), "red")
    assert value("params.x", params={"x": (1, 2)}) == [1, 2]


# --- the library's edges, pinned --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("params.missing", {}),
        ("params.x.y", {"x": None}),
        ("params.x.y", {"x": {}}),
        ("has(params.x.y)", {}),  # has() asks for the last name only
        ("params.x[5]", {"x": [1]}),
        ("params.x + 1", {"x": 1.5}),
        ("params.x + 1", {"x": None}),
        ("params.x && true", {"x": 1}),
        ("1 / params.x", {"x": 0}),
        ("params.x * params.x", {"x": 2**62}),
        ("params.x + 1", {"x": 2**53 - 1}),
        ("params.x", {"x": 2**63}),  # the library would make it unsigned, and from 2^64 on a float
        ("params.x", {"x": -(2**70)}),
        ("params.x", {"x": dt.datetime(2026, 1, 1)}),  # noqa: DTZ001  # naive on purpose
        ("params.x", {"x": dt.date(2026, 1, 1)}),
        ("params.x", {"x": {1: 2}}),
        ("params.x", {"x": {1}}),
        ("params.x", {"x": object()}),
        ("params.x", {"x": b"bytes"}),
        ("params.x", {"x": "\ud800"}),
        ("params.x", {"x": math.nan}),
        ("1.0 / 0.0", {}),
        ("duration('4h')", {}),
        ("b'a'", {}),
        ("{1: 2}", {}),
        ("int(params.x)", {"x": "abc"}),
        ("'a'.matches(params.x)", {"x": "["}),
        ("timestamp(params.x)", {"x": "yesterday"}),
    ],
)
def test_what_has_no_value_fails_with_a_typed_error(text: str, params: dict[Any, Any]) -> None:
    fails(text, params=params)


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("params.x == null", {"x": None}, True),
        ("has(params.x)", {}, False),
        ("has(params.x)", {"x": None}, True),
        ("params.x == 1", {"x": 1.0}, True),
        ("false && params.missing", {}, False),
        ("params.x == 'a' || params.missing", {"x": "a"}, True),
        ("params.x.exists(i, i > 2)", {"x": [1, 2, 3]}, True),
        ("params.x.map(i, i.a)", {"x": [{"a": None}]}, [None]),
        ("params.x.matches('(a+)+$')", {"x": "a" * 60 + "b"}, False),  # linear time
        ("size(params.x)", {"x": "ä€😀"}, 9),  # UTF-8 bytes, though the CEL standard counts characters
        ("'a' in params.x", {"x": {"a": 1}}, True),
    ],
)
def test_what_the_library_takes_for_granted(text: str, params: dict[str, Any], expected: Any) -> None:
    assert same(value(text, params=params), expected)


def test_an_error_repeats_no_value() -> None:
    for text, found in (
        ("params.s + 1", "hunter2"),
        ("int(params.s)", "hunter2"),
        ("params.s * 9", 4611686018427387904),
    ):
        assert str(found) not in str(fails(text, params={"s": found}))


def test_a_variable_that_is_not_there_fails() -> None:
    assert "`item`" in fails("item.id").message
    assert "has not run" in fails("steps.a.outcome", steps={}).message


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a +",
        "1 1",
        "params.x)",
        "(params.x",
        "(params.x]",
        "'open",
        "params.?x",
        "Foo{a: 1}",
        "name",
        "params.x.map(i, i) + i",  # i outside its macro
        ".params.x",
        "env('HOME')",
        "params.x.format([1])",
        "optional.of(1)",
        "cel.bind(x, 1, x)",
        "uint(1)",
        "steps",
        "size(steps)",
        "steps[params.x].outcome",
        "steps.map(s, s)",
        "params.x.map(item, 1)",  # would hide the variable
        "params.x.map(params, 1)",
        "params.x.map(a, params.x.map(b, params.x.map(c, c)))",
        "(" * 40 + "1" + ")" * 40,
        "'" + "a" * 2_000 + "'",
        "params.é",
        "#",
        "\x00",
    ],
)
def test_what_is_no_expression_here_is_refused_when_it_is_read(text: str) -> None:
    refused(text)


def test_a_refusal_names_what_is_unknown() -> None:
    assert "'env'" in refused("env('HOME')")
    assert "'account'" in refused("account.upn")
    assert "column 4" in refused("1 +")


def test_the_steps_it_reads_are_known() -> None:
    expression = Expression("steps.b.output.n > 1 && steps['a'].outcome == 'changed' && steps.b.output.m > 2")
    assert expression.steps_referenced == ("b", "a")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("steps.s.output.rows", ("steps", "s", "output", "rows")),
        ("steps.s.output.rows.filter(r, r.ok)", ("steps", "s", "output", "rows")),
        ("params.a[0].b", ("params", "a", 0, "b")),
        ("steps.s.output.rows.map(r, r.id)", None),
        ("params.a + params.b", None),
        ("-params.a", None),
        ("params.m[params.k]", None),
        ("params.a.size()", None),
        ("1", None),
    ],
)
def test_the_shape_of_a_plain_path_is_known(text: str, shape: Any) -> None:
    assert Expression(text).shape == shape


_atoms = st.sampled_from(
    [
        "params",
        ".a",
        "steps.x",
        ".output",
        "item",
        "run",
        "1",
        "2.5",
        "'a'",
        "true",
        "null",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ":",
        ",",
        "?",
        ".",
        "+",
        "-",
        "*",
        "/",
        "==",
        "in",
        "&&",
        "!",
        "<",
        "size(",
        "has(",
        "i",
        ".map(i,",
        ".filter(i,",
        ".exists(i,",
        "timestamp(",
        "duration(",
        "'4h'",
        "matches(",
        "'['",
        "0x",
        "b'a'",
        "r'\\'",
        "'\\u0'",
        "\\",
        "`",
        "#",
        "//",
        "é",
        "'''",
        "[0]",
        "",
    ]
)


@settings(max_examples=400)
@given(st.lists(_atoms, max_size=10).map("".join) | st.text(max_size=30))
def test_any_text_is_an_expression_or_refused_and_any_expression_has_a_value_or_fails(text: str) -> None:
    try:
        expression = Expression(text)
    except InvalidRunbook:
        return
    variables = {"params": {"a": [1]}, "steps": {"x": SKIPPED}, "item": "i", "run": {}, "tenant": {}}
    try:
        expression.evaluate(variables)
    except ExpressionFailed:
        return


@pytest.mark.parametrize(
    "text", ["1" + "+1" * 990, "!" * 1_990 + "true", "params" + ".a" * 990, "params" + "[0]" * 640]
)
def test_long_expressions_do_not_exhaust_the_stack(text: str) -> None:
    try:
        Expression(text).evaluate({"params": {}})
    except (InvalidRunbook, ExpressionFailed):
        return


def test_one_text_is_compiled_once_and_expressions_compare_and_pickle() -> None:
    one, other = Expression("params.a == 1"), Expression("params.a == 1")
    assert one == other
    assert hash(one) == hash(other)
    assert one._compiled is other._compiled
    assert pickle.loads(pickle.dumps(one)).evaluate({"params": {"a": 1}}) is True
    assert one != Expression("params.a == 2")


def test_the_librarys_command_line_is_never_imported() -> None:
    code = (
        "import sys; from tenantry.runbook.expressions import Expression; Expression('1 + 1').evaluate({});"
        "bad = [m for m in sys.modules if m.startswith(('prompt_toolkit', 'cel.cli', 'typer'))]; sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_library_stays_one_copy_when_its_package_is_imported_later() -> None:
    code = (
        "from tenantry.runbook.expressions import Expression, _library; Expression('1').evaluate({}); import cel;"
        "assert cel.compile is _library().compile"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what an evaluation may cost --------------------------------------------------------------------------------------


def test_only_what_is_read_is_looked_at() -> None:
    steps = {"a": {"outcome": "observed", "output": {"x": 1, "huge": object()}, "items": []}, "b": object()}
    assert value("steps.a.output.x", steps=steps, tenant=object()) == 1
    assert value("has(steps.a.output.y)", steps=steps) is False


@pytest.mark.parametrize(
    ("text", "builds", "depth"),
    [
        ("params.l.exists(i, i == -1)", False, 1),
        ("params.l.exists(i, params.l.exists(j, j == -1))", False, 2),
        ("size(params.l.map(i, params.l.map(j, j)))", True, 2),
        ("size(params.l)", False, 0),
        ("params.l.map(i, i)", True, 1),
    ],
)
def test_lists_that_would_take_long_to_walk_are_refused(text: str, builds: bool, depth: int) -> None:
    most = MAX_WALK[builds][depth]
    value(text, params={"l": [1] * most})
    assert str(most) in fails(text, params={"l": [1] * (most + 1)}).message


ROWS = [{"id": f"r{n}", "n": n, "ok": n % 2 == 0, "tags": ["a", "b"]} for n in range(2_000)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params.rows", ROWS),
        ("params.rows.filter(r, r.ok)", [r for r in ROWS if r["ok"]]),
        ("params.rows.map(r, r.id)", [r["id"] for r in ROWS]),
        ("params.rows.map(r, r.ok, r.id)", [r["id"] for r in ROWS if r["ok"]]),
        ("params.rows.filter(r, r.n > params.least).map(r, {'id': r.id})", [{"id": r["id"]} for r in ROWS if r["n"] > 990]),
        ("params.rows.map(r, r.id) + params.names + params.rows.filter(r, r.n == 3).map(r, r.id)", [*[r["id"] for r in ROWS], "x", "y", "r3"]),
        ("params.rows.filter(r, r.id in params.names)", []),
    ],
)  # fmt: skip
def test_long_lists_go_through_filter_and_map(text: str, expected: Any) -> None:
    """In one piece the library would take minutes for these."""
    assert value(text, params={"rows": ROWS, "least": 990, "names": ["x", "y"]}) == expected


def test_a_part_of_a_long_list_fails_as_the_whole() -> None:
    fails("params.rows.map(r, r.nope)", params={"rows": ROWS})
    fails("params.rows.filter(r, r.id)", params={"rows": ROWS})
    assert value("params.rows.map(r, r)", params={"rows": []}) == []
    fails("params.rows.map(r, r)", params={"rows": None})
    fails("params.rows.map(r, r)", params={})
    assert value("params.rows.map(r, r)", params={"rows": {"a": 1}}) == ["a"]


def test_what_would_copy_for_minutes_is_refused() -> None:
    assert value("size(params.rows.filter(r, r.ok))", params={"rows": ROWS[:300]}) == 150
    assert "too long" in fails("size(params.rows.filter(r, r.ok))", params={"rows": ROWS}).message
    heavy = {"rows": ROWS * 5, "other": [0] * 10_000}
    assert "too long" in fails("params.rows.filter(r, r.n in params.other)", params=heavy).message


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(0, 9))
def test_a_list_in_parts_gives_what_it_gives_whole(numbers: list[int], least: int) -> None:
    params = {"l": numbers, "least": least}
    assert value("params.l.filter(i, i > params.least).map(i, i + 1)", params=params) == [
        n + 1 for n in numbers if n > least
    ]
    # Not in parts: the macro looks at the list itself.
    assert value("params.l.filter(i, size(params.l) > 3 && i > params.least)", params=params) == [
        n for n in numbers if len(numbers) > 3 and n > least
    ]
    assert value("params.l.map(i, i) + params.l", params=params) == numbers * 2
    assert value("[0] + params.l.map(i, i)", params=params) == [0, *numbers]


def test_values_nested_too_deep_are_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    fails("params.x", params={"x": deep})


# --- with blocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["${params.x}", "${ params.x }", "  ${params.x}\n", "${{'a': '}'}.a}", "${'}'}", "${'${'}"]
)
def test_a_whole_text_is_an_expression(text: str) -> None:
    assert isinstance(parse_value(text), Expression)


@pytest.mark.parametrize(
    "text",
    [
        "a ${params.x}",
        "${params.x} b",
        "${params.x}${params.y}",
        "${params.x} and ${params.y}",
        "${",
        "${a",
        "$${a} ${b}",
    ],
)
def test_an_expression_inside_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRunbook, match="message template"):
        parse_value(text)


@pytest.mark.parametrize(
    ("text", "literal"), [("$${x}", "${x}"), ("a $${x} b", "a ${x} b"), ("$", "$"), ("$x {y}", "$x {y}"), ("", "")]
)
def test_a_doubled_dollar_is_a_literal_one(text: str, literal: str) -> None:
    assert parse_value(text) == literal
    assert resolve({"a": [text]}, {}) == {"a": [literal]}


def test_expressions_in_a_block_are_found_with_their_paths() -> None:
    block = {"a": "${params.x}", "b": ["c", {"d": "${item}"}]}
    assert dict(expressions_in(block)) == {("a",): Expression("params.x"), ("b", 1, "d"): Expression("item")}


# --- when, for_each, key ----------------------------------------------------------------------------------------------


def test_a_condition_is_true_or_false_and_nothing_else_is_taken_for_one() -> None:
    assert condition("params.x > 1", {"params": {"x": 2}}) is True
    for text in ("params.x", "null", "'true'", "[]"):
        with pytest.raises(ExpressionFailed):
            condition(text, {"params": {"x": 1}})


def test_for_each_is_a_list() -> None:
    assert expand("params.x", {"params": {"x": ["a"]}}) == ["a"]
    with pytest.raises(ExpressionFailed):
        expand("params.x", {"params": {"x": "a"}})


@pytest.mark.parametrize(
    ("key", "item", "expected"),
    [
        (None, {"id": "u-1", "name": "A"}, "u-1"),
        (None, "text", "text"),
        (None, {"id": 7}, "7"),
        ("item.upn", {"upn": "a@b.c"}, "a@b.c"),
        ("item.n", {"n": 3}, "3"),
        ("params.prefix + item", "x", "p-x"),
    ],
)
def test_the_key_of_an_item(key: str | None, item: Any, expected: str) -> None:
    assert item_key(key, item, {"params": {"prefix": "p-"}}) == expected


@pytest.mark.parametrize(
    ("key", "item"),
    [
        (None, {"name": "A"}),
        (None, 1.5),
        (None, ""),
        (None, " "),
        (None, None),
        (None, True),
        ("item.l", {"l": []}),
        ("item.x", {}),
    ],
)
def test_an_item_without_a_key_fails(key: str | None, item: Any) -> None:
    with pytest.raises(ExpressionFailed):
        item_key(key, item)


def test_a_skipped_step_has_an_outcome_and_nothing_else() -> None:
    assert SKIPPED == {"outcome": "skipped", "output": None, "items": []}
    steps = {"a": SKIPPED}
    assert (
        value("steps.a.outcome == 'skipped' && steps.a.output == null && size(steps.a.items) == 0", steps=steps) is True
    )
    assert value("steps.a.output == null ? [] : steps.a.output.rows", steps=steps) == []
    fails("steps.a.output.rows", steps=steps)


def test_threads_that_need_the_compiler_at_the_same_moment() -> None:
    """It cannot be loaded twice, and says so by ending the thread."""
    script = (
        "import threading\n"
        "from tenantry.runbook import expressions\n"
        "ready, found = threading.Barrier(8), []\n"
        "def ask():\n"
        "    ready.wait()\n"
        "    found.append(expressions.Expression('params.x').evaluate({'params': {'x': 1}}))\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(len(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.returncode) == ("8", 0), done.stderr
