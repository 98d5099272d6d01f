from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.identity._sign_ins import grouped
from tasks.incident._judge import judge
from tests.support.fakes import NOW, FakeTenant, sign_in

ALICE = FakeTenant().add_account("alice")
HOME = [sign_in(ALICE, NOW - timedelta(days=day), id=f"home-{day}") for day in range(1, 29)]
EVIL = {"ip": "203.0.113.66", "country": "NL", "agent": "Chrome Linux"}


def judged(*extra, base=HOME, **options):
    grouper = grouped([*base, *extra])
    return judge(grouper.groups(), grouper.journeys(), until=NOW, **options)


def verdicts(judgement):
    return {suspect.ip: suspect.verdict for suspect in judgement.suspects}


def at(hours: float, **how):
    return sign_in(ALICE, NOW - timedelta(hours=hours), **how)


def test_the_person_alone_has_no_suspects():
    judgement = judged()
    assert judgement.suspects == []
    assert judgement.own_ips == ["192.0.2.10"]


def test_new_country_with_new_client_is_an_attacker_with_reasons_and_ids():
    judgement = judged(at(5, **EVIL, id="evil-1"))
    (suspect,) = judgement.suspects
    assert suspect.verdict == "attacker"
    assert suspect.sign_in_ids == ["evil-1"]
    assert any("NL" in reason for reason in suspect.reasons)
    assert "203.0.113.66" not in judgement.own_ips


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"ip": "203.0.113.9", "country": "US"}, "a journey or VPN with the known client"),
        ({"ip": "203.0.113.9", "agent": "Safari iPhone"}, "a new telephone in the home country"),
    ],
)
def test_one_sign_alone_is_uncertain(how, why):
    assert verdicts(judged(at(5, **how))) == {"203.0.113.9": "uncertain"}, why


@pytest.mark.parametrize(
    "how",
    [
        {"ip": "203.0.113.9"},  # another network at home, the known client
        {"agent": "Safari iPhone"},  # a new telephone in the office
    ],
)
def test_what_fits_is_ordinary(how):
    assert judged(at(5, **how)).suspects == []


def test_the_vpn_is_ordinary_when_the_tenant_names_it():
    vpn = at(5, ip="203.0.113.9", country="US", agent="Chrome Linux")
    assert verdicts(judged(vpn)) == {"203.0.113.9": "attacker"}
    assert judged(vpn, known_good=["203.0.113.0/24"]).suspects == []


def test_a_vpn_used_for_weeks_is_ordinary():
    vpn = [sign_in(ALICE, NOW - timedelta(days=day, hours=1), ip="203.0.113.9", country="US") for day in (20, 24, 2)]
    assert judged(*vpn).suspects == []


def test_a_named_address_decides_alone_even_in_the_baseline():
    judgement = judged(known_bad=["192.0.2.10"])
    assert verdicts(judgement) == {"192.0.2.10": "attacker"}
    assert judgement.own_ips == []


def test_an_impossible_journey_with_a_new_client_is_an_attacker():
    here = [sign_in(ALICE, s.at, place=(52.5, 13.4), id=s.id) for s in HOME]
    there = sign_in(
        ALICE, NOW - timedelta(days=1, minutes=-30), ip="203.0.113.9", agent="Chrome Linux", place=(40.7, -74.0)
    )
    judgement = judged(there, base=here)
    assert verdicts(judgement) == {"203.0.113.9": "attacker"}
    assert any("km" in reason for reason in judgement.suspects[0].reasons)


def test_a_staying_act_from_an_uncertain_address_gives_it_away():
    act = {"203.0.113.9": "User registered security info from this address (event e1)"}
    assert verdicts(judged(at(5, ip="203.0.113.9", country="US"), acts=act)) == {"203.0.113.9": "attacker"}
    assert judged(at(5, ip="203.0.113.9"), acts=act).suspects == [], (
        "an act alone, from an ordinary address, is the person"
    )


def test_the_attackers_other_clients_at_the_same_address_are_theirs_too():
    judgement = judged(at(5, **EVIL), at(4, ip="203.0.113.66", country="NL", agent="Edge 120 Windows"), known_good=[])
    assert verdicts(judgement) == {"203.0.113.66": "attacker"}
    assert all(suspect.verdict == "attacker" for suspect in judgement.suspects)


def test_an_attacker_teaches_nothing():
    """A second address of the same country and client is not ordinary because the first one was there before."""
    other = {**EVIL, "ip": "203.0.113.71"}
    assert verdicts(judged(at(10, **EVIL), at(5, **other))) == {"203.0.113.66": "attacker", "203.0.113.71": "attacker"}


def test_without_history_nobody_is_an_attacker_and_nobody_is_clean():
    judgement = judged(at(5, **EVIL), at(9), base=[])
    assert {suspect.verdict for suspect in judgement.suspects} == {"uncertain"}


def test_a_given_start_is_where_the_ordinary_ends():
    since = NOW - timedelta(days=10)
    early = sign_in(ALICE, NOW - timedelta(days=12), **EVIL)
    assert judged(early, since=since).suspects == []
    assert verdicts(judged(early, since=NOW - timedelta(days=20))) == {"203.0.113.66": "attacker"}


def test_home_countries_of_the_tenant_are_no_news():
    assert verdicts(judged(at(5, **EVIL), home_countries=["NL"])) == {"203.0.113.66": "uncertain"}


def test_failures_are_not_judged():
    assert judged(at(5, **EVIL, success=False)).suspects == []


@given(
    st.lists(
        st.tuples(
            st.integers(1, 650),
            st.sampled_from(["192.0.2.10", "203.0.113.66", "203.0.113.9"]),
            st.sampled_from(["DE", "NL", ""]),
            st.sampled_from(["Edge Windows", "Chrome Linux"]),
        ),
        max_size=30,
    )
)
def test_every_address_has_one_side(rows):
    sign_ins = [
        sign_in(ALICE, NOW - timedelta(hours=n), ip=ip, country=country, agent=agent, id=str(i))
        for i, (n, ip, country, agent) in enumerate(rows)
    ]
    judgement = judged(*sign_ins)
    attackers = {s.ip for s in judgement.suspects if s.verdict == "attacker"}
    assert not attackers & set(judgement.own_ips)
    assert not attackers & {s.ip for s in judgement.suspects if s.verdict == "uncertain"}
    assert all(suspect.reasons and suspect.sign_in_ids for suspect in judgement.suspects)
