from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.incident.find_other_victims import FindOtherVictims
from tests.support.fakes import NOW, sign_in
from tests.support.incident import ATTACKER, BEGAN, EVIL, OTHER_EVIL, read, story


async def victims(tenant, **params):
    given = {"account": "id-alice", "attacker_ips": [EVIL], "window_start": BEGAN, **params}
    return await read(tenant, FindOtherVictims, **given)


def upns(found):
    return [victim.upn.split("@")[0] for victim in found]


async def test_who_was_phished_and_entered_from_elsewhere_is_a_victim_with_the_new_address():
    found = await victims(story())
    assert upns(found.accounts) == ["alice", "bob"]
    assert found.accounts[0].primary
    assert not found.accounts[1].primary
    assert found.others == ["id-bob"]
    assert found.attacker_ips == sorted([EVIL, OTHER_EVIL])
    assert found.accounts[1].sign_in_ids == ["evil-bob"]
    assert found.window_start == BEGAN


async def test_who_only_got_the_mail_is_exposed():
    found = await victims(story())
    assert upns(found.exposed) == ["carol"]
    assert found.exposed[0].examined
    assert found.exposed[0].evidence_ids == ["<m-1@acme.example>"]


async def test_an_entry_from_the_attackers_address_is_a_victim_without_any_mail():
    tenant = story()
    dora = tenant.add_account("dora")
    tenant.identity.sign_in_list.append(sign_in(dora, BEGAN + timedelta(hours=1), **ATTACKER, id="evil-dora"))
    found = await victims(tenant)
    assert "dora" in upns(found.accounts)


async def test_a_failed_attempt_is_no_entry():
    tenant = story()
    dora = tenant.add_account("dora")
    tenant.identity.sign_in_list.append(sign_in(dora, BEGAN, **ATTACKER, success=False))
    found = await victims(tenant)
    assert "dora" not in upns(found.accounts) + upns(found.exposed)


async def test_who_used_the_address_before_the_attack_shares_a_network_and_is_not_contained():
    tenant = story()
    dora = tenant.add_account("dora")
    tenant.identity.sign_in_list += [sign_in(dora, NOW - timedelta(days=d), ip=EVIL) for d in (1, 12)]
    found = await victims(tenant)
    assert "dora" not in upns(found.accounts)
    assert "dora" in upns(found.exposed)


async def test_follows_from_account_to_account():
    """Bob's account phishes Dora, whose sign-ins come from a third address."""
    tenant = story()
    dora = tenant.add_account("dora")
    tenant.identity.sign_in_list += [sign_in(dora, NOW - timedelta(days=d)) for d in range(1, 25)]
    third = {**ATTACKER, "ip": "203.0.113.80"}
    tenant.identity.sign_in_list.append(sign_in(dora, BEGAN + timedelta(hours=9), **third, id="evil-dora"))
    message = tenant.mail.sent_list["id-alice"][0]
    tenant.mail.sent_list["id-bob"] = [
        message.model_copy(update={"at": BEGAN + timedelta(hours=7), "recipients": ("dora@acme.example",)})
    ]
    found = await victims(tenant)
    assert upns(found.accounts) == ["alice", "bob", "dora"]
    assert "203.0.113.80" in found.attacker_ips


async def test_the_number_of_examined_accounts_is_limited_and_said():
    found = await victims(story(), examine_at_most=0)
    assert upns(found.accounts) == ["alice"]
    assert [exposed.examined for exposed in found.exposed] == [False, False]
    assert any("2 exposed accounts were not examined" in limit for limit in found.limits)


async def test_without_a_window_the_mail_is_not_followed_and_said():
    found = await victims(story(), attacker_ips=[], window_start=None)
    assert upns(found.accounts) == ["alice"]
    assert any("not known" in limit for limit in found.limits)


@pytest.mark.parametrize("good", [[f"{EVIL}/32"], ["203.0.113.0/24"]])
async def test_the_clients_own_address_is_never_looked_up(good):
    found = await victims(story(), known_good_ips=good)
    assert EVIL not in found.attacker_ips


async def test_names_without_an_account_are_passed_over():
    """all@ is a list and cfo@ is outside."""
    found = await victims(story())
    assert {exposed.upn for exposed in found.exposed} == {"carol@acme.example"}


async def test_an_account_without_a_mailbox_has_sent_nothing():
    tenant = story()
    tenant.mail.without.add("id-alice")
    assert upns((await victims(tenant)).accounts) == ["alice"]
