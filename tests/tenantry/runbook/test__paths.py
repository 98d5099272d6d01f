"""Dotted paths: every one in an expression is found, however it is written."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry.errors import InvalidRunbook
from tenantry.runbook._paths import MAX_NESTING, cut, one_expression, read_paths
from tenantry.runbook.expressions import Expression


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("params.a", [("params", "a")]),
        ("steps.s.output.rows[2].id", [("steps", "s", "output", "rows", 0, "id")]),
        ("steps['s']['output'].x", [("steps", "s", "output", "x")]),
        ("size(params.a) > 0 && has(item.b)", [("params", "a"), ("item", "b")]),
        (
            "steps.s.output.rows.map(r, r.id)",
            [("steps", "s", "output", "rows"), ("steps", "s", "output", "rows", 0, "id")],
        ),
        (
            "steps.s.output.rows.filter(r, r.ok).exists(q, q.n == item.n)",
            [
                ("steps", "s", "output", "rows"),
                ("steps", "s", "output", "rows", 0, "ok"),
                ("steps", "s", "output", "rows", 0, "n"),
                ("item", "n"),
            ],
        ),
        (
            "params.l.map(a, params.m.filter(b, b.x == a.y))",
            [("params", "l"), ("params", "m"), ("params", "m", 0, "x"), ("params", "l", 0, "y")],
        ),
        ("[params.a].map(x, x.y)", [("params", "a")]),
        ("{'k': params.a}.k", [("params", "a")]),
        ("params.m[params.k].x", [("params", "m"), ("params", "k")]),
        ("params.a.startsWith(tenant.name)", [("params", "a"), ("tenant", "name")]),
        ("'steps.x.output // ' + r'params.y\\' + params.z  // item.q", [("params", "z")]),
        ('"""a " params.x""" + params.z', [("params", "z")]),
    ],
)
def test_every_path_is_found_through_macros_brackets_and_strings(text: str, paths: list[Any]) -> None:
    assert sorted(map(str, (r.path for r in read_paths(text).references))) == sorted(map(str, paths))
    assert {p[0] for p in paths} == Expression(text).variables


def test_an_offset_is_where_the_path_begins() -> None:
    text = "size(params.a) > 0 && item.b"
    assert [text[r.offset :].split(".")[0] for r in read_paths(text).references] == ["params", "item"]


def test_macros_are_counted_by_depth_and_by_what_they_build() -> None:
    assert [
        (p.depth, p.builds) for p in map(read_paths, ("params.a", "params.a.all(x, x)", "params.a.map(x, x.all(y, y))"))
    ] == [
        (0, False),
        (1, False),
        (2, True),
    ]


@pytest.mark.parametrize(
    "text", ["params.a.map(x)", "params.a.map(1, x)", "params.a.map(item, 1)", "steps[item].a", "((1)", "1]", "(1}"]
)
def test_what_cannot_be_followed_is_refused(text: str) -> None:
    with pytest.raises(InvalidRunbook):
        read_paths(text)


def test_brackets_nest_to_a_limit() -> None:
    read_paths("(" * MAX_NESTING + "1" + ")" * MAX_NESTING)
    with pytest.raises(InvalidRunbook):
        read_paths("(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1))


@pytest.mark.parametrize(
    ("text", "one"),
    [("params.a", True), ("{'a': {}}", True), ("'}'", True), ("a} ${b", False), ("a} b {c", False), ("'open", True)],
)
def test_a_brace_that_closes_from_inside_is_seen(text: str, one: bool) -> None:
    assert one_expression(text) is one


def test_a_long_text_is_cut_for_messages() -> None:
    assert cut("short") == "short"
    assert len(cut("x" * 500)) == 200


@pytest.mark.parametrize(
    ("text", "pipeline"),
    [
        ("params.l.map(x, x.id)", ("params", "l")),
        ("steps.s.output.rows.filter(r, r.ok).map(r, r.id)", ("steps", "s", "output", "rows")),
        ("params.l.filter(x, x in params.m)", ("params", "l")),
        ("item.map(x, x)", ("item",)),
        ("params.l", None),
        ("size(params.l.map(x, x))", None),
        ("params.l.map(x, x).size()", None),
        ("params.l.map(x, x)[0]", None),
        ("params.l.map(x, x) + params.m", None),
        ("params.l[0].map(x, x)", None),
        ("params.l.exists(x, x)", None),
        ("params.l.filter(x, size(params.l) > 1)", None),
        ("params.l.filter(x, size(params) > 1)", None),
        ("params.l.filter(x, size(params.l.a) > 1)", None),
        ("params.l.map(x, x).a.map(y, y)", None),
    ],
)
def test_a_list_that_only_goes_through_filter_and_map_is_known(text: str, pipeline: Any) -> None:
    assert read_paths(text).pipeline == pipeline


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("params.l.map(x, x + 1) + params.m", ("params.l.map(x, x + 1)", "params.m")),
        ("params.m + params.l.map(x, x)  // why", ("params.m", "params.l.map(x, x)")),
        ("params.m + params.l", ()),
        ("params.l.map(x, x) + params.m == []", ()),
        ("true ? params.l.map(x, x) + params.m : []", ()),
        ("params.l.map(x, x) - params.m + params.n", ()),
    ],
)
def test_a_sum_of_lists_is_taken_apart(text: str, operands: tuple[str, ...]) -> None:
    assert read_paths(text).operands == operands
