from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.identity._sign_ins import Grouper, great_circle, grouped
from tests.support.fakes import NOW, FakeTenant, sign_in

ALICE = FakeTenant().add_account("alice")
BERLIN, NEW_YORK, POTSDAM = (52.52, 13.405), (40.7128, -74.006), (52.3906, 13.0645)


def hours(n: float):
    return NOW - timedelta(hours=n)


def test_one_group_for_each_address_country_and_client():
    groups = grouped(
        [
            sign_in(ALICE, hours(5)),
            sign_in(ALICE, hours(4), agent="Edge 121 Windows"),
            sign_in(ALICE, hours(3), ip="198.51.100.9"),
            sign_in(ALICE, hours(2), success=False, id="failed"),
        ]
    ).groups()
    assert [(g.ip, g.successes, g.failures) for g in groups] == [("192.0.2.10", 2, 1), ("198.51.100.9", 1, 0)]
    assert "failed" not in groups[0].sign_in_ids


def test_an_update_of_the_browser_is_the_same_client():
    groups = grouped([sign_in(ALICE, hours(n), agent=f"Chrome/{120 + n}.0.1 Mac") for n in range(5)]).groups()
    assert len(groups) == 1


def test_repeated_rows_count_once():
    same = sign_in(ALICE, hours(1), id="same")
    grouper = grouped([same, same, same])
    assert grouper.total == 1
    assert grouper.groups()[0].successes == 1


def test_only_failures_have_no_success_but_keep_their_ids():
    (group,) = grouped([sign_in(ALICE, hours(1), success=False, id="f")]).groups()
    assert group.first_success_at is None
    assert group.sign_in_ids == ["f"]


def test_great_circle_of_known_places():
    assert great_circle(*BERLIN, *NEW_YORK) == pytest.approx(6385, abs=10)
    assert great_circle(*BERLIN, *BERLIN) == 0


@pytest.mark.parametrize(
    ("place", "apart", "impossible"),
    [(NEW_YORK, 1, True), (NEW_YORK, 9, False), (POTSDAM, 0.01, False)],
)
def test_travel_by_coordinates(place, apart, impossible):
    journeys = grouped(
        [
            sign_in(ALICE, hours(20), place=BERLIN),
            sign_in(ALICE, hours(20 - apart), ip="198.51.100.9", country="US", place=place),
        ]
    ).journeys()
    assert bool(journeys) is impossible


@pytest.mark.parametrize(("apart", "impossible"), [(1, True), (5, False)])
def test_travel_by_country_where_there_are_no_coordinates(apart, impossible):
    journeys = grouped(
        [sign_in(ALICE, hours(20)), sign_in(ALICE, hours(20 - apart), ip="198.51.100.9", country="US")]
    ).journeys()
    assert bool(journeys) is impossible
    assert all(journey.kilometres is None for journey in journeys)


def test_failures_do_not_travel():
    assert not grouped(
        [sign_in(ALICE, hours(2)), sign_in(ALICE, hours(1), ip="198.51.100.9", country="US", success=False)]
    ).journeys()


@given(
    st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["192.0.2.1", "192.0.2.2"]), st.booleans()), max_size=40)
)
def test_order_of_arrival_does_not_matter(rows):
    sign_ins = [
        sign_in(ALICE, hours(n), ip=ip, country="DE" if ip.endswith("1") else "US", success=ok, id=f"{n}-{ip}-{ok}-{i}")
        for i, (n, ip, ok) in enumerate(rows)
    ]
    forward, backward = grouped(sign_ins), grouped(reversed(sign_ins))

    def facts(grouper: Grouper):
        return [
            (g.ip, g.first_at, g.last_at, g.successes, g.failures, g.first_success_at) for g in grouper.groups()
        ], grouper.journeys()

    assert facts(forward) == facts(backward)
    assert sum(g.successes + g.failures for g in forward.groups()) == len(sign_ins)
