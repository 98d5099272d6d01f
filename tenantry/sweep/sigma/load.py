"""Rules out of folders: ours, the operator's, and any in SigmaHQ's layout.

A folder is loaded as one collection, because correlations refer to rules in other files. What cannot be evaluated is
listed with its reason, and never a reason to stop: a public collection has rules for thirty other products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from tenantry.errors import InvalidInput
from tenantry.sweep.sources import Source

__all__ = ["ELSEWHERE", "Loaded", "load", "rule_files"]

_ASIDE: Final = frozenset({"deprecated", "unsupported", "tests", "regression_data", "documentation", "other"})
"""Folders of SigmaHQ's layout whose rules its authors do not mean to be used as they are."""
ELSEWHERE: Final = "it is about another log"
"""How the reason begins why a rule for another source is left out."""
_LARGEST: Final = 1 << 20
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Loaded:
    """Rules that fit a source, referenced ones before those that refer to them."""

    rules: list[SigmaRule] = field(default_factory=list)
    correlations: list[SigmaCorrelationRule] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    shipped: set[int] = field(default_factory=set)
    """``id()`` of the rules that are ours or the operator's own detections, not from ``--rules``."""

    elsewhere: set[str] = field(default_factory=set)
    """Names and ids of rules of ours about other logs."""

    foreign: set[str] = field(default_factory=set)
    """The same of others' rules."""

    def leave_out(self, rule: str, why: str) -> None:
        self.left_out.append({"rule": rule, "why": why})


def load(source: Source, own: tuple[Path, ...], others: tuple[Path, ...] = ()) -> Loaded:
    """The rules for one log format.

    Args:
        own: folders of our kind; a rule whose id an earlier folder has is left to that one.
        others: folders of rules that follow no conventions of ours.

    Raises:
        InvalidInput: a folder of ``others`` does not exist.
    """
    loaded = Loaded()
    members: list[Any] = []
    ids: set[str] = set()
    for folder in others:
        if not folder.exists():
            raise InvalidInput(f"{folder} does not exist", place="--rules")
    for folder, ours in [*((one, True) for one in own), *((one, False) for one in others)]:
        for path in rule_files(folder):
            if not ours and _ASIDE.intersection(path.relative_to(folder).parts[:-1] if path != folder else ()):
                loaded.leave_out(
                    str(path.relative_to(folder)), "its authors put it aside (deprecated, unsupported or a test)"
                )
                continue
            for rule in _parse(path, source, loaded, ours=ours):
                if rule.id is not None and str(rule.id) in ids:
                    if not ours:
                        loaded.leave_out(_called(rule), f"another rule has its id ({rule.id})")
                    continue
                if rule.id is not None:
                    ids.add(str(rule.id))
                members.append(rule)
                if ours:
                    loaded.shipped.add(id(rule))
    _resolve(members, loaded)
    return loaded


def _called(rule: Any) -> str:
    return str(rule.name or rule.id or rule.title)


def rule_files(folder: Path) -> Iterator[Path]:
    """The files of a folder that may hold rules, in order; a file is its own."""
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in (".yml", ".yaml") and path.is_file() and not hidden:
            yield path


def _parse(path: Path, source: Source, loaded: Loaded, *, ours: bool) -> Iterator[Any]:
    try:
        if path.stat().st_size > _LARGEST:
            loaded.leave_out(path.name, "the file is larger than a megabyte")
            return
        documents = [one for one in yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader) if one is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        loaded.leave_out(path.name, f"the file is no YAML ({type(error).__name__})")
        return
    if not any(isinstance(one, dict) and {"detection", "correlation", "filter"} & one.keys() for one in documents):
        loaded.leave_out(path.name, "it is no Sigma rule")
        return
    wanted = []
    for one in documents:
        why = _elsewhere(one, source)
        if why is None:
            wanted.append(one)
        elif ours and isinstance(one, dict):
            # A folder of ours has the rules of several logs of one product: this one is another's.
            loaded.elsewhere.update(str(one[key]) for key in ("name", "id") if key in one)
        else:
            if isinstance(one, dict):
                loaded.foreign.update(str(one[key]) for key in ("name", "id") if key in one)
                loaded.leave_out(str(one.get("id") or one.get("title") or path.name), why)
            else:
                loaded.leave_out(path.name, why)
    if not any("action" not in one or "detection" in one for one in wanted):
        return
    try:
        collection = SigmaCollection.from_dicts(wanted, collect_errors=True, resolve_references=False)
    except Exception as error:  # noqa: BLE001 - rules are strangers' files, and the parser raises whatever it stumbles over
        loaded.leave_out(path.name, f"it cannot be parsed ({type(error).__name__})")
        return
    for problem in collection.errors if not collection.rules else ():
        loaded.leave_out(path.name, str(problem)[:300])
    for rule in [*collection.rules, *collection.filters]:
        if rule.errors:
            loaded.leave_out(_called(rule), "; ".join(str(error) for error in rule.errors)[:300])
        else:
            yield rule


