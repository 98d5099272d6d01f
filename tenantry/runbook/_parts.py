"""A runbook's steps and where they stand in the file, and what is asked of them in several places."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tenantry.errors import InvalidRunbook
from tenantry.runbook.expressions import Expression, Path, parse_value
from tenantry.runbook.model import Step


@dataclass(frozen=True, slots=True)
class Placed:
    """A step, and where its parts stand in the file."""

    step: Step
    path: Path
    broken: frozenset[str] = frozenset()
    """Keys whose values are wrong by themselves: reported, and left out of the step."""

    def at(self, *parts: str | int) -> Path:
        if not self.step.is_message:
            return (*self.path, *parts)
        # Made from `message`: its template, to and facts stand there under other names.
        if parts[:2] == ("with", "facts"):
            return (*self.path, "message", "with", *parts[2:])
        if parts[:1] == ("with",):
            return (*self.path, "message", *parts[1:])
        return (*self.path, "message")


def well_formed(given: Any, path: Path) -> Placed | None:
    """The step, without what is wrong in it by itself; None when too little is left to say more."""
    broken: frozenset[str] = frozenset()
    while isinstance(given, dict):
        try:
            return Placed(Step.model_validate(given), path, broken)
        except ValidationError as error:
            wrong = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]} & set(given)
            if not wrong:
                return None
            given = {key: value for key, value in given.items() if key not in wrong}
            broken |= wrong
    return None


def expressions_of(step: Step) -> Iterator[Expression]:
    """The valid expressions of a step; the others are reported where they stand."""
    for text in (step.when, step.for_each, step.key):
        if text is not None:
            try:
                yield Expression(text)
            except InvalidRunbook:
                continue
    for _, text in texts(step.with_, ()):
        try:
            parsed = parse_value(text)
        except InvalidRunbook:
            continue
        if isinstance(parsed, Expression):
            yield parsed


def cycles(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """One cycle for each way back that a depth-first walk finds, in the order in which each needs the next. Own needs
    are left out. Without recursion: a chain may be as long as a runbook."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        trail = [start]
        pending = [iter(edges[start])]
        while trail:
            following = next(pending[-1], None)
            if following is None:
                done.add(trail.pop())
                pending.pop()
            elif following in trail:
                cycle = trail[trail.index(following) :]
                if len(cycle) > 1:
                    found.append(cycle)
            elif following not in done:
                trail.append(following)
                pending.append(iter(edges[following]))
    return found


def entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    """Keys or places, and what stands there; nothing for plain values."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    for key, inner in entries(value):
        yield from texts(inner, (*path, key))


def has_expression(value: Any) -> bool:
    """Whether any text in the value is an expression."""
    return any("${" in text and isinstance(parse_value(text), Expression) for _, text in texts(value, ()))


def unescaped(value: Any) -> Any:
    """The literal as the task will get it: ``$${`` read as ``${``."""
    if isinstance(value, str):
        return parse_value(value)
    if isinstance(value, Mapping):
        return {key: unescaped(inner) for key, inner in value.items()}
    return [unescaped(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def accepted(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the name that a file writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def annotation_of(field: FieldInfo) -> Any:
    """The field's type with its limits, by itself."""
    annotation: Any = field.annotation
    return Annotated[(annotation, *field.metadata)] if field.metadata else annotation


def near(name: Any, names: Iterable[Any]) -> str:
    """``; did you mean …?`` when a known name is close; else empty."""
    found = difflib.get_close_matches(str(name), [str(known) for known in names], n=2)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def there_are(names: Iterable[str]) -> str:
    """``; there are …``: the names that can stand here."""
    return f"; there are {', '.join(sorted(names)) or 'none'}"


def any_of(names: Iterable[str]) -> str:
    """The names joined with “or”."""
    return " or ".join(sorted(names))
