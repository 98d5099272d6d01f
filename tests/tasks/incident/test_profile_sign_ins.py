from __future__ import annotations

from tasks.identity.collect_directory_events import CollectDirectoryEvents
from tasks.identity.collect_sign_ins import CollectSignIns
from tasks.incident.profile_sign_ins import ProfileSignIns
from tests.support.incident import ATTACKER, BEGAN, EVIL, OWN, read, story


async def profile(tenant, *, since=None, **params):
    sign_ins = await read(tenant, CollectSignIns, accounts=["id-alice"], since=since)
    events = await read(tenant, CollectDirectoryEvents, accounts=["id-alice"], since=since)
    return await read(tenant, ProfileSignIns, sign_ins=sign_ins, events=events, **params)


async def test_finds_the_attacker_and_since_when():
    found = await profile(story())
    assert found.verdict == "attacker_found"
    assert found.attacker_ips == [EVIL]
    assert found.own_ips == [OWN]
    assert found.first_attacker_activity == BEGAN
    assert found.attacker[0].sign_in_ids == ["evil-0", "evil-1", "evil-2"]


async def test_nothing_stands_out_is_could_not_tell_never_clean():
    tenant = story()
    tenant.identity.sign_in_list = [s for s in tenant.identity.sign_in_list if s.ip == OWN]
    found = await profile(tenant)
    assert found.verdict == "could_not_tell"
    assert found.first_attacker_activity is None
    assert found.limits


async def test_the_clients_own_network_is_not_the_attackers():
    tenant = story()
    assert (await profile(tenant, known_good_ips=["203.0.113.0/24"])).attacker_ips == []
    tenant.subject["known_networks"] = ["203.0.113.0/24"]
    assert (await profile(tenant)).attacker_ips == []


async def test_a_named_address_is_looked_for_elsewhere_even_when_it_never_came_here():
    found = await profile(story(), known_bad_ips=["198.51.100.200"])
    assert "198.51.100.200" in found.attacker_ips


async def test_an_empty_log_says_so():
    tenant = story()
    tenant.identity.sign_in_list = []
    found = await profile(tenant)
    assert found.verdict == "could_not_tell"
    assert any("no successful sign-in" in limit for limit in found.limits)


async def test_a_short_history_says_so():
    tenant = story()
    tenant.identity.sign_in_list = [s for s in tenant.identity.sign_in_list if s.ip == ATTACKER["ip"]]
    found = await profile(tenant)
    assert found.verdict == "could_not_tell"
    assert [suspect.ip for suspect in found.uncertain] == [EVIL]
    assert found.own_ips == []
    assert any("too few" in limit for limit in found.limits)
