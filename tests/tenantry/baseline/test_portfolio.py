"""All clients side by side: nobody is left out, the worst come first, and the page lets no text become mark-up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.measure import STATUSES
from tenantry.baseline.portfolio import Standing, portfolio
from tenantry.baseline.portfolio_page import html
from tenantry.baseline.trend import Point
from tests.tenantry.baseline.test_page import NOW, document, words

WEIGHT = {"high": 3, "medium": 2, "low": 1}
AWAY = {"at": "2026-11-22T00:00:00.000000Z", "why": "no connection"}


def standing(name: str, statuses: list[Any] | None, unmet: tuple[int, ...] = ()) -> Standing:
    trend = [Point(f"2026-11-{day + 1:02}T00:00:00Z", {"fail": count}) for day, count in enumerate(unmet)]
    made = None if statuses is None else document(statuses) | {"tenant": name}
    return Standing(name, name.title(), made, trend, AWAY if statuses is None else None)


@given(st.lists(st.none() | st.lists(st.sampled_from(STATUSES), min_size=1, max_size=5), max_size=6))
def test_everybody_is_told_and_the_worst_first(clients: list[Any]) -> None:
    standings = [standing(f"client-{number}", statuses) for number, statuses in enumerate(clients)]
    found = portfolio(standings, NOW)
    told = [one["tenant"] for one in (*found["clients"], *found["never"])]
    assert sorted(told) == sorted(one.tenant for one in standings)
    weights = []
    for one in found["clients"]:
        held = next(of.document for of in standings if of.tenant == one["tenant"])
        assert held is not None
        failing = [policy for policy in held["baselines"][0]["policies"] if policy["status"] == "fail"]
        assert one["weight"] == sum(WEIGHT[policy["criticality"]] for policy in failing)
        assert {name.partition("/")[2] for name in one["failing"]} == {policy["policy"] for policy in failing}
        weights.append(one["weight"])
    assert weights == sorted(weights, reverse=True)
    for policy in found["policies"]:
        failing = [one["tenant"] for one in found["clients"] if policy["policy"] in one["failing"]]
        assert sorted(policy["failing"]) == sorted(failing)


def test_whom_nobody_has_looked_at_is_told_with_the_reason() -> None:
    page = words(html(portfolio([standing("acme", ["pass"]), standing("globex", None)], NOW)))
    assert "1 never looked at" in page
    assert "Globex never no connection" in page


def test_which_way_a_client_moves() -> None:
    found = portfolio(
        [standing("acme", ["fail"], (3, 5)), standing("globex", ["fail"], (5, 3)), standing("new", ["fail"])], NOW
    )
    assert {one["tenant"]: one["direction"] for one in found["clients"]} == {
        "acme": "worse",
        "globex": "better",
        "new": "new",
    }
    assert "worse" in words(html(found))


def test_no_text_becomes_mark_up() -> None:
    page = html(portfolio([standing("<script>alert(1)</script>", ["fail"]), standing("a\u202eb", None)], NOW))
    assert "<script" not in page.lower()
    assert "\u202e" not in page
