from __future__ import annotations

from datetime import timedelta

from tasks.identity.collect_application_activity import CollectApplicationActivity
from tenantry.capabilities import DirectoryEvent, SignIn
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read
from tests.tasks.identity.test_remove_application_credential import credential

ADDED = "Update application – Certificates and secrets management "
DAY = timedelta(days=1)


def event(
    id: str, activity: str, at=NOW - DAY, *, by_app: str | None = None, by: str = "", targets=()
) -> DirectoryEvent:
    raw = {"id": id, "initiatedBy": {"app": {"appId": by_app} if by_app else None}}
    return DirectoryEvent(
        id=id, at=at, activity=activity, actor_upn=by or "evil", actor_ip="", target_ids=tuple(targets), raw=raw
    )


def sign_in(id: str, at, ip="203.0.113.9", success=True) -> SignIn:
    return SignIn(
        id=id, at=at, user_id="sp-evil", upn="evil", ip=ip, country="NL", city="", app="Graph", client="", user_agent="",
        success=success, error_code=0 if success else 7000222, interactive=False, raw={"id": id},
    )  # fmt: skip


def tenant() -> FakeTenant:
    made = FakeTenant()
    made.applications.add("evil")
    made.applications.add("payroll", own=True)
    made.applications.sign_in_list["sp-evil"] = [
        *(sign_in(f"s{n}", NOW - timedelta(hours=n)) for n in range(1, 6)),
        sign_in("elsewhere", NOW - timedelta(hours=2, minutes=1), ip="198.51.100.4"),
        sign_in("failed", NOW - timedelta(minutes=5), ip="192.0.2.99", success=False),
    ]
    made.applications.event_list["sp-evil"] = [
        event("e-consent", "Consent to application", by="alice@acme.example"),
        event("e-added", ADDED, by_app="client-evil", targets=["registration-payroll"]),
    ]
    made.applications.credential_list["sp-payroll"] = [
        credential("old", begins_at=NOW - 300 * DAY),
        credential("planted", begins_at=NOW - DAY + timedelta(seconds=30)),
    ]
    return made


async def test_says_where_from_since_when_and_who_let_it_in():
    acme = tenant()
    found = await read(acme, CollectApplicationActivity, application="sp-evil")
    assert found.sign_ins == 6
    assert found.ips == ["203.0.113.9", "198.51.100.4"], "what failed is no activity"
    assert found.consented_by == ["alice@acme.example"]
    assert found.first_activity == NOW - DAY
    assert found.last_activity == NOW - timedelta(hours=1)
    assert len(acme.evidence.rows("step/application/sp-evil/sign_ins.jsonl")) == 7
    assert {shown.kind for shown in found.attacker_events} == {"sign_in", "credential"}


async def test_a_credential_on_another_application_is_found_and_the_old_one_is_not_taken_for_it():
    found = await read(tenant(), CollectApplicationActivity, application="sp-evil")
    (planted,) = found.planted
    assert (planted.application_id, planted.credential_id, planted.event_id) == ("sp-payroll", "planted", "e-added")
    assert found.for_person == []


async def test_which_one_it_made_cannot_be_told_goes_to_a_person():
    acme = tenant()
    acme.applications.credential_list["sp-payroll"] = [credential("old", begins_at=NOW - 300 * DAY)]
    found = await read(acme, CollectApplicationActivity, application="sp-evil")
    assert found.planted == []
    assert found.for_person[0].startswith("payroll: its credentials were changed at")


async def test_what_another_did_under_its_name_is_not_its_doing():
    """Display names can be anybody's: the log's own ids count."""
    acme = tenant()
    acme.applications.event_list["sp-evil"] = [
        event("e-other", ADDED, by_app="client-other", by="evil", targets=["registration-payroll"])
    ]
    found = await read(acme, CollectApplicationActivity, application="sp-evil")
    assert found.planted == []
    assert found.for_person == []


async def test_nothing_is_nothing_and_says_its_limits():
    acme = FakeTenant()
    acme.applications.add("evil")
    found = await read(acme, CollectApplicationActivity, application="sp-evil")
    assert (found.sign_ins, found.first_activity, found.planted) == (0, None, [])
    assert found.limits
    assert len(acme.evidence.stored) == 2, "that there was nothing is evidence"
