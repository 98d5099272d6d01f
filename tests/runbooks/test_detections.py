"""Every detection of ours finds what it was written for and leaves its innocent neighbour alone.

Beside each rule lie events: `true_positives`, each a short log in which the rule finds something, and `true_negatives`, in
which it finds nothing.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenantry.places import SHIPPED
from tenantry.sweep.collect import Collector
from tenantry.sweep.engine import ask, correlate
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.sigma.load import Loaded, load
from tenantry.sweep.sigma.rules import Rules, make_rules
from tenantry.sweep.sources import source
from tenantry.sweep.spool import Spool

RULES = sorted((SHIPPED / "detections").rglob("*.yml"))


@cache
def made(folder: Path, format: str) -> tuple[Loaded, Rules]:
    chosen = source(format)
    loaded = load(chosen, (folder,))
    return loaded, make_rules(loaded, chosen)


def found(rule: Path, format: str, events: list[Any]) -> set[str]:
    """The rules that find something in a short log."""
    _, rules = made(rule.parent, format)
    text = "\n".join(events) if format == "sshd" else json.dumps(events)
    pieces = [text]
    intake = Intake()
    stream = TextStream("events", lambda: pieces.pop() if pieces else "")
    collector, spool = Collector(), Spool()
    read = 0
    for event in source(format).read(stream, intake):
        read += 1
        ask(rules, event, collector, spool)
    correlate(rules, collector, spool, source(format))
    spool.close()
    assert intake.rows_unreadable == 0
    assert read == len(events)
    return {finding.rule for finding in collector.findings()}


def test_there_are_rules() -> None:
    assert len(RULES) > 100


@pytest.mark.parametrize("rule", RULES, ids=lambda path: path.stem)
def test_a_rule_and_its_events(rule: Path) -> None:
    documents = [one for one in yaml.safe_load_all(rule.read_text(encoding="utf-8")) if one]
    main = documents[-1]
    assert main["name"] == rule.stem
    assert main["title"][0].isupper()
    assert len(main["description"]) > 20
    assert main["level"] in ("informational", "low", "medium", "high", "critical")
    assert main["tenantry"]["remedy"].endswith(".")
    assert all(re.fullmatch(r"attack\.(t\d{4}(\.\d{3})?)", tag) for tag in main["tags"])
    assert main["tags"]
    events = json.loads(rule.with_suffix("").with_suffix(".events.json").read_text(encoding="utf-8"))
    assert events["true_positives"]
    assert events["true_negatives"]
    for log in events["true_positives"]:
        assert rule.stem in found(rule, events["format"], log)
    for log in events["true_negatives"]:
        assert rule.stem not in found(rule, events["format"], log)


def test_ids_and_names_are_unique() -> None:
    documents = [one for rule in RULES for one in yaml.safe_load_all(rule.read_text(encoding="utf-8")) if one]
    for key in ("id", "name"):
        values = [one[key] for one in documents]
        assert len(values) == len(set(values))


@pytest.mark.parametrize(
    ("folder", "format"),
    [
        ("aws", "cloudtrail"),
        ("microsoft365", "ual"),
        ("microsoft365", "entra-signin"),
        ("microsoft365", "entra-audit"),
        ("linux", "sshd"),
    ],
)
def test_what_is_not_evaluated_is_about_another_log(folder: str, format: str) -> None:
    loaded, rules = made(SHIPPED / "detections" / folder, format)
    assert rules.rules
    for one in loaded.left_out:
        assert "another log" in one["why"] or "refers to" in one["why"], one


def test_no_rule_knows_a_tool_or_a_place() -> None:
    """Names that attackers choose prove nothing. User agents of tools that do not hide are one rule's, of sign-ins."""
    for rule in RULES:
        text = rule.read_text(encoding="utf-8").lower()
        assert "stratus" not in text
        assert "pacu" not in text
        assert not re.search(r"\b\d{12}\b", text)
