from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tasks.host.collect_activity import CollectActivity
from tasks.host.collect_persistence import CollectPersistence
from tasks.incident._host_signs import Found
from tasks.incident.attribute_host_artifacts import AttributeHostArtifacts, HostArtifacts
from tenantry.capabilities import OtherWayIn
from tests.support.fake_host import web
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read

SINCE = (NOW - timedelta(hours=30)).isoformat()
GOOD = ["198.51.100.0/24"]


async def attribute(tenant: FakeTenant, host: str = "web1", since: str | None = SINCE, **more: Any) -> HostArtifacts:
    return await read(
        tenant,
        AttributeHostArtifacts,
        activity=await read(tenant, CollectActivity, host=host, since=since),
        persistence=await read(tenant, CollectPersistence, host=host),
        since=since,
        **{"known_good_ips": GOOD, **more},
    )


async def test_the_intruders_things_and_none_of_the_look_alikes():
    found = await attribute(FakeTenant())
    assert found.attacker_ips == ["203.0.113.66"]
    assert [thing.id for thing in found.accounts] == ["sysupd"]
    assert {thing.label.split(":")[0] for thing in found.keys} == {"root", "sysupd"}
    assert {thing.label.split(":")[0] for thing in found.cron} == {
        "/etc/cron.d/0sync",
        "/var/spool/cron/crontabs/deploy",
    }
    assert [thing.id for thing in found.units] == ["sys-healthd.service"]
    assert ["kworkerd" in thing.label for thing in found.processes] == [True]
    assert all(len(thing.reasons) > 1 for thing in (*found.accounts, *found.keys, *found.cron, *found.units))


async def test_what_was_stolen_is_for_a_person():
    found = await attribute(FakeTenant())
    assert {(thing.kind, thing.label.split(":")[0]) for thing in found.for_person} == {
        ("account", "deploy"),
        ("key", "deploy"),
    }


async def test_without_a_start_and_without_addresses_little_is_taken():
    found = await attribute(FakeTenant(), since=None, known_good_ips=[])
    assert found.attacker_ips == []
    assert found.accounts == found.keys == []
    assert any("no address could be told" in limit for limit in found.limits)


async def test_an_address_that_was_named_decides_alone():
    found = await attribute(FakeTenant(), since=None, known_good_ips=[], known_bad_ips=["203.0.113.66"])
    assert [thing.id for thing in found.accounts] == ["sysupd"]
    assert [thing.id for thing in found.units] == ["sys-healthd.service"]


async def test_an_ordinary_host_has_nothing():
    found = await attribute(FakeTenant(), host="db1")
    assert found.accounts == found.keys == found.cron == found.units == found.processes == found.for_person == []


async def test_our_own_key_is_never_the_intruders():
    tenant = FakeTenant()
    ours = next(key for key in web(tenant).keys.values() if key.account == "root")
    theirs = next(login for login in web(tenant).logins if login.account == "sysupd")
    web(tenant).logins.append(theirs.model_copy(update={"id": "x", "key": ours.fingerprint, "account": "root"}))
    web(tenant).facts = web(tenant).facts.model_copy(update={"responder_key": ours.fingerprint})
    found = await attribute(tenant)
    assert ours.id not in {thing.id for thing in (*found.keys, *found.for_person)}


def planted(tenant: FakeTenant, at: datetime) -> Found:
    """A key of the intruder on web1, which is put on db1 too, in whose log there is nothing."""
    key = next(key for key in web(tenant).keys.values() if "attacker" in key.comment)
    copy = key.model_copy(update={"account": "root", "file_changed_at": at})
    tenant.host.state["db1"].keys[copy.id] = copy
    return Found(kind="key", host="web1", id=key.id, label="root", reasons=["used from 203.0.113.66"])


async def test_what_is_theirs_on_one_host_is_theirs_on_the_others():
    """A key that nobody has used here yet would say nothing by itself."""
    tenant = FakeTenant()
    theirs = planted(tenant, NOW - timedelta(hours=2))
    assert (await attribute(tenant, host="db1")).keys == []
    found = await attribute(tenant, host="db1", others=[theirs.model_dump()])
    assert [thing.reasons[0] for thing in found.keys] == ["the same key is the intruder's on web1"]


async def test_the_same_key_from_before_is_for_a_person():
    tenant = FakeTenant()
    found = await attribute(tenant, host="db1", others=[planted(tenant, NOW - timedelta(days=90)).model_dump()])
    assert (len(found.keys), len(found.for_person)) == (0, 1)


async def test_an_address_that_is_theirs_on_another_host_decides_alone():
    found = await attribute(FakeTenant(), since=None, known_good_ips=[], others_ips=["203.0.113.66"])
    assert [thing.id for thing in found.accounts] == ["sysupd"]
    assert found.addresses[0].reasons == ["the intruder came from there to another host"]


async def test_one_host_alone_learns_nothing_from_itself():
    alone = await attribute(FakeTenant())
    again = await attribute(
        FakeTenant(), others=[thing.model_dump() for thing in (*alone.keys, *alone.accounts, *alone.cron, *alone.units)]
    )
    assert again == alone


async def test_a_way_in_that_no_list_of_keys_shows_is_for_a_person():
    tenant = FakeTenant()
    way = OtherWayIn(directive="AuthorizedKeysCommand", value="/x %u", condition="User bob", path="/etc/ssh/c")
    tenant.host.state["db1"].other_ways_in.append(way)
    (found,) = (await attribute(tenant, host="db1")).for_person
    assert (found.kind, found.label) == ("key", "AuthorizedKeysCommand /x %u (for User bob) in /etc/ssh/c")
    assert found.reasons == ["whom it lets in cannot be told"]
