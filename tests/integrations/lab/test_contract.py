"""The lab against Graph's own contract: no path, property or type that the real service does not have."""

from __future__ import annotations

import pytest

from integrations.lab.graph import backup_restore, posture
from integrations.lab.graph.routing import Route
from integrations.lab.graph.service import ROUTES
from integrations.lab.protection import KINDS
from integrations.lab.records import Record
from integrations.lab.state import Tenant
from integrations.microsoft365.connecting import gdap
from tests.integrations.lab.stand import Stand
from tests.support.departing_person import link_in_a_folder
from tests.support.graph_contract import GraphContract

CAST = "microsoft.graph.directoryRole"
"""Type-cast segments: left out of the contract's document, documented at "List a user's direct memberships"."""

INLINE = "authenticationMethodConfigurations"
"""What "Get authenticationMethodsPolicy" shows with the policy, and the contract's document as a list of its own."""

EXPANDED = "protectionUnit"
"""What a restore point is only given with; navigation is left out of the contract's document."""

FILTERED = {
    "solutions/backupRestore/restorePoints": "?$expand=protectionUnit($filter=id eq '{unit}')&$filter=protectionDateTime lt 2030-01-01T00:00:00Z",
    "policies/roleManagementPolicyAssignments": "?$filter=scopeId eq '/' and scopeType eq 'DirectoryRole'",
}
"""Lists that are not given without a filter ("Use PIM policy APIs", "List restorePoints")."""

OF_KIND = {
    "emailMethods": {"emailAddress": "x@home.example"},
    "fido2Methods": {"displayName": "key", "model": "NFC", "attestationLevel": "attested"},
    "phoneMethods": {"phoneNumber": "+44 7700900000", "phoneType": "mobile"},
    "softwareOathMethods": {"secretKey": None},
    "temporaryAccessPassMethods": {"isUsableOnce": True, "lifetimeInMinutes": 60},
    "windowsHelloForBusinessMethods": {"displayName": "LT-1", "keyStrength": "normal"},
}
"""Methods that nobody in the story has."""

SERVED = [route for route in ROUTES if "v1.0" in route.versions]
CONTRACT = GraphContract.from_environment()

pytestmark = pytest.mark.skipif(CONTRACT is None, reason="TENANTRY_GRAPH_CONTRACT does not name the contract")


def named(route: Route) -> str:
    return f"{route.method} {route.template}"


@pytest.mark.parametrize("route", SERVED, ids=named)
def test_every_route_exists_in_the_real_service(route: Route) -> None:
    assert CONTRACT is not None
    assert CONTRACT.known(route.method, f"/v1.0/{route.template.removesuffix('/' + CAST)}")


@pytest.mark.parametrize("route", [route for route in SERVED if route.method == "GET"], ids=named)
async def test_every_option_is_one_of_the_services(route: Route) -> None:
    assert CONTRACT is not None
    values = {"$select": "id", "$top": "1", "$skip": "1", "$filter": "id eq 'x'", "$count": "true"}
    query = {name: values[name] for name in route.options & set(values)}
    assert CONTRACT.complaints("GET", f"/v1.0/{route.template.removesuffix('/' + CAST)}", query=query) == []


def shared_folder(tenant: Tenant) -> Record:
    """With a file in it that whoever has a link may read, as they may the folder."""
    file = link_in_a_folder(tenant, 3)
    folder = next(row for row in tenant.person(3).drive if row.id == file.props["parent"])
    folder.props["permissions"] = [*folder.props["permissions"], file.props["permissions"][1]]
    return folder


def places(stand: Stand) -> dict[str, str]:
    """A value for each variable of a path."""
    tenant, found = stand.lab.tenant, stand.artefacts
    message = next(iter(tenant.mailbox(3).messages)).id
    registration = {
        "id": "0c1d2e3f-0000-4000-8000-000000000001",
        "appId": "0c1d2e3f-0000-4000-8000-000000000002",
        "createdDateTime": "2023-05-02T10:00:00Z",
        "displayName": "Own",
        "keyCredentials": [],
        "owners": (tenant.directory.id_of(3),),
        "passwordCredentials": [],
        "signInAudience": "AzureADMyOrg",
        "federated": [{"id": "f", "name": "x", "issuer": "https://idp.example", "subject": "y", "audiences": []}],
    }
    tenant.applications.add(Record(registration["id"], registration))
    assert tenant.directory.upn_of(3) == stand.finance
    tenant.person(3)  # whose devices are enrolled when first asked for
    return {
        "user": tenant.directory.id_of(3),
        "application": registration["id"],
        "principal": found["consent"]["service_principal_id"],
        "grant": found["consent"]["grant_id"],
        "device": found["device"]["device_id"],
        "managed": next(iter(tenant.managed)).id,
        "group": next(iter(tenant.groups)).id,
        "drive": tenant.drive_id(3),
        "item": shared_folder(tenant).id,
        "rule": found["rule"]["graph_id"],
        "folder": "inbox",
        "message": message,
        "role": tenant.dice.guid("directoryRole", "Global Administrator"),
        "definition": "62e90394-69f5-4237-9190-012177145e10",
        "assignment": next(iter(tenant.role_assignments)).id,
        "id": tenant.sign_ins[0]["id"],
        "relationship": "none",
        "domain": "contoso-mail.example",
    }


@pytest.mark.parametrize("route", [route for route in SERVED if route.method == "GET"], ids=named)
async def test_every_answer_has_the_services_form(stand: Stand, route: Route) -> None:
    assert CONTRACT is not None
    if route in posture.routes.all:
        await stand.http.aclose()
        stand = Stand(scenario="breached")  # where there is something of each
        await stand.sign_in()
    values = places(stand)
    if "{query}" in route.template:
        made = await stand.graph(
            "POST",
            "security/auditLog/queries",
            json={"filterStartDateTime": "2026-11-01T00:00:00Z", "filterEndDateTime": "2026-11-22T00:00:00Z"},
        )
        values["query"] = made.json()["id"]
        stand.lab.audit_query_polls = 0
    if "{method}" in route.template:
        kind = route.template.split("/")[-2]
        methods = stand.lab.tenant.person(3).methods
        listed = [row.id for row in methods if row.props["kind"] == kind]
        values["method"] = listed[0] if listed else methods.add(Record("m", {"kind": kind, **OF_KIND[kind]})).id
    if "delegatedAdmin" in route.template:
        stand.lab.change_permissions(grant=["DelegatedAdminRelationship.ReadWrite.All"])
        wanted = gdap("acme", "11111111-2222-3333-4444-555555555555")
        proposed = await stand.graph("POST", "tenantRelationships/delegatedAdminRelationships", json=wanted)
        values["relationship"] = proposed.json()["id"]
    if route in backup_restore.routes.all:
        kind = next((kind for kind in KINDS if f"{kind}Restore" in route.template), "mailbox")
        values |= {"session": "none", "unit": stand.lab.tenant.protection.unit_id(kind, 0)}
        if "{session}" in route.template:
            made = await stand.graph("POST", route.template.partition("/{session}")[0], json={})
            values["session"] = made.json()["id"]
    path = route.template.format(**values)
    answer = await stand.graph("GET", path + FILTERED.get(path, "").format(**values))
    assert answer.status_code == 200, answer.text
    whole = f"/v1.0/{path.removesuffix('/' + CAST)}"
    told = {name: value for name, value in answer.json().items() if name != INLINE}
    for row in told.get("value", ()):
        row.pop(EXPANDED, None)
    assert CONTRACT.answer_complaints("GET", whole, 200, told) == []
    if route in posture.routes.all:
        assert answer.json()["value"]
        await stand.http.aclose()
