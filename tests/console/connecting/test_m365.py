"""A first client's Microsoft 365, from nothing to proven: the lab's administrator registers and consents, as a client's would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from console import labtenant
from integrations.lab import Lab, LabServer
from integrations.microsoft365.appids import IDS, names_of
from tests.console.desk import TENANT, Desk
from tests.support.directories import Directories


@pytest.fixture
def lab(desk: Desk) -> Iterator[tuple[Lab, str]]:
    """A lab that does not know us yet, registered as the tenant."""
    made = labtenant.lab_for(TENANT, scenario="quiet", users=20, application="nowhere")
    with LabServer(made) as server:
        desk.register(server.base_url, made)
        yield made, server.base_url


def begin(desk: Desk, lab: tuple[Lab, str], *more: str) -> dict[str, Any]:
    made, base = lab
    found: dict[str, Any] = desk.json(
        "connect", "m365", TENANT, "--directory", made.tenant_id, "--stand-in", base, *more, code=3
    )
    return found


def state(found: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["state"] for step in found["steps"]}


def sheet(found: dict[str, Any], file: str) -> str:
    return str(next(one["text"] for one in found["sheets"] if one["file"] == file))


def register(lab: tuple[Lab, str], found: dict[str, Any]) -> str:
    answer = httpx.post(f"{lab[1]}/_lab/register", json=json.loads(sheet(found, "m365-application.json")))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["appId"])


def consent(found: dict[str, Any]) -> None:
    address = sheet(found, "m365-consent.txt").strip()
    assert "Directory.Read.All" in httpx.get(address).text
    assert httpx.post(address).status_code == 200


def test_from_nothing_to_proven(desk: Desk, lab: tuple[Lab, str], tmp_path: Path) -> None:
    made, base = lab
    first = begin(desk, lab, "-o", str(tmp_path / "handover"))
    assert state(first) == {"certificate": "done", "registration": "theirs"}
    assert first["changed"] == []
    client = register(lab, first)

    second = desk.json("connect", "m365", TENANT, "--client-id", client, code=3)
    assert state(second)["registration"] == "done"
    assert state(second)["sign_in"] == "done"
    assert state(second)["permissions"] == "theirs"  # registered, and nobody has consented
    assert "+  m365:" in second["changed"][0]
    assert client in second["changed"][0]
    consent(second)

    third = desk.json("connect", "m365", TENANT, code=3)
    assert [step["text"] for step in third["steps"] if step["id"] == "permissions"] == [
        "not granted: Exchange.ManageAsApp"
    ]
    assert "requiredResourceAccess" in desk("connect", "m365", TENANT).stdout
    httpx.post(f"{base}/_lab/permissions", json={"exchange": ["Exchange Administrator"]})

    done = desk.json("connect", "m365", TENANT)
    assert done["ok"], done["steps"]
    shown = desk("connect", "m365", TENANT).stdout  # nothing is to be handed over any more
    assert "requiredResourceAccess" not in shown
    assert "This machine connects to" in shown
    assert done["changed"] == []
    assert done["check"]["missing"] == done["check"]["over_privileged"] == []
    assert done["check"]["tried"]["Exchange.ManageAsApp"] is True
    assert done["check"]["tried"]["Directory.Read.All"] is True
    (address,) = [e["purpose"] for e in done["endpoints"]]
    assert {"labhosts", "lab", "sign-in", "Microsoft Graph", "Exchange Online"} <= set(address.split(", "))
    assert {(e["host"], e["port"]) for e in done["endpoints"]} == {("127.0.0.1", int(base.rsplit(":", 1)[1]))}
    report = json.loads(desk("tenants", "check", TENANT, "--json").stdout)
    assert next(p for p in report["providers"] if p["name"] == "m365")["signed_in"]
    assert [entry for entry in made.audit if entry["service"] != "lab"] == []


def test_the_registration_asks_for_what_runbooks_need_and_no_more(desk: Desk, lab: tuple[Lab, str]) -> None:
    found = begin(desk, lab)
    application = json.loads(sheet(found, "m365-application.json"))
    with desk.opened() as installation:
        from console import checkup

        needed = checkup.needs_by_vendor(installation, installation.catalog.ids())["microsoft365"]
    assert names_of(application["requiredResourceAccess"]) == needed
    one = begin(desk, lab, "--runbook", "credential_rotation")
    few = names_of(json.loads(sheet(one, "m365-application.json"))["requiredResourceAccess"])
    assert few == {"Application.Read.All", "Application.ReadWrite.OwnedBy"}


def test_the_private_key_stays_in_the_vault(desk: Desk, lab: tuple[Lab, str], tmp_path: Path) -> None:
    found = begin(desk, lab, "-o", str(tmp_path / "handover"))
    with desk.opened() as installation:
        value = installation.vault.get(TENANT, "m365/certificate").get_secret_value()
        assert installation.vault.versions(TENANT, "m365/certificate")[0].rotate_at is not None
    key = value[value.index(b"-----BEGIN PRIVATE KEY") :]
    inside = b"".join(key.splitlines()[1:-1])
    for path in (tmp_path / "handover").iterdir():
        assert inside[:60] not in path.read_bytes().replace(b"\n", b""), path
    assert inside[:60].decode() not in json.dumps(found)
    assert "PRIVATE KEY" not in json.dumps(found)


def test_given_again_nothing_is_made_twice(desk: Desk, lab: tuple[Lab, str]) -> None:
    first, again = begin(desk, lab), desk.json("connect", "m365", TENANT, "--stand-in", lab[1], code=3)
    assert first["sheets"] == again["sheets"]
    with desk.opened() as installation:
        assert len(installation.vault.versions(TENANT, "m365/certificate")) == 1


def test_more_than_is_needed_is_named(desk: Desk, lab: tuple[Lab, str]) -> None:
    _made, base = lab
    client = register(lab, begin(desk, lab))
    consent(desk.json("connect", "m365", TENANT, "--client-id", client, code=3))
    httpx.post(
        f"{base}/_lab/permissions",
        json={"exchange": ["Exchange Administrator"], "grant": ["RoleManagement.ReadWrite.Directory"]},
    )
    found = desk.json("connect", "m365", TENANT, code=1)
    said = " ".join(step["text"] for step in found["steps"] if step["id"] == "excess")
    assert "RoleManagement.ReadWrite.Directory" in said


def test_what_cannot_be_is_refused_by_name(desk: Desk, lab: tuple[Lab, str]) -> None:
    made, _base = lab
    assert "--directory" in desk.refused("connect", "m365", TENANT, code=2)
    assert "--directory" in desk.refused("connect", "m365", TENANT, "--directory", "acme", code=2)
    assert "--client-id" in desk.refused(
        "connect", "m365", TENANT, "--directory", made.tenant_id, "--client-id", "me", code=2
    )
    register(lab, begin(desk, lab))
    desk("connect", "m365", TENANT, "--client-id", made.client_id)
    said = desk.refused("connect", "m365", TENANT, "--directory", "11111111-2222-3333-4444-555555555555", code=5)
    assert made.tenant_id in said


def test_every_permission_of_every_task_has_an_id(desk: Desk) -> None:
    from console import checkup

    with desk.opened() as installation:
        needed = checkup.needs_by_vendor(installation, installation.catalog.ids())["microsoft365"]
    assert needed <= {name for ids in IDS.values() for name in ids}
    every = [id for ids in IDS.values() for id in ids.values()]
    assert len(every) == len(set(every))


def test_the_relationship_for_people_is_proposed_where_the_msp_has_a_partner_tenant(
    desk: Desk, lab: tuple[Lab, str], tmp_path: Path
) -> None:
    """Proposed once, handed to the client, looked at; too many roles are named."""
    partner = Lab("quiet", users=20, seed=9)
    partner.change_permissions(grant=["DelegatedAdminRelationship.ReadWrite.All"])
    with LabServer(partner) as server:
        desk.json("vault", "put", "--tenant", "_msp", "partner-secret", given=partner.client_secret)
        settings = {
            **{"tenant_id": partner.tenant_id, "client_id": partner.client_id},
            **{f"{name}_url": f"{server.base_url}/{name}" for name in ("login", "graph", "exchange")},
        }
        block = {
            "vendor": "microsoft365",
            "settings": settings,
            "secrets": {"client_secret": "vault:_msp/partner-secret"},
        }
        (desk.home / "estate.yaml").write_text(json.dumps({"providers": {"partner": block}}), encoding="utf-8")
        first, again = begin(desk, lab), begin(desk, lab)
        assert state(first)["gdap"] == state(again)["gdap"] == "theirs"
        (found,) = partner.relationships.values()
        assert found["status"] == "approvalPending"
        assert found["id"] in next(step["text"] for step in again["steps"] if step["id"] == "gdap")
        assert json.loads(sheet(again, "m365-gdap.json"))["accessDetails"] == found["accessDetails"]
        httpx.post(f"{server.base_url}/_lab/gdap", json={"id": found["id"]})
        assert state(begin(desk, lab))["gdap"] == "done"
        found["accessDetails"]["unifiedRoles"].append({"roleDefinitionId": "62e90394-69f5-4237-9190-012177145e10"})
        wide = desk.json("connect", "m365", TENANT, code=1)
        assert "62e90394" in next(step["text"] for step in wide["steps"] if step["id"] == "gdap")
        partner.change_permissions(revoke=["DelegatedAdminRelationship.ReadWrite.All"])
        assert state(desk.json("connect", "m365", TENANT, code=1))["gdap"] == "failed"


# --- the MSP's own application ----------------------------------------------------------------------------------------


HOME = "99999999-8888-4777-8666-555555555555"
"""Our own directory."""


@pytest.fixture
def lent(desk: Desk, lab: tuple[Lab, str]) -> Iterator[tuple[Lab, str]]:
    """estate.yaml with our own application, registered in our own directory; both directories behind one address."""
    made, _ = lab
    home = Lab("quiet", users=20, tenant_id=HOME)
    home.client_id, home.client_secret = made.client_id, made.client_secret
    with LabServer(Directories([made, home])) as server:  # type: ignore[arg-type]  # several in the place of one
        desk.json("vault", "put", "--tenant", "_msp", "application", given=made.client_secret)
        urls = {f"{name}_url": f"{server.base_url}/{name}" for name in ("login", "graph", "exchange")}
        block = {
            "vendor": "microsoft365",
            "settings": {"tenant_id": HOME, "client_id": made.client_id, **urls},
            "secrets": {"client_secret": "vault:_msp/application"},
        }
        (desk.home / "estate.yaml").write_text(json.dumps({"providers": {"ours": block}}), encoding="utf-8")
        yield lab


def test_without_an_application_of_ours_there_is_none_to_share(desk: Desk, lab: tuple[Lab, str]) -> None:
    assert "estate.yaml" in desk.refused("connect", "m365", TENANT, "--shared", "--directory", lab[0].tenant_id, code=2)


def test_through_the_msps_own_application(desk: Desk, lent: tuple[Lab, str]) -> None:
    """The client registers nothing and keeps nothing: their file has what their directory is called."""
    made, base = lent
    assert "--directory" in desk.refused("connect", "m365", TENANT, "--shared", code=2)
    assert "--directory" in desk.refused("connect", "m365", TENANT, "--shared", "--directory", HOME, code=2)
    first = desk.json("connect", "m365", TENANT, "--shared", "--directory", made.tenant_id.upper(), code=3)
    asked = json.loads(sheet(first, "m365-permissions.json"))
    assert asked["signInAudience"] == "AzureADMultipleOrgs"
    assert state(first)["registration"] == "done"
    assert state(first)["sign_in"] == "theirs"
    assert f"+  ours: {made.tenant_id}" in first["changed"][0]
    made.asked = frozenset(names_of(asked["requiredResourceAccess"]))  # our registration, elsewhere, asks for these
    consent(first)
    httpx.post(f"{base}/_lab/permissions", json={"exchange": ["Exchange Administrator"]})

    done = desk.json("connect", "m365", TENANT)  # what was said once is not said again
    assert done["ok"], done["steps"]
    assert (done["provider"], done["changed"]) == ("ours", [])
    assert done["check"]["missing"] == done["check"]["over_privileged"] == []
    with desk.opened() as installation:
        assert not installation.vault.versions(TENANT, "m365/certificate"), "no credential of the client's is made"
    other = "11111111-2222-3333-4444-555555555555"
    assert made.tenant_id in desk.refused("connect", "m365", TENANT, "--directory", other, code=5)
    assert made.client_id in desk.refused("connect", "m365", TENANT, "--client-id", other, code=5)


def test_a_directory_is_one_clients(desk: Desk, lent: tuple[Lab, str]) -> None:
    desk.json("connect", "m365", TENANT, "--shared", "--directory", lent[0].tenant_id, code=3)
    (desk.home / "tenants" / "globex.yaml").write_text("name: globex\ndisplay_name: Globex\n", encoding="utf-8")
    said = desk.refused("connect", "m365", "globex", "--shared", "--directory", lent[0].tenant_id, code=5)
    assert TENANT in said
