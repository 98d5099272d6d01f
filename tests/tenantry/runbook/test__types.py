"""Types behind paths: what is certainly wrong is refused, what is not known is taken."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field

from tenantry.runbook._types import UNKNOWN, NoSuchField, kinds, walk


class Inner(BaseModel):
    id: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int


class Names(RootModel[list[Inner]]):
    """A list by another name."""


@dataclass
class Plain:
    at: dt.datetime


class Outer(BaseModel):
    one: Inner
    maybe: Inner | None = None
    many: list[Inner]
    pair: tuple[Inner, int]
    row: tuple[Inner, ...]
    by: dict[str, Inner]
    either: Inner | str
    names: Names
    open: Open
    plain: Plain
    limited: Annotated[list[Annotated[Inner, Field()]], Field(max_length=3)]
    level: Literal["a", "b"]
    any: Any

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def total(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("one.id", str),
        ("maybe.id", str),
        ("many.0.id", str),
        ("row.0.id", str),
        ("by.anything.id", str),
        ("either.id", str),
        ("names.0.id", str),
        ("open.known", int),
        ("open.other", UNKNOWN),
        ("plain.at", dt.datetime),
        ("limited.0.id", str),
        ("any.x.0.y", UNKNOWN),
        ("pair.0", UNKNOWN),
        ("total", int),
    ],
)
def test_a_type_is_found(path: str, found: Any) -> None:
    assert walk(Outer, [0 if part == "0" else part for part in path.split(".")]) is found


@pytest.mark.parametrize(
    "path",
    [
        "nope",
        "one.nope",
        "one.0",
        "maybe.nope",
        "many.id",
        "many.0.nope",
        "by.x.nope",
        "either.nope",
        "names.id",
        "plain.nope",
        "level.x",
        "total.x",
        "limited.0.nope",
    ],
)
def test_what_is_certainly_not_there_is_refused(path: str) -> None:
    with pytest.raises(NoSuchField):
        walk(Outer, [0 if part == "0" else part for part in path.split(".")])


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (str, {"text"}),
        (bool, {"boolean"}),
        (int, {"whole number"}),
        (float, {"whole number", "number"}),
        (dt.datetime, {"text"}),
        (list[int], {"list"}),
        (tuple[int, ...], {"list"}),
        (dict[str, int], {"map"}),
        (Inner, {"map"}),
        (str | None, {"text"}),
        (str | int, {"text", "whole number"}),
        (Literal["a", 1], {"text", "whole number"}),
        (Annotated[str, Field(max_length=3)], {"text"}),
        (Any, None),
        (str | Any, None),
        (dt.timedelta, None),
        (Names, None),
    ],
)
def test_the_kind_in_json(annotation: Any, found: set[str] | None) -> None:
    assert kinds(annotation) == found
