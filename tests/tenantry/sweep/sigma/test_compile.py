"""What a Sigma condition means, held against pysigma-backend-sqlite."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigma.collection import SigmaCollection

from tenantry.sweep.logs.cloudtrail import event as cloudtrail_event
from tenantry.sweep.model import Event
from tenantry.sweep.sigma.compile import Unsupported, compile_rule
from tenantry.sweep.sigma.load import Loaded
from tenantry.sweep.sigma.rules import make_rules
from tenantry.sweep.sources import source
from tests.tenantry.sweep.sigma.oracle import sqlite_hits

CLOUDTRAIL = source("cloudtrail")
FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def rule(detection: dict[str, Any], title: str = "one") -> str:
    return yaml.safe_dump(
        {"title": title, "logsource": {"product": "aws", "service": "cloudtrail"}, "detection": detection},
        allow_unicode=True,
    )


def event(**record: Any) -> Event:
    made = cloudtrail_event({"eventName": "X", "eventTime": "2026-11-22T10:00:00Z", "eventID": "e", **record})
    assert made is not None
    return made


def matches(detection: dict[str, Any], **record: Any) -> bool:
    (parsed,) = SigmaCollection.from_yaml(rule(detection)).rules
    return compile_rule(parsed, CLOUDTRAIL).matches(event(**record))


@pytest.mark.parametrize(
    ("selection", "value", "wanted"),
    [
        ({"userAgent": "Curl*"}, "curl/8", True),
        ({"userAgent": "c?rl"}, "CURL", True),
        ({"userAgent": r"a\*b"}, "a*b", True),
        ({"userAgent": r"a\*b"}, "axb", False),
        ({"userAgent": "C:\\Windows"}, "c:\\windows", True),
        ({"userAgent|contains": "50%"}, "at 50% now", True),
        ({"userAgent|contains|all": ["a", "b"]}, "xbax", True),
        ({"userAgent|contains|all": ["a", "b"]}, "xax", False),
        ({"userAgent|cased": "Curl"}, "curl", False),
        ({"userAgent|re": "^c.r"}, "curl", True),
        ({"userAgent|re|i": "^C.R"}, "curl", True),
        ({"userAgent|cidr": "10.0.0.0/8"}, "10.2.3.4", True),
        ({"userAgent|cidr": "10.0.0.0/8"}, "11.2.3.4", False),
        ({"userAgent": None}, "x", False),
        ({"userAgent": ""}, "", True),
        ({"userAgent|exists": True}, "x", True),
        ({"userAgent|exists": False}, "x", False),
        ({"userAgent": "*"}, "x", True),
        ({"userAgent|base64offset|contains": "curl"}, "xxY3VybA==", True),
        ({"userAgent|fieldref": "errorCode"}, "SAME", True),
        ({"userAgent": 5}, 5, True),
        ({"userAgent": 5}, "5", True),
        ({"userAgent|gt": 4}, 5, True),
        ({"userAgent|lte": 4}, 5, False),
        ({"userAgent": True}, True, True),
        ({"userAgent": "true"}, True, True),
    ],
)
def test_values(selection: dict[str, Any], value: Any, wanted: bool) -> None:
    assert matches({"s": selection, "condition": "s"}, userAgent=value, errorCode="same") is wanted


def test_a_missing_field_is_null_and_nothing_else() -> None:
    assert matches({"s": {"errorCode": None}, "condition": "s"})
    assert not matches({"s": {"errorCode": ""}, "condition": "s"})
    assert not matches({"s": {"errorCode": "*"}, "condition": "s"})
    assert matches({"s": {"errorCode": "x"}, "condition": "not s"})


def test_lists_match_by_any_element_and_paths_go_through_them() -> None:
    record = {"requestParameters": {"items": [{"port": 22, "to": ["a", "b"]}, {"port": 443}]}}
    assert matches({"s": {"requestParameters.items.port": 443}, "condition": "s"}, **record)
    assert matches({"s": {"requestParameters.items.to": "b"}, "condition": "s"}, **record)
    assert not matches({"s": {"requestParameters.items.port": 80}, "condition": "s"}, **record)
    assert matches({"s": {"requestParameters|contains": "b"}, "condition": "s"}, **record)


def test_keywords_are_looked_for_everywhere() -> None:
    assert matches({"k": ["needle"], "condition": "k"}, requestParameters={"a": [{"b": "a NEEDLE in"}]})
    assert not matches({"k": ["needle"], "condition": "k"}, requestParameters={"needle": 1})


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        ({"CommandLine": "x"}, "no field 'CommandLine'"),
        ({"userAgent|expand": "%agents%"}, "placeholder"),
        ({"userAgent|re": "(?P<a>x)(?P<a>y)"}, "Python"),
    ],
)
def test_what_cannot_be_evaluated_says_why(selection: dict[str, Any], why: str) -> None:
    try:
        (parsed,) = SigmaCollection.from_yaml(rule({"s": selection, "condition": "s"})).rules
    except Exception:  # pySigma itself refuses the expression
        assert why == "Python"
        return
    with pytest.raises(Unsupported, match=why):
        compile_rule(parsed, CLOUDTRAIL)


FIELDS = ("eventName", "eventSource", "userAgent", "errorCode", "sourceIPAddress")
words = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "Abc",
        "a.b",
        "a_b",
        "a%b",
        "[x]",
        "10.1.2.3",
        "10.200.0.1",
        "192.168.1.1",
        "x'y",
        "a b",
        "é",
        "\\",
        "a\\b",
    ]
)
patterns = words | st.sampled_from(["a*", "*b", "*b*", "a?b", "?", "a*c", "*", r"a\*"])


def items() -> st.SearchStrategy[dict[str, Any]]:
    field = st.sampled_from(FIELDS)
    plain = st.tuples(field, patterns | st.lists(patterns, min_size=1, max_size=3)).map(lambda pair: {pair[0]: pair[1]})
    shaped = st.tuples(
        field,
        st.sampled_from(["contains", "startswith", "endswith", "contains|all", "cased"]),
        st.lists(words, min_size=1, max_size=2),
    ).map(lambda one: {f"{one[0]}|{one[1]}": one[2]})
    cidr = st.tuples(field, st.sampled_from(["10.0.0.0/8", "192.168.1.0/24", "10.1.2.3/32"])).map(
        lambda one: {f"{one[0]}|cidr": one[1]}
    )
    null = field.map(lambda name: {name: None})
    exists = st.tuples(field, st.booleans()).map(lambda one: {f"{one[0]}|exists": one[1]})
    number = st.tuples(st.sampled_from(["", "|gt", "|gte", "|lt", "|lte"]), st.integers(-2, 3)).map(
        lambda one: {f"apiVersion{one[0]}": one[1]}
    )
    reference = st.tuples(field, field).map(lambda one: {f"{one[0]}|fieldref": one[1]})
    regular = st.tuples(field, st.sampled_from(["^a", "b$", "a.b", "[ab]+c"])).map(lambda one: {f"{one[0]}|re": one[1]})
    return st.one_of(plain, shaped, cidr, null, exists, number, reference, regular)


def selections() -> st.SearchStrategy[Any]:
    return st.lists(items(), min_size=1, max_size=3).map(
        lambda parts: {key: value for part in parts for key, value in part.items()}
    )


conditions = st.sampled_from(
    [
        "sa",
        "not sa",
        "sa and sb",
        "sa or sb",
        "sa and not sb",
        "not (sa or sb)",
        "1 of s*",
        "all of s*",
        "not 1 of s*",
        "sa or (sb and not sa)",
    ]
)
events = st.lists(
    st.fixed_dictionaries(
        {}, optional={**{name: words for name in FIELDS if name != "eventName"}, "apiVersion": st.integers(-3, 4)}
    ).flatmap(lambda record: words.map(lambda name: {**record, "eventName": name})),
    min_size=1,
    max_size=8,
)


@FEW
@given(st.lists(st.tuples(selections(), selections(), conditions), min_size=1, max_size=4), events)
def test_the_same_hits_as_sqlite(rules: list[tuple[Any, Any, str]], records: list[dict[str, Any]]) -> None:
    text = "\n---\n".join(
        rule({"sa": one, "sb": other, "condition": condition}, f"rule {number}")
        for number, (one, other, condition) in enumerate(rules)
    )
    collection = SigmaCollection.from_yaml(text)
    rows = [
        {**record, "eventTime": f"2026-11-22T10:00:{number:02d}Z", "eventID": str(number)}
        for number, record in enumerate(records)
    ]
    wanted = sqlite_hits(collection, rows)
    loaded = Loaded(rules=list(SigmaCollection.from_yaml(text).rules))  # type: ignore[misc]  # no correlations among them
    made = make_rules(loaded, CLOUDTRAIL)
    assert loaded.left_out == []
    found: dict[str, set[int]] = {title: set() for title in wanted}
    for number, row in enumerate(rows):
        one = cloudtrail_event(row)
        assert one is not None
        for asked in made.asked(one):  # only those that the index offers
            if asked.matches(one):
                found[asked.title].add(number)
    assert found == wanted, json.dumps(rows)


def test_names_of_azures_tables_are_those_of_the_log() -> None:
    log = source("entra-signin")
    assert log.path("CrossTenantAccessType") == ("crossTenantAccessType",)
    assert log.path("DeviceDetail.trusttype") == ("deviceDetail", "trustType")
    assert log.path("CommandLine") is None
