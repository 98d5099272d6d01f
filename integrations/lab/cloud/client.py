"""The stand-in account as a provider's handle: every capability that it plays, over HTTP or in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from integrations.bearer import TokenHeader, checked
from integrations.lab.cloud.wire import SERVED, Method, decode, encode, methods
from tenantry.errors import (
    OutOfScope,
    PermissionMissing,
    Rejected,
    TargetNotFound,
    TenantryError,
    VendorFault,
)
from tenantry.providers import ProviderCheck, SecretSource

if TYPE_CHECKING:
    from integrations.http import Answer, Http

__all__ = ["LabCloudHandle"]

_ERRORS: Final[dict[str, type[TenantryError]]] = {
    kind.code: kind for kind in (TargetNotFound, PermissionMissing, OutOfScope, Rejected)
}


class LabCloudHandle:
    """The account, opened.

    Args:
        http: the client.
        secrets: gives ``token``.
        base_url: what ``/<capability>/<method>`` is appended to.
    """

    def __init__(self, http: Http, secrets: SecretSource, base_url: str) -> None:
        self._http = http
        self._token = TokenHeader(secrets)
        self._base = base_url.rstrip("/")
        self._opened: dict[str, Any] = {}

    def capability(self, name: str) -> Any:
        """One of the cloud capabilities. Raises OutOfScope for any other."""
        if name not in SERVED:
            raise OutOfScope(f"the lab's cloud does not offer {name!r}")
        if name not in self._opened:
            self._opened[name] = _remote(name, self._http, self._token, f"{self._base}/{name}")
        return self._opened[name]

    async def check(self) -> ProviderCheck:
        """Whether it answers to the token."""

        async def probe() -> dict[str, Any]:
            return {"account": (await self.capability("cloud_identity").caller()).account}

        return await checked(self._http, probe())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _remote(capability: str, http: Http, token: TokenHeader, base: str) -> Any:
    """An object with every method of the capability's Protocol, each of which is a call."""
    body: dict[str, Callable[..., Any]] = {}
    for method in methods(capability).values():
        body[method.name] = _stream(method, http, token, base) if method.streams else _call(method, http, token, base)
    return type(f"Lab{capability.title().replace('_', '')}", (), body)()


def _named(method: Method, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(method.parameters, map(encode, positional), strict=False)), **encode(named)}


def _stream(method: Method, http: Http, token: TokenHeader, base: str) -> Callable[..., Any]:
    async def rows(_: Any, *positional: Any, **named: Any) -> AsyncIterator[Any]:
        query = {"args": json.dumps(_named(method, positional, named))}
        while True:
            answer = await http.read(
                "GET", f"{base}/{method.name}?{urlencode(query)}", authorizer=token, dialect=_refused
            )
            page = answer.data
            if not isinstance(page, dict) or not isinstance(page.get("value"), list):
                raise VendorFault(f"{method.name} was answered without rows", vendor="lab")
            for row in page["value"]:
                yield _decoded(method, row)
            if "next" not in page:
                return
            query["cursor"] = page["next"]

    return rows


def _call(method: Method, http: Http, token: TokenHeader, base: str) -> Callable[..., Any]:
    async def call(_: Any, *positional: Any, **named: Any) -> Any:
        given = json.dumps(_named(method, positional, named))
        url = f"{base}/{method.name}"
        if method.writes:
            answer = await http.write("POST", url, content=given.encode(), authorizer=token, dialect=_refused)
        else:
            query = urlencode({"args": given})
            answer = await http.read("GET", f"{url}?{query}", authorizer=token, dialect=_refused)
        if not isinstance(answer.data, dict) or "result" not in answer.data:
            raise VendorFault(f"{method.name} was answered without a result", vendor="lab")
        return _decoded(method, answer.data["result"])

    return call


def _decoded(method: Method, value: Any) -> Any:
    try:
        return decode(method.result, value)
    except (ValueError, TypeError):
        raise VendorFault(f"{method.name} was answered in another form", vendor="lab") from None


def _refused(answer: Answer, what: str) -> TenantryError:
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    found = error if isinstance(error, dict) else {}
    kind = _ERRORS.get(str(found.get("code")), Rejected)
    return kind(str(found.get("message") or f"{what} was refused"), vendor="lab", status=answer.status, **answer.ids)
