"""A strict stand-in for Azure Key Vault and its sign-in, as a transport: no emulator of it can be had from a package index.

Sources: learn.microsoft.com/rest/api/keyvault/secrets (operations, shapes, error codes), /azure/key-vault/general/soft-delete-overview,
/azure/key-vault/general/authentication-requests-and-responses. As the service: it refuses an api-version that it does not know, a
token that it did not issue, names with other characters or beyond 127 (in any case the same), values beyond 25 KB, more than 15 tags
or tags beyond 256 characters; a deleted name is taken until it is purged; deletion, recovery and purge take a while to show; pages
have 25 entries. Known limit: times are as exact as the service's, whole seconds, and of versions of one second the order is not said.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
_VERSIONS = {"7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"}
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_PAGE = 25


@dataclass
class _Secret:
    name: str
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)


class KeyVault(httpx.BaseTransport):
    """The vault at ``https://msp.vault.azure.net``.

    Attributes:
        client_secret: what the application signs in with.
        slow: looks that deletion, recovery and purge take to show.
        purge_protection: nothing is purged before its date.
        broken: raised, or answered, instead of the next answers.
        requests: method and path of everything asked.
    """

    def __init__(self) -> None:
        self.client_secret = secrets.token_urlsafe(24)
        self.slow = 1
        self.purge_protection = False
        self.broken: list[Exception | httpx.Response] = []
        self.requests: list[tuple[str, str]] = []
        self.token_life = 3600
        self._tokens: set[str] = set()
        self._live: dict[str, _Secret] = {}
        self._deleted: dict[str, _Secret] = {}
        self._pending: dict[str, int] = {}
        self._lock = threading.Lock()

    def expire_tokens(self) -> None:
        self._tokens.clear()

    def values(self, name: str) -> list[str]:
        """What is stored, for those who check."""
        return [version["value"] for version in self._live[name.lower()].versions.values()]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append((request.method, request.url.path))
            if self.broken and request.url.host.endswith("vault.azure.net"):
                other = self.broken.pop(0)
                if isinstance(other, Exception):
                    raise other
                return other
            if request.url.host == "login.microsoftonline.com":
                return self._sign_in(request)
            return self._answer(request)

    def _sign_in(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if request.url.path != f"/{TENANT}/oauth2/v2.0/token" or form.get("client_id") != CLIENT:
            return _json(400, {"error": "unauthorized_client", "error_codes": [700016]})
        if form.get("scope") != "https://vault.azure.net/.default" or form.get("grant_type") != "client_credentials":
            return _json(400, {"error": "invalid_scope", "error_codes": [70011]})
        if form.get("client_secret") != self.client_secret:
            return _json(401, {"error": "invalid_client", "error_codes": [7000215]})
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return _json(200, {"access_token": token, "expires_in": self.token_life, "token_type": "Bearer"})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "msp.vault.azure.net":
            raise httpx.ConnectError("no such host")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            challenge = (
                f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="https://vault.azure.net"'
            )
            return _error(401, "Unauthorized", headers={"WWW-Authenticate": challenge})
        version = request.url.params.get("api-version")
        if version not in _VERSIONS:
            return _error(400, "BadParameter")
        parts = [part for part in request.url.path.split("/") if part]
        key = (request.method, parts[0], len(parts))
        if len(parts) > 1 and not _NAME.fullmatch(parts[1]):
            return _error(400, "BadParameter")
        if key == ("GET", "secrets", 1):
            newest = [
                self._item(secret, _last(secret), of_secret=True) for secret in self._live.values() if secret.versions
            ]
            return self._page(request, newest)
        if key == ("PUT", "secrets", 2):
            return self._set(parts[1], request)
        if key == ("GET", "deletedsecrets", 2):
            return self._look_deleted(parts[1])
        if key == ("DELETE", "deletedsecrets", 2):
            return self._purge(parts[1])
        if len(parts) == 3 and key[:2] == ("POST", "deletedsecrets") and parts[2] == "recover":
            return self._recover(parts[1])
        secret = self._live.get(parts[1].lower())
        if secret is None or self._takes("recover", parts[1]):
            return _error(404, "SecretNotFound")
        if key == ("DELETE", "secrets", 2):
            return self._delete(secret)
        if key == ("GET", "secrets", 3) and parts[2] == "versions":
            return self._page(request, [self._item(secret, version) for version in secret.versions])
        if key in {("GET", "secrets", 3), ("PATCH", "secrets", 3)}:
            if parts[2] not in secret.versions:
                return _error(404, "SecretNotFound")
            if request.method == "PATCH":
                given = json.loads(request.content)
                secret.versions[parts[2]]["attributes"].update(given.get("attributes", {}))
                return _json(200, self._item(secret, parts[2]))
            return self._open(secret, parts[2])
        if key == ("GET", "secrets", 2):
            return self._open(secret, _last(secret))
        return _error(405, "MethodNotAllowed")

    def _open(self, secret: _Secret, version: str) -> httpx.Response:
        if not secret.versions[version]["attributes"]["enabled"]:
            return _error(403, "Forbidden")
        return _json(200, self._item(secret, version) | {"value": secret.versions[version]["value"]})

    def _set(self, name: str, request: httpx.Request) -> httpx.Response:
        if name.lower() in self._deleted:
            return _error(409, "Conflict", inner="ObjectIsDeletedButRecoverable")
        given = json.loads(request.content)
        tags = given.get("tags") or {}
        if set(given) - {"value", "contentType", "attributes", "tags"} or not isinstance(given.get("value"), str):
            return _error(400, "BadParameter")
        if len(given["value"].encode()) > 25_600 or len(tags) > 15 or len(given.get("contentType", "")) > 255:
            return _error(400, "BadParameter")
        if any(len(k) > 256 or not isinstance(v, str) or len(v) > 256 for k, v in tags.items()):
            return _error(400, "BadParameter")
        now = int(time.time())
        attributes = {"enabled": True, **(given.get("attributes") or {}), "created": now, "updated": now}
        secret = self._live.setdefault(name.lower(), _Secret(name))
        version = secrets.token_hex(16)
        secret.versions[version] = given | {"attributes": attributes}
        return _json(200, self._item(secret, version) | {"value": given["value"]})

    def _delete(self, secret: _Secret) -> httpx.Response:
        key = secret.name.lower()
        self._deleted[key] = self._live.pop(key)
        self._pending[f"deleted {key}"] = self.slow
        return _json(200, self._gone(secret))

    def _gone(self, secret: _Secret) -> dict[str, Any]:
        now = int(time.time())
        there = f"https://msp.vault.azure.net/deletedsecrets/{secret.name}"
        dates = {"deletedDate": now, "scheduledPurgeDate": now + 90 * 86_400}
        return self._item(secret, _last(secret)) | {"recoveryId": there, **dates}

    def _look_deleted(self, name: str) -> httpx.Response:
        secret = self._deleted.get(name.lower())
        if secret is None or self._takes("deleted", name):
            return _error(404, "SecretNotFound")
        return _json(200, self._gone(secret))

    def _purge(self, name: str) -> httpx.Response:
        if name.lower() not in self._deleted:
            return _error(404, "SecretNotFound")
        if self._pending.get(f"deleted {name.lower()}", 0) > 0:
            return _error(409, "Conflict", inner="ObjectIsBeingDeleted")
        if self.purge_protection:
            return _error(403, "Forbidden")
        del self._deleted[name.lower()]
        return httpx.Response(204)

    def _recover(self, name: str) -> httpx.Response:
        secret = self._deleted.pop(name.lower(), None)
        if secret is None:
            return _error(404, "SecretNotFound")
        self._live[name.lower()] = secret
        self._pending[f"recover {name.lower()}"] = self.slow
        return _json(200, self._item(secret, _last(secret)))

    def _takes(self, what: str, name: str) -> bool:
        key = f"{what} {name.lower()}"
        left = self._pending.get(key, 0)
        self._pending[key] = max(0, left - 1)
        return left > 0

    def _item(self, secret: _Secret, version: str, *, of_secret: bool = False) -> dict[str, Any]:
        held = secret.versions[version]
        at = f"https://msp.vault.azure.net/secrets/{secret.name}" + ("" if of_secret else f"/{version}")
        shown = {key: held[key] for key in ("contentType", "tags") if key in held}
        return {"id": at, "attributes": held["attributes"], **shown}

    def _page(self, request: httpx.Request, rows: list[dict[str, Any]]) -> httpx.Response:
        wanted = int(request.url.params.get("maxresults", _PAGE))
        if not 1 <= wanted <= _PAGE:
            return _error(400, "BadParameter")
        begin = int(request.url.params.get("$skiptoken", 0))
        following = begin + wanted
        link = None
        if following < len(rows):
            link = str(request.url.copy_merge_params({"$skiptoken": str(following)}))
        return _json(200, {"value": rows[begin:following], "nextLink": link})


def _last(secret: _Secret) -> str:
    return list(secret.versions)[-1]


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json=body, headers={"x-ms-request-id": "request-1", **(headers or {})})


def _error(status: int, code: str, inner: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
    said: dict[str, Any] = {"code": code, "message": "as the service says it"}
    if inner:
        said["innererror"] = {"code": inner}
    return _json(status, {"error": said}, headers)
