"""The part of OData that Graph's clients use: ``$filter`` as a predicate, and the checks around it.

Grammar: OData 4.01 part 2 (URL conventions), section 5.1.1. Only what a resource allows is accepted: Graph refuses most filters,
and so does the lab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.lab.clock import parse_iso
from tenantry.errors import InvalidInput

Predicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<time>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?)(?![0-9a-fA-F-])
    | (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_@$][A-Za-z0-9_.]*(?:/[A-Za-z_][A-Za-z0-9_.]*)*)
    | (?P<mark>[(),:])
    )""",
    re.VERBOSE,
)
_COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
_FUNCTIONS = ("startswith", "endswith", "contains")


class FilterSyntax(InvalidInput):
    """The text is not a filter."""


class FilterUnsupported(InvalidInput):
    """The filter is well-formed, but this resource does not allow it."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown
        """The property does not exist at all."""


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison that a filter makes: ``userPrincipalName``, ``eq``, ``'a@b'``."""

    path: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter."""

    matches: Predicate
    terms: tuple[Term, ...]
    conjunctive: bool
    """Only ``and`` joins the terms, so each term alone narrows the result."""

    def only(self, path: str, op: str = "eq") -> Any | None:
        """The value that ``path`` must equal, when the filter demands one."""
        if not self.conjunctive:
            return None
        return next((term.value for term in self.terms if term.path == path and term.op == op), None)


def parse_filter(text: str, allowed: Mapping[str, Iterable[str]], known: Iterable[str] = ()) -> Filter:
    """Parse ``text``.

    Args:
        text: the value of ``$filter``.
        allowed: for each property path the operators that the resource supports (``any`` for collections).
        known: properties that exist; one that does not exist is another error than one that cannot be filtered.

    Raises:
        FilterSyntax: not a filter.
        FilterUnsupported: not this filter, not here.
    """
    parser = _Parser(text, {path: frozenset(ops) for path, ops in allowed.items()}, frozenset(known))
    matches = parser.disjunction({})
    if parser.peek() is not None:
        raise FilterSyntax(f"unexpected text at position {parser.position}")
    return Filter(matches, tuple(parser.terms), parser.conjunctive)


class _Parser:
    def __init__(self, text: str, allowed: Mapping[str, frozenset[str]], known: frozenset[str]) -> None:
        self._tokens = list(_tokens(text))
        self.position = 0
        self._allowed = allowed
        self._known = known
        self.terms: list[Term] = []
        self.conjunctive = True

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self.position] if self.position < len(self._tokens) else None

    def _next(self) -> tuple[str, str]:
        token = self.peek()
        if token is None:
            raise FilterSyntax("unexpected end of filter")
        self.position += 1
        return token

    def _word(self, *words: str) -> str | None:
        token = self.peek()
        if token is not None and token[0] == "name" and token[1] in words:
            self.position += 1
            return token[1]
        return None

    def _mark(self, mark: str) -> None:
        if self._next() != ("mark", mark):
            raise FilterSyntax(f"expected {mark!r}")

    def disjunction(self, scope: Mapping[str, str]) -> Predicate:
        parts = [self._conjunction(scope)]
        while self._word("or"):
            self.conjunctive = False
            parts.append(self._conjunction(scope))
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _conjunction(self, scope: Mapping[str, str]) -> Predicate:
        parts = [self._factor(scope)]
        while self._word("and"):
            parts.append(self._factor(scope))
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _factor(self, scope: Mapping[str, str]) -> Predicate:
        if self._word("not"):
            self.conjunctive = False
            inner = self._factor(scope)
            return lambda row: not inner(row)
        if self.peek() == ("mark", "("):
            self._mark("(")
            inner = self.disjunction(scope)
            self._mark(")")
            return inner
        if name := self._word(*_FUNCTIONS):
            return self._function(name, scope)
        kind, path = self._next()
        if kind != "name":
            raise FilterSyntax("a comparison begins with a property")
        if path.endswith("/any"):
            return self._any(path.removesuffix("/any"), scope)
        return self._comparison(path, scope)

    def _function(self, name: str, scope: Mapping[str, str]) -> Predicate:
        self._mark("(")
        kind, path = self._next()
        if kind != "name":
            raise FilterSyntax(f"{name} takes a property first")
        self._mark(",")
        value = self._literal()
        self._mark(")")
        if not isinstance(value, str):
            raise FilterSyntax(f"{name} takes a text")
        get = self._getter(path, name, value, scope)
        needle = value.casefold()
        if name == "startswith":
            return lambda row: isinstance(found := get(row), str) and found.casefold().startswith(needle)
        if name == "endswith":
            return lambda row: isinstance(found := get(row), str) and found.casefold().endswith(needle)
        return lambda row: isinstance(found := get(row), str) and needle in found.casefold()

    def _comparison(self, path: str, scope: Mapping[str, str]) -> Predicate:
        op = self._word(*_COMPARISONS, "in")
        if op is None:
            raise FilterSyntax(f"no comparison after {path}")
        if op == "in":
            values = self._values()
            get = self._getter(path, "in", values, scope)
            return lambda row: any(_compare(get(row), "eq", value) for value in values)
        value = self._literal()
        get = self._getter(path, op, value, scope)
        return lambda row: _compare(get(row), op, value)

    def _values(self) -> list[Any]:
        self._mark("(")
        values = [self._literal()]
        while self.peek() == ("mark", ","):
            self._mark(",")
            values.append(self._literal())
        self._mark(")")
        return values

    def _any(self, path: str, scope: Mapping[str, str]) -> Predicate:
        self._mark("(")
        kind, variable = self._next()
        if kind != "name":
            raise FilterSyntax("any() names a variable")
        self._mark(":")
        outer = self._getter(path, "any", None, scope)
        inner = self.disjunction({**scope, variable: self._full(path, scope)})
        self._mark(")")
        return lambda row: any(inner({variable: item}) for item in outer(row) or ())

    def _literal(self) -> Any:
        kind, text = self._next()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "time":
            try:
                return parse_iso(text)
            except ValueError:
                raise FilterSyntax(f"{text} is not a time") from None
        if kind == "guid":
            return text
        if kind == "number":
            return float(text)
        if kind == "name" and text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        raise FilterSyntax(f"{text!r} is not a value")

    def _full(self, path: str, scope: Mapping[str, str]) -> str:
        head, _, rest = path.partition("/")
        if head in scope:
            return f"{scope[head]}/{rest}" if rest else scope[head]
        return path

    def _getter(self, path: str, op: str, value: Any, scope: Mapping[str, str]) -> Callable[[Mapping[str, Any]], Any]:
        full = self._full(path, scope)
        operators = self._allowed.get(full)
        if operators is None or (op not in operators):
            raise FilterUnsupported(f"{full} {op}", unknown=operators is None and full.split("/")[0] not in self._known)
        self.terms.append(Term(full, op, value))
        keys = path.split("/")

        def get(row: Mapping[str, Any]) -> Any:
            found: Any = row
            for key in keys:
                found = found.get(key) if isinstance(found, Mapping) else None
            return found

        return get


def _tokens(text: str) -> Iterable[tuple[str, str]]:
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FilterSyntax(f"unexpected text at position {position}")
        position = match.end()
        yield match.lastgroup, match[match.lastgroup]


def _compare(found: Any, op: str, value: Any) -> bool:
    if hasattr(value, "tzinfo") and isinstance(found, str):
        try:
            found = parse_iso(found)
        except ValueError:
            return False
    elif isinstance(found, str) and isinstance(value, str):
        found, value = found.casefold(), value.casefold()
    if op == "eq":
        return bool(found == value)
    if op == "ne":
        return bool(found != value)
    if found is None or value is None:
        return False
    try:
        return bool(
            found > value
            if op == "gt"
            else found >= value
            if op == "ge"
            else found < value
            if op == "lt"
            else found <= value
        )
    except TypeError:
        return False
