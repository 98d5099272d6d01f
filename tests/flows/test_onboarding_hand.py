"""What an onboarding knows of a client: their file as it is now, what is stored and whose it was, who proves what, and how each system answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from console import labtenant
from flows.credentials import ROTATED
from flows.onboarding_hand import AGREED, TenantOnboarding
from tenantry.capabilities.onboarding import ProviderAccess
from tenantry.errors import InvalidInput, NotFound, SignInFailed, Throttled, Unreachable
from tests.support.taken_on import APP, Client, client


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of its credentials only that of the directory lies in the vault."""
    with client(tmp_path_factory.mktemp("home"), kept=(APP,)) as made:
        yield made


@pytest.fixture
def acme(lab: Client) -> Iterator[Client]:
    before = lab.file.read_bytes()
    yield lab
    lab.file.write_bytes(before)


def hand(acme: Client) -> TenantOnboarding:
    return TenantOnboarding(acme.installation, acme.name, "run")


async def named(acme: Client, provider: str = "m365") -> Any:
    [found] = await hand(acme).credentials(provider)
    return found


async def test_the_file_is_read_anew_each_time(acme: Client) -> None:
    desk = hand(acme)
    assert await desk.providers() == ("m365", "hosts", "cloud", "messages")
    acme.edit(lambda file: file["providers"].pop("cloud"))
    assert await desk.providers() == ("m365", "hosts", "messages")
    assert await desk.file_digest() == hashlib.sha256(acme.file.read_bytes()).hexdigest()
    with pytest.raises(NotFound):
        await desk.credentials("cloud")
    with pytest.raises(NotFound):
        await desk.access("cloud")


async def test_what_is_stored_was_somebody_elses_until_it_is_replaced(acme: Client) -> None:
    found = await named(acme)
    assert (found.name, found.stored_as, found.kind, found.contact) == ("m365/client_secret", APP, "password", "owner")
    assert found.version is not None
    assert (found.handed_over, found.rotatable, found.collect) == (True, True, True)
    lacking = await named(acme, "cloud")
    assert (lacking.version, lacking.handed_over, lacking.rotatable) == (None, False, False)


async def test_the_file_says_what_is_asked_of_whom_and_what_stays(acme: Client) -> None:
    said = {"kind": "text", "title": "Secret of the application", "contact": "security", "rotate": False}
    acme.edit(lambda file: file.update(onboarding={"credentials": {"m365/client_secret": said}}))
    found = await named(acme)
    assert (found.kind, found.title, found.contact) == ("text", "Secret of the application", "security")
    assert (found.handed_over, found.rotate, found.collect) == (False, False, True)
    primary = {"contact": "primary"}  # by role, and found by id: who is named both ways is asked once
    acme.edit(lambda file: file.update(onboarding={"credentials": {"m365/client_secret": primary}}))
    assert (await named(acme)).contact == "owner"


async def test_what_the_clients_administrator_connects_is_asked_of_nobody(acme: Client) -> None:
    acme.edit(lambda file: file.update(onboarding={"connect": ["m365", "aws"]}))
    found = await named(acme)
    assert (found.collect, found.handed_over) == (False, False)
    assert [(one.cloud, one.provider) for one in await hand(acme).connections()] == [("m365", "m365"), ("aws", None)]


async def test_each_way_a_system_can_answer(acme: Client) -> None:
    desk, vault = hand(acme), acme.installation.vault
    works = await desk.access("m365")
    assert (works.state, works.missing, works.problems) == ("works", (), ())
    assert works.granted is not None
    assert "Directory.ReadWrite.All" in {one.name for one in works.excess}  # the lab's application is given too much
    assert (await desk.access("cloud")).state == "lacking"

    vault.put(acme.name, APP, b"c4nary-wrong", kind="client_secret")
    wrong = await desk.access("m365")
    assert (wrong.state, wrong.granted, wrong.missing, wrong.excess) == ("refused", None, None, ())
    assert wrong.problems
    assert "c4nary" not in str(wrong.problems)
    vault.put(acme.name, APP, acme.secrets[APP].encode(), kind="client_secret")

    # Nobody listens there: that says nothing about the credential.
    acme.edit(lambda file: file["providers"]["messages"]["settings"].update(base_url="http://127.0.0.1:9/sink"))
    vault.put(acme.name, "sink/token", acme.secrets["sink/token"].encode(), kind="token")
    away: ProviderAccess = await desk.access("messages")
    assert (away.state, away.granted, away.missing) == ("unreachable", None, None)
    vault.delete(acme.name, "sink/token")


