"""Sigma's condition tree as Python closures.

pySigma parses a rule into a tree of AND, OR, NOT and comparisons; here each node becomes a function of an event. What the
comparisons mean is Sigma's (https://github.com/SigmaHQ/sigma-specification): strings without regard to case, ``*`` and
``?`` as wildcards, a missing field equal to ``null`` and to nothing else, a list matched by any of its elements.

Beside the function stands what an event must at least have to match, as pairs of an indexed field and a value, so that
an event meets only the rules that name its operation; and what can be said of all events of one kin (``sure``), so that most rules
are decided for a hundred events at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaCasedString,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SpecialChars,
)

from tenantry.sweep.logs.values import strings
from tenantry.sweep.model import Event
from tenantry.sweep.sigma.compare import Test, Unsupported, said, scalar_test, string_test
from tenantry.sweep.sigma.fields import Getter, getter, scalars
from tenantry.sweep.sources import Source

__all__ = ["Compiled", "Unsupported", "compile_rule"]

Matcher = Callable[[Event], bool]
Needs = frozenset[tuple[str, str]] | None
"""One of these (indexed field, value in lower case) an event must have; None when nothing can be said."""


Sure = Callable[[Event], bool | None]
"""Whether a rule matches all events of this one's kin, or none of them; None when their parameters decide."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule's function, and what an event must have for it to be worth calling.

    Attributes:
        sure: None when nothing can be said of any kin.
    """

    matches: Matcher
    needs: Needs
    sure: Sure | None = None


def compile_rule(rule: SigmaRule, source: Source) -> Compiled:
    """Compile a detection rule for one log format.

    Raises:
        Unsupported: it names a field that the format lacks, or uses what cannot be evaluated here.
    """
    made = [_node(condition.parsed, source) for condition in rule.detection.parsed_condition]
    if not made:
        raise Unsupported("it has no condition")
    return _any(made)


def _node(node: Any, source: Source) -> Compiled:
    if isinstance(node, ConditionAND):
        return _all([_node(one, source) for one in node.args])
    if isinstance(node, ConditionOR):
        return _any(_or(node.args, source))
    if isinstance(node, ConditionNOT):
        return _not(_node(node.args[0], source))
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return _field(node.field, node.value, source)
    if isinstance(node, ConditionValueExpression):
        return Compiled(_keyword(node.value), None)
    raise Unsupported(f"its condition has a {type(node).__name__}")


def _or(nodes: list[Any], source: Source) -> list[Compiled]:
    """Alternatives; plain values of one field become one look into a set, which lists of operations mostly are, and parts of one field
    are looked for in one go."""
    plain: dict[str, list[SigmaString]] = {}
    inside: dict[str, list[str]] = {}
    others = []
    for node in nodes:
        value = node.value if isinstance(node, ConditionFieldEqualsValueExpression) else None
        if isinstance(value, SigmaString) and _is_plain(value):
            plain.setdefault(node.field, []).append(value)
        elif (part := _part(value)) is not None:
            inside.setdefault(node.field, []).append(part)
        else:
            others.append(_node(node, source))
    found = [_one_of(field, values, source) for field, values in plain.items()]
    return found + [_any_part(field, parts, source) for field, parts in inside.items()] + others


def _part(value: Any) -> str | None:
    """What is looked for anywhere in a field, in lower case; None: it is another comparison."""
    if not isinstance(value, SigmaString) or isinstance(value, SigmaCasedString) or len(value.s) != 3:
        return None
    first, middle, last = value.s
    many = SpecialChars.WILDCARD_MULTI
    return middle.lower() if first is many and last is many and isinstance(middle, str) else None


def _any_part(name: str, parts: list[str], source: Source) -> Compiled:
    path = source.path(name)
    if path is None:
        raise Unsupported(f"{source.name} logs have no field {name!r}")

    def test(found: Any) -> bool:
        folded = (found if type(found) is str else said(found)).lower()
        for part in parts:  # noqa: SIM110 - as below
            if part in folded:
                return True
        return False

    matches = _on(getter(path), test)
    return Compiled(matches, None, matches if ".".join(path) in source.steady else None)


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, SigmaString)
        and not isinstance(value, SigmaCasedString)
        and len(value.s) == 1
        and isinstance(value.s[0], str)
    )


def _one_of(name: str, values: list[SigmaString], source: Source) -> Compiled:
    path = source.path(name)
    if path is None:
        raise Unsupported(f"{source.name} logs have no field {name!r}")
    wanted = frozenset(str(value.s[0]).lower() for value in values)
    field = ".".join(path)
    needs = frozenset((field, one) for one in wanted) if field in source.index else None
    matches = _on(getter(path), lambda found: (found if type(found) is str else said(found)).lower() in wanted)
    return Compiled(matches, needs, matches if field in source.steady else None)


def _not(part: Compiled) -> Compiled:
    matches, sure = part.matches, part.sure
    if sure is None:
        return Compiled(lambda event: not matches(event), None)

    def unless(event: Event) -> bool | None:
        found = sure(event)
        return None if found is None else not found

    return Compiled(lambda event: not matches(event), None, unless)


def _together(parts: list[Compiled], *, decides: bool) -> Sure | None:
    """What is known of several: one that is ``decides`` decides; the others decide only together."""
    known = [part.sure for part in parts if part.sure is not None]
    if not known:
        return None
    complete = len(known) == len(parts)

    def sure(event: Event) -> bool | None:
        open_ = not complete
        for one in known:
            found = one(event)
            if found is decides:
                return decides
            open_ = open_ or found is None
        return None if open_ else not decides

    return sure


def _all(parts: list[Compiled]) -> Compiled:
    if len(parts) == 1:
        return parts[0]
    # What names the operation is asked first: it fails soonest.
    ordered = [part.matches for part in sorted(parts, key=lambda part: part.needs is None)]
    known = [part.needs for part in parts if part.needs is not None]
    needs = min(known, key=len) if known else None
    sure = _together(parts, decides=False)
    if len(ordered) == 2:
        first, second = ordered
        return Compiled(lambda event: first(event) and second(event), needs, sure)

    def every(event: Event) -> bool:
        for matches in ordered:  # noqa: SIM110 - all() with a generator takes twice as long
            if not matches(event):
                return False
        return True

    return Compiled(every, needs, sure)


def _any(parts: list[Compiled]) -> Compiled:
    if len(parts) == 1:
        return parts[0]
    matchers = [part.matches for part in parts]
    needs: set[tuple[str, str]] | None = set()
    for part in parts:
        needs = None if needs is None or part.needs is None else needs | part.needs

    def some(event: Event) -> bool:
        for matches in matchers:  # noqa: SIM110 - as above
            if matches(event):
                return True
        return False

    return Compiled(some, None if needs is None else frozenset(needs), _together(parts, decides=True))


def _field(name: str, value: Any, source: Source) -> Compiled:
    path = source.path(name)
    if path is None:
        raise Unsupported(f"{source.name} logs have no field {name!r}")
    if isinstance(value, SigmaExpansion):
        return _any([_field(name, one, source) for one in value.values])
    if isinstance(value, SigmaString) and _is_plain(value):
        return _one_of(name, [value], source)
    if isinstance(value, SigmaFieldReference):
        return Compiled(_reference(getter(path), value, source), None)
    matches = _value(getter(path), value)
    return Compiled(matches, None, matches if ".".join(path) in source.steady else None)


def _value(get: Getter, value: Any) -> Matcher:
    if isinstance(value, SigmaNull):
        return lambda event: get(event) is None
    if isinstance(value, SigmaExists):
        wanted = bool(value)
        return lambda event: (get(event) is not None) is wanted
    return _on(get, scalar_test(value))


def _on(get: Getter, test: Test) -> Matcher:
    def matches(event: Event) -> bool:
        value = get(event)
        if value is None:
            return False
        if type(value) is str:
            return test(value)
        if isinstance(value, (list, dict)):
            return any(one is not None and test(one) for one in scalars(value))
        return test(value)

    return matches


def _reference(get: Getter, value: SigmaFieldReference, source: Source) -> Matcher:
    path = source.path(value.field)
    if path is None:
        raise Unsupported(f"{source.name} logs have no field {value.field!r}")
    other = getter(path)
    start, end = value.starts_with, value.ends_with

    def fits(mine: str, theirs: str) -> bool:
        if start and end:
            return theirs in mine
        return mine.startswith(theirs) if start else mine.endswith(theirs) if end else mine == theirs

    def matches(event: Event) -> bool:
        mine, theirs = get(event), other(event)
        if mine is None or theirs is None:
            return False
        return any(fits(said(a).lower(), said(b).lower()) for a in scalars(mine) for b in scalars(theirs))

    return matches


def _keyword(value: Any) -> Matcher:
    """A value without a field: anywhere in the event."""
    if isinstance(value, SigmaExpansion):
        inner = [_keyword(one) for one in value.values]
        return lambda event: any(matches(event) for matches in inner)
    if isinstance(value, SigmaString):
        many = SpecialChars.WILDCARD_MULTI
        around = SigmaString("")
        around.s = _trimmed([many, *value.s, many])
        test = string_test(around)
    elif isinstance(value, SigmaNumber):
        needle = str(value.number)
        test = lambda found: needle in said(found)  # noqa: E731 - one of three
    else:
        test = scalar_test(value)
    return lambda event: any(test(one) for one in strings(event.record))


def _trimmed(parts: Iterable[Any]) -> list[Any]:
    """Without wildcards beside each other."""
    found: list[Any] = []
    for part in parts:
        if not (found and part is SpecialChars.WILDCARD_MULTI and found[-1] is part):
            found.append(part)
    return found
