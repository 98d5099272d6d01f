"""The page for the client: nothing is called met that was not seen, and no text becomes mark-up."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.measure import STATUSES
from tenantry.baseline.model import load_baseline
from tenantry.baseline.page import html
from tenantry.baseline.remembered import PolicyException, Said, assessed
from tenantry.baseline.trend import Point
from tenantry.clock import rfc3339

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASELINE = load_baseline("aws_foundations")
NOBODY = Said({}, {})


def document(
    statuses: list[Any], people: Said = NOBODY, earlier: Any = None, about: str = "web1: it is so"
) -> dict[str, Any]:
    results = []
    for number, policy in enumerate(BASELINE.policies):
        status = statuses[number % len(statuses)]
        failing = status == "fail"
        results.append(
            {
                **{
                    "policy": policy.id,
                    "title": policy.title,
                    "plain": policy.plain,
                    "criticality": policy.criticality,
                },
                **{
                    "status": status,
                    "why": "seen so",
                    "about": [about] if failing else [],
                    "about_total": 7 if failing else 0,
                },
                **{"ask": policy.ask if status == "for_person" else "", "remedy": policy.remedy},
                "source": policy.source.model_dump(mode="json"),
                "maps": {key: list(found) for key, found in policy.maps.items()},
            }
        )
    policies = assessed(BASELINE.id, results, people, earlier, NOW)
    held = {"id": BASELINE.id, "version": 1, "title": BASELINE.title, "policies": policies}
    return {"tenant": "acme", "run_id": "run-1", "at": rfc3339(NOW), "baselines": [held]}


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.S))).split())


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6))
def test_counts_are_those_of_the_policies_and_only_a_pass_is_met(statuses: list[Any]) -> None:
    made = document(statuses)
    every = made["baselines"][0]["policies"]
    met = sum(one["status"] == "pass" for one in every)
    asked = sum(one["status"] != "not_applicable" for one in every)
    page = html(made, "Acme")
    told = words(page)
    assert re.search(rf"Of {asked} requirements that apply to you, {met} (is|are) met", told)
    assert page.count(": not known</title>") == sum(one["status"] == "unknown" for one in every)
    assert page.count(": met</title>") == met
    assert page.count('class="mark"') == asked, (
        "each square has a mark, so that colour is not all that tells them apart"
    )


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "a\u202eb", '"><img src=x onerror=alert(1)>', "{{x}}"]
)
def test_no_text_becomes_mark_up(hostile: str) -> None:
    page = html(document(["fail"], about=hostile), hostile)
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page or "default-src &#x27;none&#x27;" in page


def test_what_somebody_answers_for_stands_with_its_end_and_what_is_done_instead() -> None:
    name = BASELINE.policies[0].id
    held = PolicyException(
        f"aws_foundations/{name}", (), "jo", "Ann Lee", "until May", "watched by hand", rfc3339(NOW), "2027-05-31"
    )
    told = words(html(document(["fail"], Said({held.policy: held}, {})), "Acme"))
    assert "2027-05-31 jo, approved by Ann Lee until May. Instead: watched by hand" in told
    assert "1 is not met, and somebody answers for that until a day." in told


def test_what_fell_is_told_first() -> None:
    before = {one["policy"]: one for one in document(["pass"])["baselines"][0]["policies"]}
    told = words(html(document(["fail"], earlier=before), "Acme"))
    assert f"{len(before)} stood the last time and stand no longer" in told


def test_how_it_moved_is_told_from_the_second_sweep_on() -> None:
    first, second = Point("2026-11-01T00:00:00Z", {"fail": 3}), Point("2026-11-08T00:00:00Z", {"fail": 5, "unknown": 1})
    assert "From sweep to sweep" not in words(html(document(["fail"]), "Acme", [first]))
    told = words(html(document(["fail"]), "Acme", [first, second]))
    assert "More is not met than at the sweep before." in told
    assert "2026-11-08 5 1 0 0 0 0" in told
