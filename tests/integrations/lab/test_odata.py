from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.odata import FilterSyntax, FilterUnsupported, parse_filter

ALL = ("eq", "ne", "gt", "ge", "lt", "le", "in", "startswith", "endswith", "contains", "any")
ALLOWED = dict.fromkeys(("name", "at", "on", "n", "a/b", "list", "list/id", "id"), ALL)
ROW = {
    "name": "Ann O'Neil",
    "at": "2026-11-21T09:30:00.1234567Z",
    "on": True,
    "n": 5,
    "a": {"b": None},
    "list": [{"id": "x"}, {"id": "y"}],
    "id": "83147e32-afca-45db-8d8a-a3e0cf798c14",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq 'ann o''neil'", True),
        ("name ne 'ann o''neil'", False),
        ("startswith(name,'ANN')", True),
        ("endswith(name, 'neil')", True),
        ("contains(name,'x')", False),
        ("at ge 2026-11-21T09:30:00Z", True),
        ("at ge 2026-11-21T09:30:00Z and at lt 2026-11-21T09:30:00.123456Z", False),
        ("at gt 2026-11-21", True),
        ("at le 2026-11-21T10:30:00+01:00", False),
        ("on eq true", True),
        ("not (on eq true)", False),
        ("on eq false or n eq 5", True),
        ("n gt 4 and n le 5", True),
        ("n in (1, 2, 5)", True),
        ("a/b eq null", True),
        ("a/b gt 1", False),
        ("list/any(x:x/id eq 'y')", True),
        ("list/any(x:x/id eq 'z')", False),
        ("id eq 83147e32-afca-45db-8d8a-a3e0cf798c14", True),
        ("id eq '83147E32-AFCA-45DB-8D8A-A3E0CF798C14'", True),
        ("(on eq false or n eq 5) and name eq 'x'", False),
    ],
)
def test_filters(text: str, expected: bool) -> None:
    assert parse_filter(text, ALLOWED).matches(ROW) is expected


def test_plain_values_in_any() -> None:
    found = parse_filter("kinds/any(t: t eq 'b')", {"kinds": ("any", "eq")})
    assert found.matches({"kinds": ["a", "b"]})
    assert not found.matches({"kinds": ["a"]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name eq",
        "name eq 'x' and",
        "eq 'x'",
        "name = 'x'",
        "(name eq 'x'",
        "name eq x",
        "n eq 1 2",
        "at ge 2026-99-21",
        "'x' eq name",
    ],
)
def test_texts_that_are_no_filter(text: str) -> None:
    with pytest.raises(FilterSyntax):
        parse_filter(text, ALLOWED)


def test_unknown_properties_and_unsupported_operators_differ() -> None:
    with pytest.raises(FilterUnsupported) as caught:
        parse_filter("nam eq 'x'", {"name": ("eq",)}, known=("name",))
    assert caught.value.unknown
    with pytest.raises(FilterUnsupported) as caught:
        parse_filter("startswith(name,'x')", {"name": ("eq",)}, known=("name",))
    assert not caught.value.unknown
    with pytest.raises(FilterUnsupported) as caught:
        parse_filter("mail eq 'x'", {"name": ("eq",)}, known=("name", "mail"))
    assert not caught.value.unknown


@pytest.mark.parametrize(
    ("text", "value"),
    [("name eq 'x' and n eq 5", "x"), ("name eq 'x' or n eq 5", None), ("not (name eq 'x')", None), ("n eq 5", None)],
)
def test_only_conjunctions_pin_a_key(text: str, value: Any) -> None:
    assert parse_filter(text, ALLOWED).only("name") == value