async def test_a_cloud_that_our_own_application_is_let_into_is_a_system_without_a_credential_of_the_clients(
    acme: Client,
) -> None:
    installation = acme.installation
    own = yaml.safe_load(acme.file.read_text())["providers"]["m365"]
    home = "99999999-8888-4777-8666-555555555555"
    block = {
        "vendor": "microsoft365",
        "settings": {**own["settings"], "tenant_id": home},
        "secrets": {"client_secret": "vault:_msp/application"},
    }
    before = installation.home.estate.read_text() if installation.home.estate.exists() else ""
    estate = yaml.safe_load(before) or {}
    estate.setdefault("providers", {})["ours"] = block
    installation.home.estate.write_text(yaml.safe_dump(estate))
    installation.__dict__.pop("estate", None)
    installation.vault.put("_msp", "application", acme.secrets[APP].encode(), kind="client_secret")

    def shared(file: dict[str, Any]) -> None:
        file["providers"].pop("m365")
        file.setdefault("estate_handles", {})["ours"] = own["settings"]["tenant_id"]
        file["onboarding"] = {"connect": ["m365"]}

    acme.edit(shared)
    try:
        desk = hand(acme)
        assert "ours" in await desk.providers()
        assert await desk.credentials("ours") == ()
        found = await desk.access("ours")
        assert (found.state, found.missing, found.credentials) == ("works", (), ())
        assert [(one.cloud, one.provider) for one in await desk.connections()] == [("m365", "ours")]
    finally:
        installation.home.estate.write_text(before)
        installation.__dict__.pop("estate", None)


async def test_agreements_are_recorded_in_the_clients_tree(acme: Client) -> None:
    desk = hand(acme)
    assert await desk.recorded_agreement() is None
    for digest in ("a" * 64, "b" * 64):
        await desk.record_agreement({"digest": digest})
    assert await desk.recorded_agreement() == {"digest": "b" * 64}
    assert len(acme.installation.journal.of(acme.name, AGREED)) == 2


async def test_contacts_prove_themselves_with_their_code(acme: Client) -> None:
    assert await hand(acme).contacts() == ()
    acme.installation.contacts.enroll(acme.name, "security", by={"person": labtenant.LEAD})
    [found] = await hand(acme).contacts()
    assert (found.contact, found.verified_at) == ("security", None)
    acme.enroll()
    proven = {one.contact: one for one in await hand(acme).contacts()}
    assert proven["owner"].verified_at is not None
    assert proven["owner"].verified_at >= proven["owner"].enrolled_at


async def test_colleagues_as_they_are_enrolled_and_scoped(acme: Client) -> None:
    acme.installation.people.add("kim.far", "Kim", ("lead",), frozenset({"other"}), "kim@msp.example")
    found = await hand(acme).colleagues()
    lead, far = found[labtenant.LEAD], found["kim.far"]
    assert (lead.enabled, lead.enrolled, lead.here) == (True, True, True)
    assert (far.roles, far.enrolled, far.here) == (("lead",), False, False)


async def test_fields_are_set_in_the_files_own_text(acme: Client) -> None:
    desk = hand(acme)
    assert await desk.field("sweep", "every_hours") is None
    await desk.set_field("sweep", "every_hours", 24)
    assert await desk.field("sweep", "every_hours") == 24
    assert yaml.safe_load(acme.file.read_text(encoding="utf-8"))["sweep"] == {"every_hours": 24}
    assert acme.file.read_text(encoding="utf-8").startswith("# Written by")
    with pytest.raises(InvalidInput):
        await desk.field("providers", "m365")


async def test_what_was_replaced_is_nobody_elses_any_more(acme: Client) -> None:
    before = await named(acme)
    value = acme.secrets[APP].encode()
    acme.installation.vault.put(acme.name, APP, value, kind="client_secret", metadata={ROTATED: "by-hand"})
    found = await named(acme)
    assert (found.version, found.handed_over) == (before.version + 1, False)


@pytest.mark.parametrize(
    ("trouble", "state"),
    [(Unreachable("no way"), "unreachable"), (Throttled("slow down"), "unreachable"), (SignInFailed("no"), "refused")],
)
async def test_trouble_on_the_way_says_nothing_about_a_credential(
    acme: Client, monkeypatch: pytest.MonkeyPatch, trouble: Exception, state: str
) -> None:
    async def check(self: Any) -> None:
        raise trouble

    monkeypatch.setattr("integrations.microsoft365.provider.Microsoft365Handle.check", check)
    found = await hand(acme).access("m365")
    assert (found.state, found.granted, found.missing) == (state, None, None)
