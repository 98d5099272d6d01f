from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.identity.collect_access import CollectAccess
from tasks.identity.collect_directory_events import CollectDirectoryEvents
from tasks.incident.attribute_artifacts import AttributeArtifacts
from tasks.logs.collect_audit import CollectAudit
from tasks.mail.collect_mailbox import CollectMailbox
from tenantry.capabilities import Forwarding
from tests.support.fakes import NOW
from tests.support.incident import BEGAN, EVIL, OWN, audit, consent, delegate, event, method, read, rule, story


async def attributed(tenant, **changes):
    accounts = ["id-alice"]
    params = {
        "mailboxes": await read(tenant, CollectMailbox, accounts=accounts),
        "access": await read(tenant, CollectAccess, accounts=accounts),
        "events": await read(tenant, CollectDirectoryEvents, accounts=accounts),
        "audit": await read(tenant, CollectAudit, accounts=accounts),
        "attacker_ips": [EVIL],
        "own_ips": [OWN],
        "window_start": BEGAN,
        **changes,
    }
    return await read(tenant, AttributeArtifacts, **params)


def ids(artifacts):
    return [artifact.object_id for artifact in artifacts]


async def test_the_attackers_things_are_found_each_with_its_proof():
    found = await attributed(story())
    assert {a.object_id: a.evidence_ids for a in found.rules} == {"3": ["a-rule"], "4": ["a-hidden"]}
    assert [(a.address, a.evidence_ids) for a in found.forwarding] == [("smtp:drop@evil.example", ["a-forward"])]
    assert [(a.right, a.trustee) for a in found.delegates] == [
        ("full_access", "bob@acme.example"),
        ("send_as", "bob@acme.example"),
    ]
    assert ids(found.consents) == ["evil-app-grant"]
    assert ids(found.methods) == ["evil-app"]
    assert ids(found.devices) == ["evil-pc"]
    every = [*found.rules, *found.forwarding, *found.delegates, *found.consents, *found.methods, *found.devices]
    assert {a.confidence for a in every} == {"high"}
    assert all(a.reason for a in every)


async def test_the_persons_own_things_are_kept_with_a_reason():
    found = await attributed(story())
    assert set(ids(found.kept)) == {
        *("1", "2", "assistant@acme.example", "own-app", "own-phone", "own-new", "own-laptop", "own-iphone")
    }
    assert all(artifact.reason for artifact in found.kept)


async def test_what_nobody_can_take_away_goes_to_a_person():
    assert ids((await attributed(story())).for_person) == ["evil-phone"]


async def test_every_thing_stands_in_exactly_one_list():
    found = await attributed(story())
    parts = ("rules", "forwarding", "delegates", "consents", "methods", "devices", "for_person", "kept")
    every = [artifact.id for part in parts for artifact in getattr(found, part)]
    assert len(every) == len(set(every)) == 4 + 1 + 3 + 2 + 3 + 2 + 2


async def test_a_rule_of_the_same_name_in_another_mailbox_is_not_taken_for_this_one():
    tenant = story()
    tenant.logs.record_list = [
        audit("other", "New-InboxRule", BEGAN, EVIL, {"Name": "Newsletters"}, actor="x@acme.example", object_id="x")
    ]
    found = await attributed(tenant)
    assert "1" not in ids(found.rules)


async def test_an_old_rule_that_the_attacker_edited_goes_to_a_person():
    tenant = story()
    tenant.logs.record_list += [
        audit("made", "New-InboxRule", BEGAN - timedelta(days=5), OWN, {"Name": "Newsletters"}),
        audit("edit", "Set-InboxRule", BEGAN + timedelta(hours=1), EVIL, {"Identity": "alice\\1"}),
    ]
    found = await attributed(tenant)
    assert "1" in ids(found.for_person)


async def test_forwarding_to_the_persons_own_address_from_home_stays():
    tenant = story()
    tenant.mail.forwarding_of["id-alice"] = Forwarding(smtp_address="alice@home.example")
    tenant.logs.record_list.append(
        audit(
            "own", "Set-Mailbox", BEGAN + timedelta(hours=8), OWN, {"ForwardingSmtpAddress": "smtp:alice@home.example"}
        )
    )
    found = await attributed(tenant)
    assert found.forwarding == []
    assert any(artifact.kind == "forwarding" for artifact in found.kept)


