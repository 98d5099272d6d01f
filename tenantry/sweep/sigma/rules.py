"""Compiled rules, and which of them an event has to be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaRule

from tenantry.sweep.attack import both_editions
from tenantry.sweep.model import Event, Kin
from tenantry.sweep.sigma.compile import Compiled, Matcher, Needs, Sure, Unsupported, compile_rule
from tenantry.sweep.sigma.correlate import Correlation, compile_correlation
from tenantry.sweep.sigma.fields import Getter, getter
from tenantry.sweep.sigma.load import Loaded
from tenantry.sweep.sources import Source

__all__ = ["Rule", "Rules", "attack_ids", "make_rules"]

_LEVELS: Final = {"INFORMATIONAL": "info", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "CRITICAL": "critical"}
_REMEDY: Final = "Ask the account's owner whether they did this; if not, contain the account and undo the change."
_CACHED: Final = 20_000


@dataclass(slots=True)
class Rule:
    """One rule, ready to be asked.

    Attributes:
        key: what findings call it: the rule's name, or its id.
        silent: only correlations use it.
        shipped: ours or the operator's own: system actors are no findings, the extra attributes count.
        entity: field whose value the finding is about.
        by: fields that part findings of one entity from each other (two buckets are two findings).
        meta: the attribute ``tenantry`` of the rule.
        sure: what can be said of all events of one kin (:class:`~tenantry.sweep.sigma.compile.Compiled`).
        feeds: correlations that count its hits, with the place among their rules.
    """

    key: str
    title: str
    severity: str
    attack: tuple[str, ...]
    remedy: str
    description: str
    matches: Matcher
    needs: Needs
    silent: bool
    shipped: bool
    entity: tuple[str, Getter]
    meta: Mapping[str, Any] = field(default_factory=dict)
    sure: Sure | None = None
    feeds: list[tuple[Correlation, int]] = field(default_factory=list)


def attack_ids(tags: Any) -> tuple[str, ...]:
    """ATT&CK technique ids of a rule's tags, each old number with its new one."""
    found = [
        tag.name.upper()
        for tag in tags
        if tag.namespace == "attack" and tag.name[:1].lower() == "t" and tag.name[1:5].isdigit()
    ]
    return both_editions(found)


class Rules:
    """All rules for one source, looked up by what they need."""

    def __init__(self, source: Source, rules: list[Rule], correlations: list[Correlation]) -> None:
        self.rules, self.correlations = rules, correlations
        self._index: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._always: list[int] = []
        for number, rule in enumerate(rules):
            if rule.needs is None:
                self._always.append(number)
            for need in rule.needs or ():
                self._index[need].append(number)
        self._fields = [(name, getter(tuple(name.split(".")))) for name in source.index]
        self._cache: dict[tuple[Any, ...], tuple[Rule, ...]] = {}

    def asked(self, event: Event) -> tuple[Rule, ...]:
        """The rules that this event may match."""
        key = tuple(get(event) for _, get in self._fields)
        try:
            found = self._cache.get(key)
        except TypeError:  # a list where a name should be
            key, found = tuple(map(str, key)), None
        if found is None:
            numbers = set(self._always)
            for (name, _), value in zip(self._fields, key, strict=True):
                numbers.update(self._index.get((name, str(value).lower()), ()))
            found = tuple(self.rules[number] for number in sorted(numbers))
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[key] = found
        return found

    def matching(self, event: Event) -> Sequence[Rule]:
        """The rules that this event matches. What the platform does by itself is not held against anybody by rules of ours."""
        kin = event.kin
        if kin is None:
            system = event.system
            return [rule for rule in self.asked(event) if not (system and rule.shipped) and rule.matches(event)]
        if kin.owner is not self:
            self._settle(kin, event)
        return [rule for rule, sure in kin.asked if sure or rule.matches(event)] if kin.asked else ()

    def _settle(self, kin: Kin, event: Event) -> None:
        """Ask once what can be said of a whole kin."""
        open_: list[tuple[Rule, bool]] = []
        system = event.system
        for rule in self.asked(event):
            sure = None if rule.sure is None else rule.sure(event)
            if sure is not False and not (system and rule.shipped):
                open_.append((rule, sure is True))
        kin.owner, kin.asked = self, tuple(open_)


def make_rules(loaded: Loaded, source: Source) -> Rules:
    """Compile what was loaded; what cannot be is added to ``loaded.left_out``."""
    made: dict[int, Rule] = {}
    shown: list[Rule] = []
    used = {id(reference.rule) for rule in loaded.correlations if not rule.generate for reference in rule.rules or ()}
    for rule in loaded.rules:
        try:
            compiled = compile_rule(rule, source)
        except Unsupported as error:
            loaded.leave_out(_key(rule), str(error))
        except Exception as error:  # noqa: BLE001 - a stranger's rule; pySigma raises whatever its condition makes it stumble over
            loaded.leave_out(_key(rule), f"its condition cannot be parsed ({error})"[:300])
        else:
            made[id(rule)] = found = _rule(
                rule,
                source,
                compiled,
                silent=id(rule) in used,
                shipped=id(rule) in loaded.shipped,
            )
            shown.append(found)
    correlations: list[Correlation] = []
    inner: dict[int, Correlation] = {}
    for one in loaded.correlations:
        try:
            parts = [made.get(id(reference.rule)) or inner.get(id(reference.rule)) for reference in one.rules or ()]
            if None in parts or not parts:
                raise Unsupported("a rule that it refers to cannot be evaluated for this log")
            described = _rule(
                one, source, Compiled(_never, None), silent=id(one) in used, shipped=id(one) in loaded.shipped
            )
            correlation = compile_correlation(one, source, described, number=len(correlations))
        except Unsupported as error:
            loaded.leave_out(_key(one), str(error))
            continue
        for place, part in enumerate(parts):
            if part is not None:
                part.feeds.append((correlation, place))
        inner[id(one)] = correlation
        correlations.append(correlation)
    needed = {rule.key for rule in shown if rule.feeds or not rule.silent}
    return Rules(source, [rule for rule in shown if rule.key in needed], correlations)


def _never(event: Event) -> bool:
    """Of a correlation, which is not asked of single events."""
    del event
    return False


def _key(rule: SigmaRule | SigmaCorrelationRule) -> str:
    return str(rule.name or rule.id or rule.title)


def _rule(
    rule: SigmaRule | SigmaCorrelationRule,
    source: Source,
    compiled: Compiled,
    *,
    silent: bool,
    shipped: bool,
) -> Rule:
    meta = rule.custom_attributes.get("tenantry") if shipped else None
    meta = meta if isinstance(meta, Mapping) else {}
    entity = str(meta.get("entity", "view.actor"))
    path = source.path(entity)
    if path is None:
        raise Unsupported(f"{source.name} logs have no field {entity!r}")
    return Rule(
        key=_key(rule),
        title=rule.title,
        severity=_LEVELS.get(rule.level.name if rule.level else "MEDIUM", "medium"),
        attack=attack_ids(rule.tags),
        remedy=str(meta.get("remedy", _REMEDY)),
        description=(rule.description or "").strip(),
        matches=compiled.matches,
        needs=compiled.needs,
        sure=compiled.sure,
        silent=silent,
        shipped=shipped,
        entity=(source.entities.get(entity, "account"), getter(path)),
        meta=meta,
    )
