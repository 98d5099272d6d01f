"""Users, their sessions and their membership.

Sources: Graph v1.0 reference, "List users", "Get user", "Update user", "user: revokeSignInSessions", "List a user's direct memberships".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from types import NoneType
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.directory import Directory
from integrations.lab.graph.call import Call, Row, bad_request, not_found, pick, refusal
from integrations.lab.graph.entitlements import assignment_states
from integrations.lab.graph.names import GROUP, USER
from integrations.lab.graph.routing import Routes
from integrations.lab.odata import Filter
from integrations.lab.records import Record
from integrations.lab.state import ROLES
from integrations.lab.web import Answer

routes = Routes("directory")

_DEFAULT = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
]
_EQUALS = ("eq", "in")
_FILTERS = {
    "id": _EQUALS,
    "userPrincipalName": (*_EQUALS, "startswith"),
    "mail": (*_EQUALS, "startswith"),
    "displayName": (*_EQUALS, "startswith"),
    "accountEnabled": ("eq",),
    "department": _EQUALS,
    "userType": ("eq",),
    "onPremisesSyncEnabled": ("eq",),
    "creationType": ("eq",),
}
_ADVANCED = {path: (*ops, "ne") for path, ops in _FILTERS.items()} | {
    "userPrincipalName": (*_EQUALS, "startswith", "endswith", "ne"),
    "mail": (*_EQUALS, "startswith", "endswith", "ne"),
}
_READ = "User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"
_TEXT = (str, NoneType)
_WRITABLE: dict[str, type | tuple[type, ...]] = {
    "accountEnabled": bool,
    "onPremisesImmutableId": _TEXT,
    "passwordProfile": dict,
    "displayName": str,
    "givenName": _TEXT,
    "surname": _TEXT,
    "jobTitle": _TEXT,
    "department": _TEXT,
    "mobilePhone": _TEXT,
    "officeLocation": _TEXT,
    "companyName": _TEXT,
    "city": _TEXT,
    "country": _TEXT,
    "usageLocation": _TEXT,
    "otherMails": list,
    "passwordPolicies": _TEXT,
}
_SYNCED_READ_ONLY = frozenset(_WRITABLE) - {"accountEnabled", "usageLocation", "otherMails"}


_ACTIVITY = "signInActivity"
_WITH_ACTIVITY = 500
"""Most rows of a page that shows it (Graph v1.0 reference, "List users")."""


def _activity(call: Call, names: list[str] | None) -> dict[str, Any]:
    """When somebody signed in last, unless the story says otherwise: it takes a permission and a licence of its own."""
    if names is None or _ACTIVITY not in names:
        return {}
    if "AuditLog.Read.All" not in call.roles:
        raise refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if not call.tenant.posture.premium:
        code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
        raise refusal(403, code, "Neither tenant is B2C or tenant doesn't have premium license")
    at = iso(call.tenant.start - timedelta(days=2))
    shown = {"lastSignInDateTime": at, "lastNonInteractiveSignInDateTime": at, "lastSuccessfulSignInDateTime": at}
    return {_ACTIVITY: {**shown, "lastSignInRequestId": "", "lastNonInteractiveSignInRequestId": ""}}


def _shape(row: Row, names: list[str] | None, more: Row | None = None) -> dict[str, Any]:
    chosen = _DEFAULT if names is None else names if "id" in names else [*names, "id"]
    if more:
        row = {**more, **row}
    if "licenseAssignmentStates" in chosen:
        row = {**row, "licenseAssignmentStates": assignment_states(row)}
    return pick(row, chosen)


@routes.add("GET", "users", _READ, options="select top filter count skiptoken orderby")
def list_users(call: Call) -> Answer:
    """Pages of users; any page costs as much as its rows, however large the directory."""
    names = call.select(USER)
    more = _activity(call, names)
    counted = call.option("$count")
    advanced = counted == "true" and call.request.headers.get("consistencylevel", "").lower() == "eventual"
    if counted == "true" and not advanced:
        raise bad_request("$count is supported only with ConsistencyLevel: eventual.", "Request_UnsupportedQuery")
    chosen = call.filter(_ADVANCED if advanced else _FILTERS, USER)
    directory = call.tenant.directory
    exact = _exact(directory, chosen)
    if exact is not None:
        rows = [directory.peek(index).view(call.now) for index in exact]
        return call.page(
            "users",
            [row for row in rows if chosen is None or chosen.matches(row)],
            lambda row: _shape(row, names, more),
        )
    size = min(call.top(100, 999), _WITH_ACTIVITY if more else 999)
    if call.shrink:
        size = max(1, size // 2)
    token = call.read_token() or {}
    found = _scan(directory, int(token.get("n", 0)), chosen, call.now)
    page = list(islice(found, size + 1))
    payload: dict[str, Any] = {"@odata.context": f"{call.root}/$metadata#users"}
    if advanced:
        payload["@odata.count"] = (
            directory.count - len(directory.deleted)
            if chosen is None
            else sum(1 for _ in _scan(directory, 0, chosen, call.now))
        )
    if len(page) > size:
        payload["@odata.nextLink"] = call.next_link({"n": page[size][0]})
    payload["value"] = [_shape(row, names, more) for _, row in page[:size]]
    return Answer(200, payload)


def _exact(directory: Directory, chosen: Filter | None) -> list[int] | None:
    """The users that a filter on a key can mean, without looking at all of them."""
    if chosen is None:
        return None
    keys = next((value for path in ("id", "userPrincipalName") if (value := chosen.only(path)) is not None), None)
    if keys is None:
        keys = next((value for path in ("id", "userPrincipalName") if (value := chosen.only(path, "in"))), None)
    if keys is None:
        return None
    listed = keys if isinstance(keys, list) else [keys]
    return sorted({index for key in listed if (index := directory.resolve(str(key))) is not None})


def _scan(directory: Directory, start: int, chosen: Filter | None, now: float) -> Any:
    for index in directory.present(start):
        row = directory.peek(index).view(now)
        if chosen is None or chosen.matches(row):
            yield index, row


@routes.add("GET", "users/{user}", _READ, options="select")
def get_user(call: Call) -> Answer:
    """One user; only the default properties unless others are selected."""
    names = call.select(USER)
    return call.one("users/$entity", _shape(call.user().view(call.now), names, _activity(call, names)))


_DELETE = "User.DeleteRestore.All User.ReadWrite.All"
_WRITE = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
_WRITE_ONE = {
    "accountEnabled": "User.EnableDisableAccount.All",
    "passwordProfile": "User-PasswordProfile.ReadWrite.All",
}
"""Properties that a permission of their own is enough for (Graph v1.0 reference, "Update user")."""


@routes.add("PATCH", "users/{user}", " ".join([*_WRITE, *_WRITE_ONE.values()]))
def update_user(call: Call) -> Answer:
    """Change a user.

    For a user that is synced from on premises most properties are read-only; a new password needs writeback, and
    ``accountEnabled`` is accepted, but the next directory sync writes the on-premises value over it.
    """
    index = call.user_index()
    body = call.json(_WRITABLE)
    if not body:
        raise bad_request("Empty payload. JSON content expected.")
    if call.roles.isdisjoint(_WRITE) and not {_WRITE_ONE.get(name, "") for name in body} <= call.roles:
        raise refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    user = call.tenant.directory.keep(index)
    synced = bool(user.props["onPremisesSyncEnabled"])
    if "passwordProfile" in body:
        _check_password(body["passwordProfile"])
    if "displayName" in body and not body["displayName"]:
        raise bad_request("Invalid value specified for property 'displayName'.")
    forbidden = sorted(_SYNCED_READ_ONLY & set(body))
    if synced and forbidden and not (forbidden == ["passwordProfile"] and call.lab.password_writeback):
        raise bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects "
            "currently undergoing migration."
        )
    changes = {name: value for name, value in body.items() if name != "passwordProfile" and not name.startswith("@")}
    if "passwordProfile" in body:
        changes["lastPasswordChangeDateTime"] = iso(call.lab.now())
        call.lab.passwords[user.id] = body["passwordProfile"]["password"]
        # A reset by an administrator ends refresh tokens as well (Entra, "Revoke user access").
        changes["signInSessionsValidFromDateTime"] = iso(call.lab.now())
    before = user.write(changes, call.now, call.lab.faults.lag)
    call.wrote(f"users/{call.tenant.directory.upn_of(index)}", before, changes)
    return Answer(204)


@routes.add("DELETE", "users/{user}", _DELETE)
def delete_user(call: Call) -> Answer:
    """Delete a user; for 30 days it can be restored. One that is synced is deleted where it is mastered."""
    index = call.user_index()
    directory = call.tenant.directory
    if directory.peek(index).props["onPremisesSyncEnabled"]:
        raise bad_request("Unable to delete on-premises mastered Directory Sync objects.")
    directory.deleted.add(index)
    call.wrote(f"users/{directory.upn_of(index)}", True, None)
    return Answer(204)


@routes.add("POST", "directory/deletedItems/{object}/restore", _DELETE)
def restore_user(call: Call) -> Answer:
    """Restore a user that was deleted."""
    directory = call.tenant.directory
    index = directory.once(call.params["object"])
    if index is None or index not in directory.deleted:
        raise not_found(call.params["object"])
    directory.deleted.discard(index)
    call.wrote(f"users/{directory.upn_of(index)}", None, True, "restore")
    return call.one("directoryObjects/$entity", _shape(directory.peek(index).view(call.now), None))


def _check_password(profile: dict[str, Any]) -> None:
    known = {"password": str, "forceChangePasswordNextSignIn": bool, "forceChangePasswordNextSignInWithMfa": bool}
    for name, value in profile.items():
        if name not in known or not isinstance(value, known[name]):
            raise bad_request(f"Invalid value specified for property 'passwordProfile/{name}'.")
    password = profile.get("password")
    if password is None:
        raise bad_request("A value is required for property 'passwordProfile/password'.")
    classes = sum(
        any(test(letter) for letter in password)
        for test in (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    )
    if not 8 <= len(password) <= 256 or classes < 3:
        raise bad_request("The specified password does not comply with password complexity requirements.")


@routes.add(
    "POST", "users/{user}/revokeSignInSessions", "User.RevokeSessions.All User.ReadWrite.All Directory.ReadWrite.All"
)
def revoke_sessions(call: Call) -> Answer:
    """Refresh tokens and cookies issued before now are worth nothing."""
    index = call.user_index()
    call.no_body()
    user = call.tenant.directory.keep(index)
    moment = datetime.fromtimestamp(call.now, UTC)
    changes = {"signInSessionsValidFromDateTime": iso(moment)}
    before = user.write(changes, call.now, call.lab.faults.lag)
    call.wrote(f"users/{call.tenant.directory.upn_of(index)}", before, changes, "revokeSignInSessions")
    return Answer(200, {"@odata.context": f"{call.root}/$metadata#Edm.Boolean", "value": True})


# --- membership -------------------------------------------------------------------------------------------------------


@routes.add("GET", "users/{user}/memberOf", _READ, options="top select skiptoken")
@routes.add("GET", "users/{user}/transitiveMemberOf", _READ, options="top select skiptoken")
def member_of(call: Call) -> Answer:
    """Groups and directory roles of a user."""
    user_id = call.user().id
    tenant = call.tenant
    rows: list[Any] = [
        {"@odata.type": "#microsoft.graph.group", **pick(group.view(call.now), sorted(GROUP & set(group.props)))}
        for group in tenant.groups.listed(call.now)
        if user_id in group.props["members"]
    ]
    held = {
        assignment.view(call.now)["roleDefinitionId"]
        for assignment in tenant.role_assignments.listed(call.now)
        if assignment.props["principalId"] == user_id
    }
    rows.extend(
        {"@odata.type": "#microsoft.graph.directoryRole", **role_shape(call, name)}
        for name, template in ROLES.items()
        if template in held
    )
    return call.page("directoryObjects", rows, lambda row: row)


@routes.add("GET", "users/{user}/memberOf/microsoft.graph.directoryRole", _READ, options="top select skiptoken")
@routes.add(
    "GET", "users/{user}/transitiveMemberOf/microsoft.graph.directoryRole", _READ, options="top select skiptoken"
)
def roles_of(call: Call) -> Answer:
    """Only the directory roles of a user."""
    user_id = call.user().id
    held = {
        assignment.view(call.now)["roleDefinitionId"]
        for assignment in call.tenant.role_assignments.listed(call.now)
        if assignment.props["principalId"] == user_id
    }
    rows = [role_shape(call, name) for name, template in ROLES.items() if template in held]
    return call.page("directoryRoles", rows, lambda row: row)


def role_shape(call: Call, name: str) -> dict[str, Any]:
    """A directory role as Graph shows it; its id is the tenant's own, not the template's."""
    return {
        "id": call.tenant.dice.guid("directoryRole", name),
        "deletedDateTime": None,
        "description": f"{name} in this directory.",
        "displayName": name,
        "roleTemplateId": ROLES[name],
    }


def user_object(call: Call, record: Record) -> dict[str, Any]:
    """A user among other directory objects."""
    return {"@odata.type": "#microsoft.graph.user", **_shape(record.view(call.now), None)}
