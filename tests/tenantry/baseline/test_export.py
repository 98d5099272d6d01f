"""CSV and OCSF: every policy of every client once, no cell that a spreadsheet acts on, and each finding of its class."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.export import COLUMNS, to_csv, to_ocsf
from tenantry.baseline.measure import STATUSES
from tests.tenantry.baseline.test_page import document
from tests.tenantry.timeline.test_export_ocsf import VERSIONS, complaints


def findings(*documents: dict[str, Any]) -> list[dict[str, Any]]:
    out = io.BytesIO()
    count = to_ocsf(documents, out)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(found) == count
    return found


@given(
    st.lists(st.sampled_from(STATUSES), min_size=1, max_size=5), st.sampled_from(["=cmd", "+1", "@x", "plain", "a\nb"])
)
def test_every_policy_is_a_row(statuses: list[Any], hostile: str) -> None:
    made = document(statuses, about=hostile)
    out = io.BytesIO()
    assert to_csv([made, made | {"tenant": "globex"}], out) == 2 * len(made["baselines"][0]["policies"])
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
    assert tuple(rows[0]) == COLUMNS
    assert {row["tenant"] for row in rows} == {"acme", "globex"}
    assert [row["status"] for row in rows[: len(rows) // 2]] == [
        one["status"] for one in made["baselines"][0]["policies"]
    ]
    assert not [
        value for row in rows for value in row.values() if value.startswith(("=", "+", "@", "-")) or "\n" in value
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_finding_is_of_its_class(version: str) -> None:
    assert list(complaints(findings(document(list(STATUSES))), version)) == []


def test_what_nobody_saw_is_no_pass_there_either() -> None:
    told = {one["compliance"]["status_code"]: one["compliance"] for one in findings(document(list(STATUSES)))}
    assert {code: one["status_id"] for code, one in told.items()} == {
        "fail": 3,
        "unknown": 0,
        "for_person": 2,
        "pass": 1,
        "not_applicable": 99,
    }
    assert told["fail"]["status"] == "Fail"
    assert [code for code, one in told.items() if one["status"] == "Pass"] == ["pass"]
