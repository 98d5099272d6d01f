"""What is known, before anything runs, about the types behind a dotted path: enough to refuse a misspelt field."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import types
import typing
from collections.abc import Mapping, Sequence, Set
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, RootModel

__all__ = ["UNKNOWN", "NoSuchField", "kinds", "walk"]

UNKNOWN: Final = Any
"""Nothing is known: every field is taken, and every kind fits."""

_LISTS = (list, tuple, set, frozenset, Sequence, Set)


class NoSuchField(Exception):
    """The path asks for what its type does not have. The message says so in a few words."""


def walk(annotation: Any, path: Sequence[str | int]) -> Any:
    """The type at ``path`` below a value of type ``annotation``, as its JSON form has it.

    Raises:
        NoSuchField: no value of that type has it.
    """
    for place, part in enumerate(path):
        annotation = _step(annotation, part, ".".join(str(p) for p in path[:place]))
    return annotation


def _step(annotation: Any, part: str | int, before: str) -> Any:
    annotation = _bare(annotation)
    if annotation is UNKNOWN:
        return UNKNOWN
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _any_of(annotation, part, before)
    known = origin or annotation
    if not isinstance(known, type):
        if origin is typing.Literal:
            raise NoSuchField(f"{_named(before)} has no fields")
        return UNKNOWN
    if known is not str and issubclass(known, _LISTS) and not issubclass(known, (str, bytes)):
        return _element(annotation, part, before)
    if issubclass(known, Mapping):
        arguments = get_args(annotation)
        return arguments[1] if len(arguments) == 2 else UNKNOWN
    if issubclass(known, BaseModel):
        return _field(known, part, before)
    if dataclasses.is_dataclass(known):
        hints = typing.get_type_hints(known, include_extras=True)
        if isinstance(part, str) and part in {field.name for field in dataclasses.fields(known)}:
            return hints.get(part, UNKNOWN)
        raise NoSuchField(f"{_named(before)} has no field {part!r}{_have(hints)}")
    if issubclass(known, (str, bool, int, float, dt.datetime, dt.date, enum.Enum, type(None))):
        raise NoSuchField(f"{_named(before)} has no fields")
    return UNKNOWN


def _any_of(annotation: Any, part: str | int, before: str) -> Any:
    found: list[Any] = []
    complaints: list[NoSuchField] = []
    for option in get_args(annotation):
        if option is type(None):
            continue
        try:
            found.append(_step(option, part, before))
        except NoSuchField as complaint:
            complaints.append(complaint)
    if not found and complaints:
        raise complaints[0]
    return found[0] if len(found) == 1 else UNKNOWN


def _element(annotation: Any, part: str | int, before: str) -> Any:
    if isinstance(part, str):
        raise NoSuchField(f"{_named(before)} is a list; read an element of it, not {part!r}")
    arguments = get_args(annotation)
    if not arguments or (len(arguments) > 1 and arguments[1] is not Ellipsis):
        return UNKNOWN
    return arguments[0]


def _field(model: type[BaseModel], part: str | int, before: str) -> Any:
    if issubclass(model, RootModel):
        return _step(model.model_fields["root"].annotation, part, before)
    if isinstance(part, str):
        if part in model.model_fields:
            return model.model_fields[part].annotation
        if part in model.model_computed_fields:
            return model.model_computed_fields[part].return_type
        if model.model_config.get("extra") == "allow":
            return UNKNOWN
        raise NoSuchField(f"{_named(before)} has no field {part!r}{_have(model.model_fields)}")
    raise NoSuchField(f"{_named(before)} is a map, not a list")


def _have(names: Mapping[str, Any]) -> str:
    return f"; there are {', '.join(names)}" if names else ""


def _named(before: str) -> str:
    return f"`{before}`" if before else "it"


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is typing.Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, typing.TypeVar) or annotation is None:
        return type(None) if annotation is None else UNKNOWN
    return annotation


def kinds(annotation: Any) -> frozenset[str] | None:
    """What a value of that type is in JSON: some of ``text``, ``boolean``, ``whole number``, ``number``, ``list``,
    ``map``; None when that is not known. Null is left out."""
    annotation = _bare(annotation)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        parts = [kinds(option) for option in get_args(annotation) if option is not type(None)]
        return None if any(part is None for part in parts) else frozenset().union(*(p for p in parts if p is not None))
    if origin is typing.Literal:
        parts = [kinds(type(value)) for value in get_args(annotation)]
        return None if any(part is None for part in parts) else frozenset().union(*(p for p in parts if p is not None))
    known = origin or annotation
    if not isinstance(known, type):
        return None
    if issubclass(known, bool):
        return frozenset({"boolean"})
    if issubclass(known, int):
        return frozenset({"whole number"})
    if issubclass(known, float):
        return frozenset({"whole number", "number"})
    if issubclass(known, (str, dt.datetime, dt.date)):
        return frozenset({"text"})
    if issubclass(known, (dict, BaseModel)):
        return None if issubclass(known, RootModel) else frozenset({"map"})
    return frozenset({"list"}) if issubclass(known, _LISTS) else None
