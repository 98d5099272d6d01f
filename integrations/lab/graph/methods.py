"""Authentication methods of a user.

Sources: Graph v1.0 reference, "List methods" and "Delete …AuthenticationMethod"; beta "authentication: signInPreferences". Known limit: the default
method is the one that ``signInPreferences`` names, for every kind of method.
"""

from __future__ import annotations

from typing import Any

from integrations.lab.graph.call import Call, bad_request, not_found
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.state import PHONE_IDS
from integrations.lab.web import Answer

routes = Routes("directory")

_READ = "UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All"
_WRITE = "UserAuthenticationMethod.ReadWrite.All"

TYPES = {
    "emailMethods": "emailAuthenticationMethod",
    "fido2Methods": "fido2AuthenticationMethod",
    "microsoftAuthenticatorMethods": "microsoftAuthenticatorAuthenticationMethod",
    "passwordMethods": "passwordAuthenticationMethod",
    "phoneMethods": "phoneAuthenticationMethod",
    "softwareOathMethods": "softwareOathAuthenticationMethod",
    "temporaryAccessPassMethods": "temporaryAccessPassAuthenticationMethod",
    "windowsHelloForBusinessMethods": "windowsHelloForBusinessAuthenticationMethod",
}
"""Collection → type name."""

_PREFERRED = {
    "microsoftAuthenticatorMethods": "push",
    "phoneMethods": "sms",
    "softwareOathMethods": "oath",
}


def _shape(method: Record, now: float, *, typed: bool) -> dict[str, Any]:
    view = method.view(now)
    props = {name: value for name, value in view.items() if name != "kind"}
    kind = {"@odata.type": f"#microsoft.graph.{TYPES[view['kind']]}"} if typed else {}
    return {**kind, "id": method.id, **props}


@routes.add("GET", "users/{user}/authentication/methods", _READ, options="top skiptoken")
def list_methods(call: Call) -> Answer:
    """All methods; the type tells which collection each belongs to."""
    rows = call.person().methods.listed(call.now)
    entity = f"users('{call.params['user']}')/authentication/methods"
    return call.page(entity, rows, lambda row: _shape(row, call.now, typed=True))


@routes.add("GET", "users/{user}/authentication/signInPreferences", _READ, versions=("beta",))
def preferences(call: Call) -> Answer:
    """Which method is asked for first (beta only)."""
    person = call.person()
    method = person.methods.get(person.default_method or "")
    kind = _PREFERRED.get(method.props["kind"]) if method is not None else None
    return call.one(
        "users/signInPreferences",
        {
            "isSystemPreferredAuthenticationMethodEnabled": False,
            "userPreferredMethodForSecondaryAuthentication": kind,
        },
    )


def _list_kind(kind: str) -> None:
    @routes.add("GET", f"users/{{user}}/authentication/{kind}", _READ, options="top skiptoken")
    def list_kind(call: Call) -> Answer:
        rows = [row for row in call.person().methods.listed(call.now) if row.props["kind"] == kind]
        entity = f"users('{call.params['user']}')/authentication/{kind}"
        return call.page(entity, rows, lambda row: _shape(row, call.now, typed=False))

    @routes.add("GET", f"users/{{user}}/authentication/{kind}/{{method}}", _READ)
    def get_one(call: Call) -> Answer:
        found = call.person().methods.find(call.params["method"], call.now)
        if found is None or found.props["kind"] != kind:
            raise not_found(call.params["method"], "resourceNotFound")
        return call.one(f"users/authentication/{kind}/$entity", _shape(found, call.now, typed=False))

    if kind == "passwordMethods":
        return  # there is no deleting a password

    @routes.add("DELETE", f"users/{{user}}/authentication/{kind}/{{method}}", _WRITE)
    def delete_one(call: Call) -> Answer:
        index = call.user_index()
        person = call.tenant.person(index)
        found = person.methods.get(call.params["method"])
        if found is None or found.props["kind"] != kind:
            raise not_found(call.params["method"], "resourceNotFound")
        others = [row for row in person.methods if row.id != found.id and row.props["kind"] in _PREFERRED]
        if found.id == person.default_method and others:
            raise bad_request(
                "Cannot delete the default authentication method while others are registered.", "badRequest"
            )
        if found.id == PHONE_IDS["mobile"] and person.methods.get(PHONE_IDS["alternateMobile"]):
            raise bad_request("The alternate mobile phone has to be deleted before the mobile phone.", "badRequest")
        person.methods.remove(found.id, call.now, call.lab.faults.lag)
        if found.id == person.default_method:
            person.default_method = None
        upn = call.tenant.directory.upn_of(index)
        call.wrote(f"users/{upn}/authentication/{found.id}", _shape(found, call.now, typed=True), None)
        return Answer(204)


for _kind in TYPES:
    _list_kind(_kind)
