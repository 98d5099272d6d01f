"""Checks that compare: each finds its attack and leaves the look-alike alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tenantry.sweep.collect import Collector
from tenantry.sweep.logs import cloudtrail, entra, ual
from tenantry.sweep.model import Event, Finding
from tenantry.sweep.sources import source
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics import Statistics
from tests.tenantry.sweep.days import BROWSERS, PHONE, Aws, Microsoft


def findings(format: str, events: list[Event | None]) -> dict[str, Finding]:
    spool, collector = Spool(), Collector()
    statistics = Statistics(source(format), spool)
    for event in events:
        assert event is not None
        statistics.see(event)
    statistics.finish(collector)
    spool.close()
    return {finding.rule: finding for finding in collector.findings()}


def of(day: Aws) -> dict[str, Finding]:
    return findings("cloudtrail", [cloudtrail.event(row) for row in day.shuffled()])


def sign_ins(day: Microsoft) -> dict[str, Finding]:
    return findings("entra-signin", [entra.sign_in_event(row) for row in day.sign_ins])


def test_probing_is_many_different_refusals() -> None:
    day = Aws(1)
    for number in range(12):
        day.call(
            day.at(0, 9) + timedelta(seconds=number),
            day.user("x"),
            f"svc{number}:GetThing{number}",
            error="AccessDenied",
        )
    assert of(day)["aws_denied_probing"].severity == "medium"
    day = Aws(1)
    for number in range(40):
        day.call(
            day.at(0, 9) + timedelta(seconds=number), day.user("x"), "s3:ListBuckets", error="AccessDenied"
        )  # a broken job
    assert "aws_denied_probing" not in of(day)


def test_what_happens_every_day_is_routine() -> None:
    day = Aws(1, days=4)
    for which in range(4):
        for number in range(12):
            day.call(
                day.at(which, 9) + timedelta(seconds=number),
                day.user("x"),
                f"svc{number}:GetThing{number}",
                error="AccessDenied",
            )
    found = of(day)["aws_denied_probing"]
    assert found.severity == "low"
    assert found.evidence["compared"]["routine"] is True


def test_a_new_region_matters_for_machines() -> None:
    day = Aws(1)
    for number in range(150):
        day.call(day.at(0, 9) + timedelta(seconds=60 * number), day.user("x"), "ec2:CreateTags")
    day.call(day.at(1, 9), day.user("x"), "ec2:RunInstances", region="me-south-1")
    found = of(day)["aws_new_region"]
    assert found.severity == "medium"
    assert found.evidence["compared"]["region"] == "me-south-1"


def test_a_session_on_two_clients_in_two_networks() -> None:
    day = Microsoft(1)
    day.sign_in(day.at(0, 9), day.users[0], agent=BROWSERS[0], sessionId="s")
    day.sign_in(day.at(0, 10), day.users[0], agent=BROWSERS[1], ip="185.1.1.1", sessionId="s")
    assert sign_ins(day)["session_from_two_places"].entity["id"] == day.users[0]


@pytest.mark.parametrize(("agent", "ip"), [(BROWSERS[0], "185.1.1.1"), (PHONE, "62.10.9.9")])
def test_a_session_that_moves_or_changes_but_not_both(agent: str, ip: str) -> None:
    day = Microsoft(1)
    day.sign_in(day.at(0, 9), day.users[0], agent=BROWSERS[0], sessionId="s")
    day.sign_in(day.at(0, 10), day.users[0], agent=agent, ip=ip, sessionId="s")
    assert "session_from_two_places" not in sign_ins(day)


def test_travel_counts_distance_and_time() -> None:
    day = Microsoft(1)
    day.sign_in(day.at(0, 9), day.users[0])
    day.sign_in(day.at(0, 10), day.users[0], ip="9.9.9.9", agent=BROWSERS[1], country="US", place=(40.7, -74.0))
    day.sign_in(day.at(0, 9), day.users[1])
    day.sign_in(day.at(0, 22), day.users[1], ip="9.9.9.9", agent=BROWSERS[1], country="US", place=(40.7, -74.0))
    found = [one for one in [sign_ins(day)["impossible_travel"]] if one.severity == "high"]
    assert [one.entity["id"] for one in found] == [day.users[0]]


def test_a_managed_machine_that_stayed_at_home_is_no_travel() -> None:
    far: dict[str, Any] = {"ip": "9.9.9.9", "agent": BROWSERS[1], "country": "US", "place": (40.7, -74.0)}
    for travels, left, found in ((True, True, False), (False, True, True), (True, False, True)):
        day = Microsoft(1)
        mine, other = ({"operatingSystem": "Windows", "isManaged": managed} for managed in (travels, left))
        day.sign_in(day.at(0, 9), day.users[0], deviceDetail=mine, **far)
        day.sign_in(day.at(0, 10), day.users[0], deviceDetail=other, isInteractive=False)
        assert ("impossible_travel" in sign_ins(day)) is found


def test_an_office_that_mistypes_is_no_spray() -> None:
    day = Microsoft(1)
    for number in range(30):
        at = day.at(0, 8) + timedelta(seconds=60 * number)
        day.sign_in(at, day.users[number], error=50126)
        day.sign_in(at + timedelta(seconds=20), day.users[number])
    assert not {"password_spray", "password_spray_opened"} & sign_ins(day).keys()


def test_a_slow_spray_and_a_guessed_password() -> None:
    day = Microsoft(1)
    for number in range(20):
        day.sign_in(day.at(0, number), day.users[number], error=50126, ip="193.32.1.1")
    assert sign_ins(day)["password_spray"].count == 20
    day = Microsoft(1)
    for number in range(15):
        day.sign_in(day.at(0, 9) + timedelta(seconds=number), day.users[0], error=50126, ip="193.32.1.1")
    day.sign_in(day.at(0, 9) + timedelta(minutes=11), day.users[0], ip="193.32.1.1")
    assert sign_ins(day)["password_guessed"].entity["id"] == day.users[0]


def test_an_hour_far_beyond_the_usual() -> None:
    day = Microsoft(1, users=20)
    for user in day.users:
        for hour in range(8, 16):
            for _ in range(4):
                day.ual(day.at(0, hour), user, "FileDownloaded", workload="SharePoint")
    for number in range(700):
        day.ual(day.at(1, 3) + timedelta(seconds=number), day.users[2], "FileDownloaded", workload="SharePoint")
    found = findings("ual", [ual.event(row) for row in day.rows])["m365_mass_download"]
    assert (found.entity["id"], found.count) == (day.users[2], 700)


def test_a_new_origin_and_then_something_sensitive() -> None:
    day = Microsoft(1)
    user = day.users[0]
    for hour in range(30):
        day.ual(day.at(0, hour), user, "MailItemsAccessed", UserAgent=BROWSERS[0])
    day.ual(day.at(1, 7), user, "MailItemsAccessed", ip="185.1.1.1", UserAgent=BROWSERS[1])
    day.ual(day.at(1, 8), user, "New-InboxRule", ip="185.1.1.1", UserAgent=BROWSERS[1], parameters={"Name": "Team"})
    found = findings("ual", [ual.event(row) for row in day.rows])["new_origin_then_sensitive"]
    assert found.evidence["compared"]["usual_clients"] == ["browser edge windows"]
    assert found.severity == "medium"
