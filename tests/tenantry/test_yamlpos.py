"""YAML with positions: what is read, what is refused, and that each complaint names its line and no value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tenantry.errors import InvalidInput, InvalidRunbook
from tenantry.yamlpos import Limits, Position, build, explain, load, misplaced, parse, problems


def data(text: str) -> object:
    return parse(text, file="f.yaml").data


def refused(text: str, **kwargs: Limits) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(text, file="f.yaml", **kwargs)
    return caught.value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2026-11-21", "2026-11-21"),
        ("0049", "0049"),
        ("+4930123", "+4930123"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("42", 42),
        ("-7", -7),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("'42'", "42"),
        ('"true"', "true"),
        ("!!str 42", "42"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, value: object) -> None:
    document = data(f"key: {written}")
    assert document == {"key": value}
    assert type(document["key"]) is type(value)  # type: ignore[index]  # a mapping, as just compared


def test_positions_count_from_one_and_name_the_key() -> None:
    document = parse("a:\n  - x: 1\n    y:\n      long\n  - 2\n", file="dir/f.yaml")
    assert document.data == {"a": [{"x": 1, "y": "long"}, 2]}
    assert document.positions[("a",)] == Position(1, 1)
    assert document.positions[("a", 0)] == Position(2, 5)
    assert document.positions[("a", 0, "y")] == Position(3, 5)
    assert document.positions[("a", 1)] == Position(5, 5)
    assert document.positions.place(("a", 0, "y", "not", "there")) == "dir/f.yaml:3"
    assert len(document.positions) == len(list(document.positions)) == 6


def test_an_empty_file_is_null() -> None:
    assert data("") is None
    assert data("# only a comment\n") is None


def test_an_alias_copies_and_its_position_is_where_it_is_used() -> None:
    document = parse("base: &b {x: 1}\nuse: *b\n", file="f.yaml")
    assert document.data == {"base": {"x": 1}, "use": {"x": 1}}
    assert document.data["base"] is not document.data["use"]
    assert document.positions[("use",)].line == 2
    assert document.positions[("use", "x")].line == 1


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "twice"),
        ("a:\n  b: 1\n  'b': 2\n", 3, "twice"),
        ("a: 1\n---\nb: 2\n", 2, "second"),
        ("a: !!python/object:os.system x\n", 1, "tags"),
        ("a: !!timestamp 2026-01-01\n", 1, "tags"),
        ("a: *nowhere\n", 1, "anchor"),
        ("a: &a [1, *a]\n", 1, "inside"),
        ("1: x\n", 1, "key"),
        ("? [a]\n: x\n", 1, "key"),
        ("a: 1\nb: 9007199254740992\n", 2, "quotes"),
        ("a: " + "9" * 5000, 1, "quotes"),
        ("a: .inf\n", 1, "infinity"),
        ("a: .nan\n", 1, "infinity"),
        ("a: 1e999\n", 1, "large"),
        ("a: 1\nb: [1,\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: 1\nb: \x01\n", 2, "not allow"),
    ],
)
def test_refused_with_its_line(text: str, line: int, says: str) -> None:
    error = refused(text)
    assert error.place == f"f.yaml:{line}"
    assert says in error.message


def test_the_caller_chooses_the_error_class() -> None:
    with pytest.raises(InvalidRunbook):
        parse("[", file="f.yaml", error=InvalidRunbook)


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    assert "aliases are expanded" in refused(bomb).message
    assert "aliases" in refused("a: &a 1\nb: [" + "*a, " * 300 + "]").message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_without_deep_recursion(opening: str) -> None:
    error = refused(opening * 20_000)
    assert error.place == "f.yaml:1"


def test_aliases_cannot_hide_depth() -> None:
    text = "l0: &l0 [[1]]\n" + "".join(f"l{n}: &l{n} [[*l{n - 1}]]\n" for n in range(1, 30))
    assert "deeper" in refused(text).message


def test_limits() -> None:
    assert "bytes" in refused("a: 1", limits=Limits(bytes=3)).message
    assert "values" in refused("[1, 2, 3, 4]", limits=Limits(values=3)).message


def test_load_reads_a_file_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes("\ufeffname: Ä\n".encode())
    assert load(path).data == {"name": "Ä"}
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InvalidInput) as caught:
        load(path)
    assert caught.value.place == f"{path}:2"
    path.write_text("ä" * 10)
    with pytest.raises(InvalidInput, match="longer than 5 bytes"):
        load(path, limits=Limits(bytes=5))
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path / "none.yaml")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["inner"]
    count: int

    @field_validator("count")
    @classmethod
    def positive(cls, value: int) -> int:
        if value < 0:
            raise ValueError("must not be negative, ever")
        return value


class Other(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["other"]
    text: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    parts: list[Annotated[Inner | Other, Field(discriminator="kind")]] = []
    table: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = {}


def complaints(text: str) -> list[str]:
    document = parse(text, file="f.yaml")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.data)
    return explain(caught.value, document.positions)


def test_explain_names_file_line_path_in_file_order() -> None:
    lines = complaints(
        "parts:\n"
        "  - kind: inner\n"
        "    count: -1\n"
        "  - kind: other\n"
        "    text: 5\n"
        "    wrong: 1\n"
        "  - kind: nothing\n"
        "table: {B: 1, c: x}\n"
    )
    assert [line.partition(" ")[0] for line in lines] == [
        *("f.yaml:1:", "f.yaml:3:", "f.yaml:5:", "f.yaml:6:", "f.yaml:7:", "f.yaml:8:", "f.yaml:8:")
    ]
    assert lines[0] == "f.yaml:1: name: is required"
    assert lines[1] == "f.yaml:3: parts[0].count: must not be negative, ever"
    assert lines[2] == "f.yaml:5: parts[1].text: should be text; put it in quotes"
    assert lines[3] == "f.yaml:6: parts[1].wrong: unknown field"


def test_a_document_of_the_wrong_shape_is_explained() -> None:
    assert complaints("- 1\n")[0].startswith("f.yaml:1: ")
    assert complaints("")[0].startswith("f.yaml:1: ")


def test_no_value_is_repeated_anywhere() -> None:
    document = parse("name: [hunter2-canary]\nparts:\n  - kind: hunter2-canary\n", file="f.yaml")
    assert "canary" not in repr(document)
    with pytest.raises(InvalidInput) as caught:
        build(Outer, document)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "name" in error.message
    assert error.place == "f.yaml:1"
    assert len(error.detail["problems"]) == 2
    assert error.message.count("hunter2") == 0


def test_build_returns_the_model() -> None:
    assert build(Outer, parse("name: x\n", file="f.yaml")).name == "x"


def test_problems_are_structured() -> None:
    document = parse("name: x\nparts: [{kind: inner}]\n", file="f.yaml")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.data)
    (problem,) = problems(caught.value, document.positions)
    assert problem.path == ("parts", 0, "count")
    assert problem.position.line == 2


# JSON writes what is beyond the basic plane as two escaped surrogates, which YAML's escapes do not know.
basic_text = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))


class Whole(BaseModel):
    parts: dict[str, list[int]]

    @model_validator(mode="after")
    def odd(self) -> Whole:
        for name, numbers in self.parts.items():
            for index, number in enumerate(numbers):
                if number % 2 == 0:
                    raise misplaced("must be {odd}", "parts", name, index)
        return self


def test_a_validator_of_a_whole_model_names_the_line() -> None:
    document = parse("parts:\n  a: [1]\n  b:\n    - 3\n    - 4\n", file="f.yaml")
    with pytest.raises(InvalidInput) as caught:
        build(Whole, document)
    assert caught.value.message == "f.yaml:5: parts.b[1]: must be {odd}"


basic_key = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=100
)  # a YAML key ends within 1024
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | basic_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(basic_key, inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_is_read_as_json(value: object) -> None:
    """JSON is YAML: whatever json.dumps writes comes back as it was."""
    document = parse(json.dumps(value), file="f.json")
    assert document.data == value


@given(st.text(alphabet="ab:-[]{}&*! \n\t'\"|>#%@,?0.~"))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        document = parse(text, file="f.yaml")
    except InvalidInput as error:
        place = str(error.place)
    else:
        place = document.positions.place()
    assert re.fullmatch(r"f\.yaml:[1-9][0-9]*", place)
