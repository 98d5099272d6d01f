"""Sigma's correlations: so many events, so many different values, several rules together or in order, within a time span.

https://github.com/SigmaHQ/sigma-specification/blob/main/specification/sigma-correlation-rules-specification.md. Hits of
the referenced rules are spooled while the log is read and looked at here in order of time, with a window that slides over
each group. Overlapping windows that meet the condition are one alert. Events of the same instant count as being in order:
CloudTrail's times are whole seconds.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationType,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)

from tenantry.sweep.model import Event
from tenantry.sweep.sigma.compile import Unsupported
from tenantry.sweep.sigma.fields import Getter, getter, scalars
from tenantry.sweep.sources import Source
from tenantry.sweep.spool import Hit, Spool

if TYPE_CHECKING:
    from tenantry.sweep.sigma.rules import Rule

__all__ = ["Alert", "Correlation", "alerts", "compile_correlation"]

_MOST_IN_WINDOW: Final = 50_000
"""Hits of one group that are held at a time; beyond that the oldest give way, and counts of more are not told apart."""
_MOST_KEPT: Final = 200

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
    "EQ": lambda a, b: a == b,
    "NEQ": lambda a, b: a != b,
}


@dataclass(slots=True)
class Correlation:
    """One correlation, ready to be counted.

    Attributes:
        number: its stream in the spool.
        group: for each of its rules, the fields that hits are grouped by.
        value: fields whose different values are counted.
        holds: whether a window meets the condition.
    """

    number: int
    described: Rule
    kind: SigmaCorrelationType
    span: float
    names: tuple[str, ...]
    group: list[list[Getter]]
    value: list[Getter]
    holds: Callable[[_Window], bool]
    feeds: list[tuple[Correlation, int]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.described.key

    def keep(self, part: int, event: Event, spool: Spool, brief: str) -> None:
        """Count a hit. Without one of the values that it is grouped by, it belongs to no group."""
        group = []
        for get in self.group[part]:
            value = get(event)
            if value is None or value == "":
                return
            group.append(str(value) if not isinstance(value, (dict, list)) else json.dumps(value, sort_keys=True))
        values: list[str | None] = [None]
        if self.value:
            values = [
                "\x1f".join(map(str, combination)) for combination in _combinations([get(event) for get in self.value])
            ]
        for value in values:
            spool.hit(self.number, tuple(group), Hit(event.time, part, value, event.id, brief))


def _combinations(values: list[Any]) -> list[tuple[Any, ...]]:
    """A list in a field counts as each of its elements; nothing counts as no value."""
    found: list[tuple[Any, ...]] = [()]
    for value in values:
        found = [(*before, one) for before in found for one in scalars(value) if one is not None]
    return found


@dataclass(slots=True)
class Alert:
    """A stretch of time in which a group met the condition.

    Attributes:
        hits: the first of its events; ``count`` is of all.
        parts: how many there were of each of the correlation's rules.
        most: the largest number that the condition compared.
    """

    group: tuple[str, ...]
    first: float
    last: float
    count: int
    hits: list[Hit]
    most: int
    values: list[str]


class _Window:
    """Hits of one group within the span."""

    __slots__ = ("_parts", "_values", "hits", "references")

    def __init__(self, references: list[str]) -> None:
        self.hits: deque[Hit] = deque()
        self._values: Counter[str] = Counter()
        self._parts: Counter[int] = Counter()
        self.references = references

    def add(self, hit: Hit, span: float) -> None:
        self.hits.append(hit)
        self._parts[hit.part] += 1
        if hit.value is not None:
            self._values[hit.value] += 1
        while hit.time - self.hits[0].time > span or len(self.hits) > _MOST_IN_WINDOW:
            gone = self.hits.popleft()
            self._parts[gone.part] -= 1
            if gone.value is not None:
                self._values[gone.value] -= 1
                if not self._values[gone.value]:
                    del self._values[gone.value]

    @property
    def count(self) -> int:
        return len(self.hits)

    @property
    def distinct(self) -> int:
        return len(self._values)

    @property
    def values(self) -> list[str]:
        return list(self._values)

    def has(self, part: int) -> bool:
        return self._parts[part] > 0

    def in_order(self) -> bool:
        """Whether every rule matched, each no earlier than the one before it."""
        wanted = 0
        for hit in self.hits:
            if hit.part == wanted:
                wanted += 1
                if wanted == len(self.references):
                    return True
        return False


def compile_correlation(rule: SigmaCorrelationRule, source: Source, described: Rule, number: int) -> Correlation:
    """Compile a correlation whose references are resolved.

    Raises:
        Unsupported: of a kind that is not evaluated here, or with a field that the log lacks.
    """
    references = [reference.reference for reference in rule.rules or ()]
    names = tuple(rule.group_by or ())
    value: list[Getter] = []
    condition = rule.condition
    if rule.type is SigmaCorrelationType.VALUE_COUNT and isinstance(condition, SigmaCorrelationCondition):
        fields = condition.fieldref if isinstance(condition.fieldref, list) else [condition.fieldref or ""]
        value = [_getter(name, source) for name in fields]
    aliases = {
        alias.alias: {reference.reference: name for reference, name in alias.mapping.items()} for alias in rule.aliases
    }
    group = [
        [_getter(aliases.get(name, {}).get(reference, name), source) for name in names] for reference in references
    ]
    return Correlation(
        number, described, rule.type, float(rule.timespan.seconds), names, group, value, _holds(rule, references)
    )


def _getter(name: str, source: Source) -> Getter:
    path = source.path(name)
    if path is None:
        raise Unsupported(f"{source.name} logs have no field {name!r}")
    return getter(path)


def _holds(rule: SigmaCorrelationRule, references: list[str]) -> Callable[[_Window], bool]:
    condition, kind = rule.condition, rule.type
    if kind in (SigmaCorrelationType.TEMPORAL, SigmaCorrelationType.TEMPORAL_ORDERED):
        if isinstance(condition, SigmaExtendedCorrelationCondition):
            if kind is SigmaCorrelationType.TEMPORAL_ORDERED:
                raise Unsupported("an ordered correlation with a condition in words is not evaluated")
            return _expression(condition.parsed, references)
        if kind is SigmaCorrelationType.TEMPORAL_ORDERED:
            return lambda window: window.in_order()
        parts = range(len(references))
        return lambda window: all(window.has(part) for part in parts)
    if not isinstance(condition, SigmaCorrelationCondition) or kind not in (
        SigmaCorrelationType.EVENT_COUNT,
        SigmaCorrelationType.VALUE_COUNT,
    ):
        raise Unsupported(f"a correlation of the kind {kind.name.lower()} is not evaluated")
    compare, bound = _COMPARE[condition.op.name], condition.count
    if condition.op.name in ("LT", "LTE", "NEQ"):
        raise Unsupported("a correlation that asks for few events would report every beginning and end of the log")
    if kind is SigmaCorrelationType.EVENT_COUNT:
        return lambda window: compare(window.count, bound)
    return lambda window: compare(window.distinct, bound)


def _expression(node: Any, references: list[str]) -> Callable[[_Window], bool]:
    if isinstance(node, SigmaRuleReference):
        part = references.index(node.reference)
        return lambda window: window.has(part)
    if isinstance(node, (CorrelationConditionAND, CorrelationConditionOR)):
        inner = [_expression(one, references) for one in node.args]
        join = all if isinstance(node, CorrelationConditionAND) else any
        return lambda window: join(holds(window) for holds in inner)
    raise Unsupported("a correlation with `not` is not evaluated")


def alerts(correlation: Correlation, spool: Spool) -> Iterator[Alert]:
    """The correlation's alerts, group by group."""
    references = [""] * len(correlation.group)
    for group, hits in spool.groups(correlation.number):
        window = _Window(references)
        current: Alert | None = None
        seen: set[tuple[str, int]] = set()
        for hit in hits:
            window.add(hit, correlation.span)
            if not correlation.holds(window):
                continue
            start = window.hits[0].time
            if current is not None and start > current.last:
                yield current
                current = None
            if current is None:
                seen = set()
                current = Alert(group, start, hit.time, 0, [], 0, [])
                fresh: list[Hit] = list(window.hits)
            else:
                fresh = [hit]
            for one in fresh:
                mark = (one.event, one.part)
                if mark in seen:
                    continue
                current.count += 1
                if len(current.hits) < _MOST_KEPT:
                    seen.add(mark)
                    current.hits.append(one)
            current.last = hit.time
            size = window.distinct if correlation.value else window.count
            if size > current.most:
                current.most, current.values = size, window.values[:50]
        if current is not None:
            yield current