async def test_a_consent_that_the_person_was_tricked_into_goes_to_a_person():
    tenant = story()
    tenant.identity.consent_list["id-alice"].append(consent("trick", verified=False, scope="Mail.Read", sp="sp-trick"))
    tenant.identity.event_list.append(event("e-trick", "Consent to application", BEGAN + timedelta(1), OWN, "sp-trick"))
    found = await attributed(tenant)
    assert "trick" in ids(found.for_person)


async def test_a_consent_is_matched_by_its_application_not_by_the_shared_resource():
    tenant = story()
    tenant.identity.event_list.append(
        event("e-graph", "Add delegated permission grant", BEGAN + timedelta(minutes=5), EVIL, "sp-graph")
    )
    found = await attributed(tenant)
    assert ids(found.consents) == ["evil-app-grant"]


async def test_an_event_that_takes_something_away_makes_nothing():
    tenant = story()
    tenant.identity.event_list = [
        event("gone", "User deleted security info", BEGAN + timedelta(minutes=25), EVIL, "id-alice")
    ]
    assert ids((await attributed(tenant)).methods) == []


async def test_logs_that_were_not_read_in_full_leave_undated_things_to_a_person():
    tenant = story()
    partial = (await read(tenant, CollectAudit, accounts=["id-alice"])).model_copy(update={"complete": False})
    found = await attributed(tenant, audit=partial)
    assert "assistant@acme.example" in ids(found.for_person)
    assert ids(found.rules) == ["3", "4"]
    assert any("not read in full" in limit for limit in found.limits)


async def test_an_unknown_window_attributes_by_address_alone():
    tenant = story()
    found = await attributed(tenant, window_start=None)
    assert ids(found.rules) == ["3", "4"]
    nobody = await attributed(tenant, window_start=None, attacker_ips=[], own_ips=[])
    assert [*nobody.rules, *nobody.methods, *nobody.devices, *nobody.consents, *nobody.delegates] == []


async def test_a_hidden_rule_that_sends_mail_outside_without_any_log_is_switched_off_not_removed():
    tenant = story()
    tenant.logs.record_list = []
    found = await attributed(tenant)
    assert [(a.object_id, a.confidence) for a in found.rules] == [("4", "medium")]
    assert {"3"} <= set(ids(found.for_person))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=900)),
    name=st.sampled_from(["Newsletters", ".", "x"]),
    folder=st.sampled_from(["Travel", "RSS Feeds", None]),
    ip=st.sampled_from([OWN, EVIL, "198.51.100.5", ""]),
    hidden=st.booleans(),
    complete=st.booleans(),
)
async def test_nothing_made_before_the_window_is_ever_attributed(before, name, folder, ip, hidden, complete):
    """Whatever it looks like, and from wherever the log says it was made."""
    tenant = story()
    at = BEGAN - before
    tenant.mail.rule_list["id-alice"] = [
        rule("9", name, move_to_folder=folder, hidden=hidden, forward_to=("a@b.example",) if hidden else ())
    ]
    tenant.identity.method_list["id-alice"] = [method("m", "phoneMethods", at)]
    tenant.identity.event_list = [event("e", "User registered security info", at, ip, "id-alice")]
    tenant.mail.delegate_list["id-alice"] = [delegate("z@acme.example")]
    tenant.mail.forwarding_of = {}
    tenant.evidence.stored.clear()
    tenant.identity.consent_list, tenant.identity.device_list = {}, {}
    tenant.logs.record_list = [
        audit("r", "New-InboxRule", at, ip, {"Name": name}),
        audit("d", "Add-MailboxPermission", at, ip, {"User": "z@acme.example"}),
    ]
    accounts = ["id-alice"]
    log = await read(tenant, CollectAudit, accounts=accounts, since=NOW - timedelta(days=1000))
    tenant.evidence.stored.clear()
    found = await attributed(tenant, audit=log.model_copy(update={"complete": complete}))
    assert [*found.rules, *found.methods, *found.delegates] == []
    assert len(found.kept) + len(found.for_person) == 3 + 2
