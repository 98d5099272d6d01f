"""Correlations, held against pysigma-backend-sqlite: same groups, same events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaRule

from tenantry.sweep.collect import brief
from tenantry.sweep.logs.cloudtrail import event as cloudtrail_event
from tenantry.sweep.sigma.correlate import alerts
from tenantry.sweep.sigma.load import Loaded
from tenantry.sweep.sigma.rules import make_rules
from tenantry.sweep.sources import source
from tenantry.sweep.spool import Spool
from tests.tenantry.sweep.sigma.oracle import sqlite_alerts

START = datetime(2026, 11, 22, tzinfo=UTC)
BASES = """
title: base a
name: base_a
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: a}, condition: s}
---
title: base b
name: base_b
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: b}, condition: s}
---
title: base c
name: base_c
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: c}, condition: s}
"""


def text(*correlations: dict[str, Any]) -> str:
    return BASES + "".join(
        f"\n---\n{yaml.safe_dump({'title': f'correlation {number}', 'name': f'c{number}', 'correlation': one})}"
        for number, one in enumerate(correlations)
    )


def ours(
    rules: str, rows: list[dict[str, Any]], spool: Spool | None = None
) -> dict[str, dict[tuple[str, ...], set[int]]]:
    collection = SigmaCollection.from_yaml(rules)
    loaded = Loaded(
        rules=[one for one in collection.rules if isinstance(one, SigmaRule)],
        correlations=[one for one in collection.rules if isinstance(one, SigmaCorrelationRule)],
    )
    made = make_rules(loaded, source("cloudtrail"))
    assert loaded.left_out == []
    spool = spool or Spool()
    for row in rows:
        one = cloudtrail_event(row)
        assert one is not None
        for rule in made.asked(one):
            if rule.matches(one):
                for correlation, part in rule.feeds:
                    correlation.keep(part, one, spool, brief(one))
    found: dict[str, dict[tuple[str, ...], set[int]]] = {}
    for correlation in made.correlations:
        groups = found.setdefault(correlation.described.title, {})
        for alert in alerts(correlation, spool):
            groups.setdefault(alert.group, set()).update(int(hit.event) for hit in alert.hits)
    return found


def rows(of: list[tuple[int, str, str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "eventTime": (START + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventName": name,
            "sourceIPAddress": group,
            "userAgent": value,
            "eventID": str(number),
        }
        for number, (at, name, group, value) in enumerate(of)
    ]


many = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abcd"), st.sampled_from("xy"), st.sampled_from("123")),
    min_size=1,
    max_size=25,
)
GROUP = {"group-by": ["sourceIPAddress"], "timespan": "10s"}
correlations = st.one_of(
    st.builds(
        lambda rule, bound: {"type": "event_count", "rules": rule, "condition": {"gte": bound}, **GROUP},
        st.sampled_from([["base_a"], ["base_a", "base_b"]]),
        st.integers(1, 4),
    ),
    st.builds(
        lambda bound: {"type": "event_count", "rules": ["base_a"], "condition": {"gt": bound}, **GROUP},
        st.integers(1, 3),
    ),
    st.builds(
        lambda bound: {
            "type": "value_count",
            "rules": ["base_a", "base_b"],
            "condition": {"gte": bound, "field": "userAgent"},
            **GROUP,
        },
        st.integers(1, 3),
    ),
    st.just({"type": "temporal", "rules": ["base_a", "base_b"], **GROUP}),
    st.just({"type": "temporal", "rules": ["base_a", "base_b", "base_c"], **GROUP}),
    st.just({"type": "temporal_ordered", "rules": ["base_a", "base_b"], **GROUP}),
    st.just({"type": "temporal_ordered", "rules": ["base_a", "base_b", "base_c"], **GROUP}),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(correlations, many)
def test_the_same_groups_as_sqlite(correlation: dict[str, Any], of: list[tuple[int, str, str, str]]) -> None:
    if correlation["type"] == "temporal_ordered":
        of = list({one[0]: one for one in of}.values())  # at the same second: see the next test
    rules, log = text(correlation), rows(of)
    wanted = sqlite_alerts(SigmaCollection.from_yaml(rules), log)
    found = ours(rules, log)
    assert {title: set(groups) for title, groups in found.items()} == {
        title: set(groups) for title, groups in wanted.items()
    }
    if correlation["type"] in ("event_count", "value_count"):
        assert found == wanted  # and the same events


def test_events_of_the_same_second_are_in_order() -> None:
    """CloudTrail's times are whole seconds, and programs do two things in one: which came first cannot be told."""
    rules = text({"type": "temporal_ordered", "rules": ["base_a", "base_b"], **GROUP})
    assert ours(rules, rows([(2, "b", "x", ""), (2, "a", "x", "")])) == {"correlation 0": {("x",): {0, 1}}}


def test_order_in_the_file_does_not_matter() -> None:
    rules = text({"type": "temporal_ordered", "rules": ["base_a", "base_b"], **GROUP})
    log = rows([(9, "b", "x", "1"), (2, "a", "x", "1"), (1, "b", "y", "1"), (5, "a", "y", "1")])
    assert ours(rules, log) == {"correlation 0": {("x",): {0, 1}}}


def test_fields_of_other_names_through_aliases() -> None:
    rules = text(
        {
            "type": "temporal",
            "rules": ["base_a", "base_b"],
            "aliases": {"who": {"base_a": "sourceIPAddress", "base_b": "userAgent"}},
            "group-by": ["who"],
            "timespan": "10s",
        }
    )
    log = rows([(1, "a", "dana", "-"), (2, "b", "-", "dana"), (3, "b", "-", "bo")])
    assert ours(rules, log) == {"correlation 0": {("dana",): {0, 1}}}


def test_words_for_a_condition() -> None:
    rules = text(
        {
            "type": "temporal",
            "condition": "base_a and (base_b or base_c)",
            "rules": ["base_a", "base_b", "base_c"],
            **GROUP,
        }
    )
    assert ours(rules, rows([(1, "a", "x", ""), (2, "c", "x", ""), (1, "b", "y", "")])) == {
        "correlation 0": {("x",): {0, 1}}
    }


@pytest.mark.parametrize(
    ("correlation", "why"),
    [
        (
            {"type": "value_avg", "rules": ["base_a"], "condition": {"gte": 3, "field": "userAgent"}, **GROUP},
            "value_avg",
        ),
        ({"type": "event_count", "rules": ["base_a"], "condition": {"lt": 3}, **GROUP}, "few events"),
        (
            {
                "type": "event_count",
                "rules": ["base_a"],
                "condition": {"gte": 3},
                "group-by": ["CommandLine"],
                "timespan": "1m",
            },
            "no field",
        ),
    ],
)
def test_what_is_not_evaluated_says_why(correlation: dict[str, Any], why: str) -> None:
    collection = SigmaCollection.from_yaml(text(correlation))
    loaded = Loaded(
        rules=[one for one in collection.rules if isinstance(one, SigmaRule)],
        correlations=[one for one in collection.rules if isinstance(one, SigmaCorrelationRule)],
    )
    make_rules(loaded, source("cloudtrail"))
    (left,) = loaded.left_out
    assert left["rule"] == "c0"
    assert why in left["why"]
