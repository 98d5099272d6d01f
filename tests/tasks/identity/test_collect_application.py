from __future__ import annotations

import pytest

from tasks.identity.collect_application import CollectApplication
from tenantry.capabilities import Owner
from tenantry.errors import TargetNotFound
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.identity.test_remove_application_credential import credential
from tests.tasks.identity.test_remove_application_grant import grant


def tenant() -> FakeTenant:
    made = FakeTenant()
    made.add_account("alice")
    made.applications.add("evil")
    made.applications.grant_list["sp-evil"] = [
        grant("one"),
        grant("let-in", "assignment", "", account_id="id-group"),
        grant("own", "role", "Files.Read.All", account_id=None),
    ]
    made.applications.credential_list["sp-evil"] = [credential("key", "sp-evil", holder="principal")]
    made.applications.owner_list["sp-evil"] = [Owner(id="id-bob", name="bob@acme.example")]
    return made


@pytest.mark.parametrize("name", ["sp-evil", "client-evil", "evil"])
async def test_says_what_it_may_for_whom_and_with_what(name):
    acme = tenant()
    found = await read(acme, CollectApplication, application=name)
    assert found.id == "sp-evil"
    assert {g.id: g.powerful for g in found.grants} == {"one": ["Mail.Read"], "let-in": [], "own": ["Files.Read.All"]}
    assert found.for_everybody
    assert [a.upn for a in found.accounts] == ["alice@acme.example"]
    assert found.owners == ["bob@acme.example"]
    assert [c.id for c in found.credentials] == ["key"]
    assert found.users_may_consent is True
    assert any("group" in limit for limit in found.limits), "who is behind a group was not resolved, and is said"
    stored = {name.rsplit("/", 1)[1] for name in acme.evidence.stored}
    assert stored == {"application.jsonl", "grants.jsonl", "credentials.jsonl", "owners.jsonl", "consent_policy.jsonl"}
    assert acme.writes == []


async def test_only_for_the_people_who_consented():
    acme = tenant()
    acme.applications.grant_list["sp-evil"] = [grant("one")]
    assert not (await read(acme, CollectApplication, application="evil")).for_everybody
    acme.applications.grant_list["sp-evil"] = [grant("one", account_id=None)]
    assert (await read(acme, CollectApplication, application="evil")).for_everybody


async def test_a_name_that_two_have_is_an_error_that_names_both():
    acme = tenant()
    acme.applications.add("other", name="evil")
    with pytest.raises(TargetNotFound) as caught:
        await read(acme, CollectApplication, application="evil")
    assert "sp-evil" in caught.value.remedy
    assert "sp-other" in caught.value.remedy


async def test_a_name_that_nobody_has():
    with pytest.raises(TargetNotFound):
        await read(tenant(), CollectApplication, application="nobody")