def _elsewhere(document: Any, source: Source) -> str | None:
    """Why a rule is about another log; asked before it is parsed, which takes a hundred times as long."""
    if not isinstance(document, dict):
        return "it is no mapping"
    if "correlation" in document or "action" in document or ("detection" not in document and "filter" not in document):
        return None
    log = document.get("logsource")
    if not isinstance(log, dict):
        return "it has no log source"
    product, category, service = (str(log[key]) if log.get(key) else None for key in ("product", "category", "service"))
    if source.fits(product, category, service):
        return None
    said = "/".join(one for one in (product, category, service) if one)
    return f"{ELSEWHERE} ({said}), not {source.name}"


def _resolve(members: list[Any], loaded: Loaded) -> None:
    filters = [one for one in members if isinstance(one, SigmaFilter)]
    plain = [one for one in members if not isinstance(one, SigmaFilter)]
    try:
        collection = SigmaCollection(plain, resolve_references=False)
    except SigmaError as error:  # two rules of one name
        loaded.leave_out("collection", str(error)[:300])
        collection = SigmaCollection([], resolve_references=False)
    pending = [one for one in plain if isinstance(one, SigmaCorrelationRule)]
    for rule in pending:
        try:
            rule.resolve_rule_references(collection)
        except SigmaError as error:
            if loaded.elsewhere.intersection(reference.reference for reference in rule.rules or ()):
                loaded.elsewhere.update(str(one) for one in (rule.name, rule.id) if one)
                continue
            if loaded.foreign.intersection(reference.reference for reference in rule.rules or ()):
                loaded.foreign.update(str(one) for one in (rule.name, rule.id) if one)
                loaded.leave_out(_called(rule), f"{ELSEWHERE}, as a rule that it refers to is")
                continue
            loaded.leave_out(_called(rule), f"a rule that it refers to is not there ({error})"[:300])
            continue
        loaded.correlations.append(rule)
    for rule in plain:
        if isinstance(rule, SigmaRule):
            loaded.rules.append(_filtered(rule, filters, loaded))
    loaded.correlations = _referenced_first(loaded.correlations, loaded)


def _filtered(rule: SigmaRule, filters: list[Any], loaded: Loaded) -> SigmaRule:
    for one in filters:
        try:
            changed = one.apply_on_rule(rule)
        except SigmaError as error:
            loaded.leave_out(_called(one), str(error)[:300])
            continue
        if changed is not rule and isinstance(changed, SigmaRule):
            if id(rule) in loaded.shipped:
                loaded.shipped.add(id(changed))
            rule = changed
    return rule


def _referenced_first(rules: list[SigmaCorrelationRule], loaded: Loaded) -> list[SigmaCorrelationRule]:
    known = {id(rule) for rule in rules}
    placed: list[SigmaCorrelationRule] = []
    done: set[int] = set()

    def place(rule: SigmaCorrelationRule, above: frozenset[int]) -> bool:
        if id(rule) in done:
            return True
        for reference in rule.rules or ():
            inner = reference.rule
            if isinstance(inner, SigmaCorrelationRule) and (
                id(inner) in above or id(inner) not in known or not place(inner, above | {id(inner)})
            ):
                return False
        done.add(id(rule))
        placed.append(rule)
        return True

    for rule in rules:
        if not place(rule, frozenset({id(rule)})) and not loaded.elsewhere.intersection(
            reference.reference for reference in rule.rules or ()
        ):
            loaded.leave_out(_called(rule), "it refers to a correlation that cannot be evaluated, or to itself")
    return placed
