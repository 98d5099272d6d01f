"""Fields of events by their paths, as closures: a path is taken apart once, not for every event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tenantry.sweep.model import Event

__all__ = ["Getter", "getter", "scalars"]

Getter = Callable[[Event], Any]


def getter(path: tuple[str, ...]) -> Getter:
    """A function that gives an event's value at ``path``; None where there is nothing. Where a list lies on the way, the
    values of all its elements, as a list. A name with dots in it is found too (``{"a.b": 1}``)."""
    if path[0] == "view":
        rest = path[1:]
        if len(rest) == 1:
            (key,) = rest
            return lambda event: event.view.get(key)
        return lambda event: _walk(event.view, rest, 0)
    if len(path) == 1:
        (name,) = path
        return lambda event: event.record.get(name)
    if len(path) == 2:
        first, second = path

        def two(event: Event) -> Any:
            inner = event.record.get(first)
            if type(inner) is dict:
                return inner.get(second)
            return None if inner is None and f"{first}.{second}" not in event.record else _walk(event.record, path, 0)

        return two
    return lambda event: _walk(event.record, path, 0)


def _walk(data: Any, path: tuple[str, ...], at: int) -> Any:
    while at < len(path):
        if isinstance(data, Mapping):
            found = data.get(path[at])
            if found is None and at + 1 < len(path):
                return data.get(".".join(path[at:]))
            data = found
        elif isinstance(data, list):
            found = [value for one in data if (value := _walk(one, path, at)) is not None]
            flat: list[Any] = []
            for value in found:
                flat.extend(value) if isinstance(value, list) else flat.append(value)
            return flat or None
        else:
            return None
        at += 1
    return data


def scalars(value: Any) -> list[Any]:
    """What a field's value is compared as: itself, or each of a list's elements; what is nested, as its leaves."""
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in scalars(one)]
    if isinstance(value, Mapping):
        return [leaf for one in value.values() for leaf in scalars(one)]
    return [value]
