from __future__ import annotations

from integrations.lab.records import Record
from integrations.lab.state import PHONE_IDS
from tests.integrations.lab.stand import Stand, error_code

APP = "microsoftAuthenticatorMethods"


def path(stand: Stand, kind: str = APP, method: str | None = None) -> str:
    method = stand.artefacts["authenticator"]["method_id"] if method is None else method
    return f"users/{stand.finance}/authentication/{kind}/{method}".rstrip("/")


async def test_all_methods_with_their_types(stand: Stand) -> None:
    rows = await stand.every(f"users/{stand.finance}/authentication/methods")
    kinds = [row["@odata.type"].removeprefix("#microsoft.graph.") for row in rows]
    assert kinds.count("microsoftAuthenticatorAuthenticationMethod") == 2
    assert "passwordAuthenticationMethod" in kinds
    assert all("kind" not in row for row in rows)
    own = await stand.every(path(stand, method=""))
    assert [row["id"] for row in own] == [
        row["id"] for row in rows if row["@odata.type"].endswith("torAuthenticationMethod")
    ]


async def test_the_attackers_method_is_newer_than_the_break_in(stand: Stand) -> None:
    found = await stand.get(path(stand))
    assert found["createdDateTime"] > stand.lab.scenario_info()["began_at"]


async def test_deleting_one(stand: Stand) -> None:
    assert (await stand.graph("DELETE", path(stand))).status_code == 204
    assert (await stand.graph("GET", path(stand))).status_code == 404
    again = await stand.graph("DELETE", path(stand))
    assert (again.status_code, error_code(again)) == (404, "resourceNotFound")
    assert [entry["target"] for entry in stand.lab.audit] == [
        f"users/{stand.finance}/authentication/{stand.artefacts['authenticator']['method_id']}"
    ]


async def test_a_method_is_deleted_in_its_own_collection_only(stand: Stand) -> None:
    assert (await stand.graph("DELETE", path(stand, "fido2Methods"))).status_code == 404
    rows = await stand.every(f"users/{stand.finance}/authentication/methods")
    password = next(row for row in rows if row["@odata.type"].endswith("passwordAuthenticationMethod"))
    assert (await stand.graph("DELETE", path(stand, "passwordMethods", password["id"]))).status_code == 405
    assert (
        await stand.graph("DELETE", f"users/{stand.finance}/authentication/methods/{password['id']}")
    ).status_code == 404


async def test_the_default_method_goes_last(stand: Stand) -> None:
    person = stand.lab.tenant.person(3)
    default = str(person.default_method)
    preferred = await stand.get(f"users/{stand.finance}/authentication/signInPreferences", version="beta")
    assert preferred["userPreferredMethodForSecondaryAuthentication"] == "push"
    refused = await stand.graph("DELETE", path(stand, method=default))
    assert refused.status_code == 400
    assert (await stand.graph("DELETE", path(stand))).status_code == 204
    for row in [row for row in person.methods if row.props["kind"] == "phoneMethods"]:
        assert (await stand.graph("DELETE", path(stand, "phoneMethods", row.id))).status_code == 204
    assert (await stand.graph("DELETE", path(stand, method=default))).status_code == 204


async def test_the_alternate_phone_goes_before_the_mobile(stand: Stand) -> None:
    methods = stand.lab.tenant.person(3).methods
    for kind in ("mobile", "alternateMobile"):
        methods.add(Record(PHONE_IDS[kind], {"kind": "phoneMethods", "phoneType": kind, "phoneNumber": "+44 1"}))
    mobile, alternate = (path(stand, "phoneMethods", PHONE_IDS[kind]) for kind in ("mobile", "alternateMobile"))
    assert (await stand.graph("DELETE", mobile)).status_code == 400
    assert (await stand.graph("DELETE", alternate)).status_code == 204
    assert (await stand.graph("DELETE", mobile)).status_code == 204


async def test_preferences_exist_in_beta_only(stand: Stand) -> None:
    assert (await stand.graph("GET", f"users/{stand.finance}/authentication/signInPreferences")).status_code == 404
