"""The front of Graph: signs in, admits, routes, batches, and gives every refusal its form.

Sources: Graph, "Error responses", "JSON batching", "Advanced query capabilities".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integrations.lab.clock import iso
from integrations.lab.graph import (
    apps,
    backup_restore,
    calendar,
    directory_objects,
    drives,
    entitlements,
    logs,
    mail,
    managed_devices,
    methods,
    own_credentials,
    partner,
    posture,
    registrations,
    risk,
    security,
    telephony,
    tenant_settings,
    users,
)
from integrations.lab.graph.call import Call, bad_request, refusal
from integrations.lab.graph.routing import Family, Route, Router
from integrations.lab.misbehave import throttled, vendor_error
from integrations.lab.tokens import GRAPH, Token
from integrations.lab.web import Answer, Refusal, Request

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

ROUTES: tuple[Route, ...] = tuple(
    route
    for module in (
        *(
            users,
            methods,
            directory_objects,
            managed_devices,
            drives,
            entitlements,
            apps,
            registrations,
            own_credentials,
            mail,
            calendar,
            logs,
            risk,
            partner,
            posture,
            security,
            backup_restore,
            telephony,
            tenant_settings,
        ),
    )
    for route in module.routes.all
)
VERSIONS = ("v1.0", "beta")
_ROUTERS = {version: Router(version, ROUTES) for version in VERSIONS}
_FORBIDDEN: dict[Family, str] = {
    "directory": "Authorization_RequestDenied",
    "outlook": "ErrorAccessDenied",
    "reports": "Authentication_MSGraphPermissionMissing",
    "risk": "Forbidden",
    "security": "Authorization_RequestDenied",
}
_BATCH_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
PERMISSIONS = frozenset(name for route in ROUTES if route not in partner.routes.all for name in route.permissions) | {
    "DelegatedAdminRelationship.Read.All"
}
"""Every application permission that some route of a client's tenant asks for, and to see who administers it; what a partner asks for in
its own is granted on demand."""


class GraphService:
    """Graph of one tenant."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def answer(self, request: Request, *, shrink: bool = False) -> Answer:
        """Answer a request whose path begins with ``/graph/``."""
        try:
            version, rest = self._version(request)
            token = self._sign_in(request)
            if rest.lower() == "$batch":
                found = self._batch(request, version, token)
            else:
                found = self._route(request, version, rest, token, shrink=shrink)
        except Refusal as refused:
            found = refused.answer
        return self._finish(request, found)

    def _version(self, request: Request) -> tuple[str, str]:
        _, _, version, *rest = request.path.split("/", 3)
        if version not in VERSIONS:
            raise refusal(404, "ResourceNotFound", f"Invalid version: {version}")
        return version, rest[0] if rest else ""

    def _sign_in(self, request: Request) -> Token:
        token = self._lab.tokens.look_up(request)
        if token is None:
            text = (
                "Access token is empty." if "authorization" not in request.headers else "CompactToken parsing failed."
            )
            raise refusal(401, "InvalidAuthenticationToken", text)
        if token.expires_at <= self._lab.now().timestamp():
            raise refusal(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if token.audience != GRAPH:
            raise refusal(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
        return token

    def _route(self, request: Request, version: str, rest: str, token: Token, *, shrink: bool = False) -> Answer:
        found = _ROUTERS[version].find(rest)
        if found is None:
            raise refusal(404, "ResourceNotFound", f"Resource not found for the segment '{rest.split('/')[-1]}'.")
        routes, values = found
        if request.method not in routes:
            raise refusal(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
        route, names = routes[request.method]
        if route.permissions and route.permissions.isdisjoint(token.roles):
            raise refusal(403, _FORBIDDEN[route.family], "Insufficient privileges to complete the operation.")
        now = self._lab.now().timestamp()
        if route.family == "reports" and (wait := self._lab.faults.over_reports_limit(now)) is not None:
            raise Refusal(throttled("graph", self._lab, "seconds", wait), "quota")
        for name in request.query:
            if name.startswith("$") and name not in route.options:
                raise bad_request(f"Query option '{name}' is not supported here.")
        call = Call(
            self._lab,
            request,
            dict(zip(names, values, strict=True)),
            f"app:{token.app_id}",
            now,
            version,
            shrink,
            frozenset(token.roles),
        )
        return route.handler(call)

    def _finish(self, request: Request, answer: Answer) -> Answer:
        request_id = self._lab.dice.guid("request", request.ordinal, self._lab.faults.plan.seed)
        client_id = request.headers.get("client-request-id", request_id)
        answer.headers.setdefault("request-id", request_id)
        answer.headers.setdefault("client-request-id", client_id)
        if answer.payload is not None and isinstance(error := answer.payload.get("error"), dict):
            error["innerError"] = {
                "date": iso(self._lab.now())[:-1],
                "request-id": request_id,
                "client-request-id": client_id,
            }
            if answer.status == 401:
                answer.headers["WWW-Authenticate"] = 'Bearer realm="", authorization_uri="", error="invalid_token"'
        return answer

    # --- batches ------------------------------------------------------------------------------------------------------

    def _batch(self, request: Request, version: str, token: Token) -> Answer:
        if request.method != "POST":
            raise refusal(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
        items = _read_batch(request)
        done: dict[str, Answer] = {}
        for number, item in enumerate(items):
            failed = [key for key in item.get("dependsOn", []) if done[key.lower()].status >= 400]
            if failed:
                answer = self._finish(
                    request, Answer(424, {"error": {"code": "FailedDependency", "message": "A dependency failed."}})
                )
            else:
                answer = self._item(request, version, token, item, number)
            done[item["id"].lower()] = answer
        responses = [self._wrapped(item["id"], done[item["id"].lower()]) for item in items]
        # Graph answers in any order: a client that counts on theirs must notice here.
        responses.sort(key=lambda entry: self._lab.dice.bytes(4, "order", request.ordinal, entry["id"]))
        return Answer(200, {"responses": responses})

    def _item(self, request: Request, version: str, token: Token, item: dict[str, Any], number: int) -> Answer:
        parts = urlsplit("/" + item["url"].lstrip("/"))
        headers = {name.lower(): str(value) for name, value in item.get("headers", {}).items()}
        inner = Request(
            item["method"].upper(),
            f"/graph/{version}{unquote(parts.path)}",
            _query(parts.query),
            headers,
            json.dumps(item["body"]).encode() if "body" in item else b"",
            request.base,
            f"{request.ordinal}.{number}",
        )
        decision = self._lab.faults.decide(inner.ordinal, inner.method, inner.path, None, part="item")
        if decision.kind == "throttle":
            family = self.family(inner)
            style = "none" if family == "risk" else decision.style or "seconds"
            return self._finish(inner, throttled("graph", self._lab, style, decision.retry_after_s))
        if decision.kind == "error":
            return self._finish(inner, vendor_error("graph", decision.status or 503, "json"))
        try:
            return self._finish(inner, self._route(inner, version, unquote(parts.path).strip("/"), token))
        except Refusal as refused:
            return self._finish(inner, refused.answer)

    def _wrapped(self, key: str, answer: Answer) -> dict[str, Any]:
        headers = dict(answer.headers)
        if answer.payload is not None:
            headers["Content-Type"] = "application/json"
        wrapped: dict[str, Any] = {"id": key, "status": answer.status, "headers": headers}
        if answer.payload is not None:
            wrapped["body"] = answer.payload
        return wrapped

    def family(self, request: Request) -> Family | None:
        """Which part of Graph a request is for."""
        parts = request.path.split("/", 3)
        found = _ROUTERS[parts[2]].find(parts[3]) if len(parts) == 4 and parts[2] in VERSIONS else None
        if found is None:
            return None
        return next(iter(found[0].values()))[0].family


def _query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _read_batch(request: Request) -> list[dict[str, Any]]:
    """The items of a batch. Raises Refusal (400) for the mistakes that Graph refuses as a whole."""
    try:
        body = json.loads(request.body)
    except ValueError:
        raise bad_request("Invalid batch payload format.", "BadRequest") from None
    items = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items or set(body) != {"requests"}:
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(items) > 20:
        raise bad_request("Number of batch request steps exceeds the maximum value of 20.", "MaximumValueExceeded")
    seen: list[str] = []
    for item in items:
        _check_item(item)
        key = item["id"].lower()
        if key in seen:
            raise bad_request("Request Id values within a batch must be unique.", "BadRequest")
        # A dependency stands before its dependents; Graph refuses forward references.
        if any(not isinstance(need, str) or need.lower() not in seen for need in item.get("dependsOn", [])):
            raise bad_request(f"Invalid dependsOn of request {item['id']}.", "BadRequest")
        seen.append(key)
    chained = [bool(item.get("dependsOn")) for item in items]
    if any(chained) and not all(chained[1:]):
        raise bad_request("Requests must be fully parallel or fully serial.", "BadRequest")
    return items


def _check_item(item: Any) -> None:
    known = {"id", "method", "url", "headers", "body", "dependsOn"}
    if not isinstance(item, dict) or not {"id", "method", "url"} <= set(item) or set(item) - known:
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if not all(isinstance(item[name], str) and item[name] for name in ("id", "method", "url")):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if item["method"].upper() not in _BATCH_METHODS or "://" in item["url"].split("?")[0]:
        raise bad_request(f"Invalid method or url in request {item['id']}: urls are relative.", "BadRequest")
    if not isinstance(item.get("headers", {}), dict) or not isinstance(item.get("dependsOn", []), list):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if "body" in item and "content-type" not in {name.lower() for name in item.get("headers", {})}:
        raise bad_request(f"Write request id : {item['id']} does not contain Content-Type header.", "BadRequest")
