"""A secret store in Azure Key Vault, over REST, signed in as an application.

In ``estate.yaml``::

    secret_stores:
      azure:
        vendor: azure_keyvault
        settings:
          vault_url: https://msp-secrets.vault.azure.net
          tenant_id: 11111111-2222-3333-4444-555555555555    # the directory of the application
          client_id: 66666666-7777-8888-9999-000000000000
        secrets:
          client_secret: vault:_msp/azure/client-secret

The application needs the role Key Vault Secrets Officer on this vault (secrets: get, list, set, delete, recover, purge). A vault for
each client keeps clients apart by Azure's own rules too.

Sources: learn.microsoft.com/rest/api/keyvault/secrets, /azure/key-vault/general/authentication-requests-and-responses (the 401
challenge), /azure/key-vault/general/soft-delete-overview, /azure/key-vault/secrets/about-secrets (tags, 25 KB).

Names in Key Vault are letters, digits and hyphens, in any case the same, so ours are spelt out: ``acme--m365-2fapp``. What
a version is called here stands in its tags.

Known limits: a secret has at most 25,000 bytes. Key Vault has no check-and-set: writers of this installation keep off each other
(`Vault.writing`); of two others that store the same number at once the later one is withdrawn. Single versions are not deleted.
Where purge protection is on, a deletion is not final before its date, and is reported so.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import hashlib
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretBytes

from integrations.address import plain_address
from integrations.storehttp import StoreAnswer, StoreHttp
from tenantry.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PermissionMissing,
    Refused,
    Rejected,
    SecretUnreadable,
    SignInFailed,
    TenantryError,
    VendorFault,
)
from tenantry.secretstore import Deletion, Facts, Opened, SecretVersion, StoreCheck, seal_facts, unseal_facts

__all__ = ["STORE", "AzureKeyVaultSettings", "AzureKeyVaultStore"]

VENDOR: Final = "azure_keyvault"
API_VERSION: Final = "7.4"
SCOPE: Final = "https://vault.azure.net/.default"
_LARGEST: Final = 25_000
_SETTLES: Final = 30.0
"""Seconds for a deletion, a recovery or a purge to show."""
_CLAIMS: Final = re.compile(r'claims="([A-Za-z0-9+/_=-]+)"')


def _guid(value: str) -> str:
    return str(uuid.UUID(value))


class AzureKeyVaultSettings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vault_url: Annotated[str, AfterValidator(plain_address)] = Field(description="The vault's address")
    tenant_id: Annotated[str, AfterValidator(_guid)] = Field(
        description="Directory (tenant) id of the application, a GUID"
    )
    client_id: Annotated[str, AfterValidator(_guid)] = Field(description="Application (client) id, a GUID")
    login_url: Annotated[str, AfterValidator(plain_address)] = Field(
        "https://login.microsoftonline.com", description="Where the application signs in"
    )
    scope: str = Field(SCOPE, pattern=r"^https://[a-z0-9.-]+/\.default$", description="National clouds have their own")


class AzureKeyVaultStore:
    """Implements :class:`~tenantry.secretstore.SecretStore`."""

    vendor = VENDOR
    keeps: int | None = None

    def __init__(
        self,
        name: str,
        settings: AzureKeyVaultSettings,
        client_secret: Callable[[], SecretBytes],
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._settings = settings
        self._client_secret = client_secret
        self._http = StoreHttp(name, settings.vault_url, transport=transport, sleep=sleep)
        self._login = StoreHttp(name, settings.login_url, transport=transport, sleep=sleep)
        self._sleep = sleep
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    # --- the contract -------------------------------------------------------------------------------------------------

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> SecretVersion:
        text, encoding = _as_text(value)
        if len(text.encode()) > _LARGEST:
            raise InvalidInput(f"{self.name} takes secrets of at most {_LARGEST} bytes", place="secret")
        known = self._known(tenant, name)
        newest = max(known, default=0)
        if expect is not None and newest != expect:
            raise Conflict(f"{name} of {tenant} has version {newest} by now, not {expect}")
        version = newest + 1
        body: dict[str, Any] = {
            "value": text,
            "contentType": facts.kind,
            "attributes": {"enabled": True},
            "tags": {"tenant": tenant, "name": name, **encoding, **seal_facts(facts, version)},
        }
        if facts.expires_at is not None:
            body["attributes"]["exp"] = int(facts.expires_at.timestamp())
        path = f"/secrets/{encoded(tenant, name)}"
        answer = self._ask("PUT", path, write=True, body=body)
        if answer.status == 409:  # deleted, and its name is taken until it is purged: with it its versions come back
            self._recover(tenant, name)
            return self.put(
                tenant, name, value, facts, expect=max(self._known(tenant, name)) if expect == 0 else expect
            )
        self._done(answer, "set")
        mine = _id(answer.data)
        rivals = [
            found for found in self._items(f"{path}/versions") if _tagged(found) == version and _id(found) != mine
        ]
        if any((_created(rival), _id(rival)) < (_created(answer.data), mine) for rival in rivals):
            withdrawn = self._ask(
                "PATCH", f"{path}/{mine}", write=True, body={"attributes": {"enabled": False}, "tags": {}}
            )
            self._done(withdrawn, "update")
            raise Conflict(f"{name} of {tenant} was changed by somebody else meanwhile")
        return SecretVersion.of(tenant, name, version, _created(answer.data), facts)

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        known = self._known(tenant, name)
        wanted = max(known, default=0) if version is None else version
        if wanted not in known:
            raise NotFound(
                f"no secret {name}" + (f" version {version}" if version else "") + f" for {tenant} in {self.name}"
            )
        answer = self._ask("GET", f"/secrets/{encoded(tenant, name)}/{_id(known[wanted])}")
        self._done(answer, "get")
        tags = answer.data.get("tags") or {}
        if (tags.get("tenant"), tags.get("name"), tags.get("version")) != (tenant, name, str(wanted)):
            raise SecretUnreadable(f"what the store holds as {name} of {tenant} is not this secret")
        return Opened(wanted, SecretBytes(_as_bytes(answer.data["value"], tags, name, tenant)))

    def list(self, tenant: str) -> builtins.list[SecretVersion]:
        names = {
            str(found["tags"]["name"])
            for found in self._items("/secrets")
            if (found.get("tags") or {}).get("tenant") == tenant and "name" in found["tags"]
        }
        return [found[0] for name in sorted(names) if (found := self.versions(tenant, name))]

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        found = []
        for number, item in sorted(self._known(tenant, name).items(), reverse=True):
            tagged = unseal_facts(item["tags"])
            found.append(SecretVersion.of(tenant, name, number, _created(item), tagged[1] if tagged else Facts()))
        return tuple(found)

    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        known = self._known(tenant, name)
        if not known:
            raise NotFound(f"no secret {name} for {tenant} in {self.name}")
        if version is not None and set(known) != {version}:
            raise Refused(
                "Azure Key Vault does not delete single versions",
                remedy="Delete the whole secret and store what is to stay.",
            )
        path = encoded(tenant, name)
        answer = self._ask("DELETE", f"/secrets/{path}", write=True)
        self._done(answer, "delete")
        until = answer.data.get("scheduledPurgeDate")
        if "recoveryId" in answer.data:  # a vault without soft delete says none, and it is gone
            self._until(lambda: self._ask("GET", f"/deletedsecrets/{path}").status == 200)
            purged = self._ask("DELETE", f"/deletedsecrets/{path}", write=True)
            if purged.status == 403:
                return Deletion(
                    versions=len(known),
                    proven=False,
                    recoverable_until=datetime.fromtimestamp(until, UTC) if until else None,
                    how="deleted; the vault is protected from purging",
                )
            if purged.status != 404:
                self._done(purged, "purge")
        there = (f"/secrets/{path}", f"/deletedsecrets/{path}")
        gone = self._until(lambda: all(self._ask("GET", at).status == 404 for at in there))
        return Deletion(
            versions=len(known), proven=gone, how="deleted and purged; the vault answers that it has neither of them"
        )

    def check(self) -> StoreCheck:
        try:
            self._done(self._ask("GET", "/secrets", maxresults="1"), "list")
        except TenantryError as error:
            return StoreCheck(ok=False, problems=(f"{error.message}. {error.remedy}",))
        return StoreCheck(ok=True, facts={"api_version": API_VERSION})

    def close(self) -> None:
        self._token = ""
        self._http.close()
        self._login.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _known(self, tenant: str, name: str) -> dict[int, Any]:
        """Number → version as the vault lists it; of two with one number the one that was first."""
        found: dict[int, Any] = {}
        items = [i for i in self._items(f"/secrets/{encoded(tenant, name)}/versions") if _tagged(i)]
        for item in sorted(items, key=lambda i: (_created(i), _id(i)), reverse=True):
            if item["attributes"].get("enabled") and (item["tags"].get("tenant"), item["tags"].get("name")) == (
                tenant,
                name,
            ):
                found[_tagged(item)] = item
        return found

    def _items(self, path: str) -> Iterator[Any]:
        answer = self._ask("GET", path, maxresults="25")
        while answer.status != 404:
            self._done(answer, "list")
            yield from answer.data.get("value") or ()
            link = answer.data.get("nextLink")
            if not link:
                return
            there, here = urlsplit(str(link)), urlsplit(self._settings.vault_url)
            if (there.scheme, there.netloc) != (here.scheme, here.netloc):
                raise VendorFault(f"the secret store {self.name} names another host for its next page")
            answer = self._ask("GET", f"{there.path}?{there.query}", whole=True)

    def _recover(self, tenant: str, name: str) -> None:
        path = encoded(tenant, name)
        self._done(self._ask("POST", f"/deletedsecrets/{path}/recover", write=True), "recover")
        if not self._until(lambda: self._ask("GET", f"/secrets/{path}").status == 200):
            raise self._http.away("a deleted secret of this name is still being recovered")

    def _until(self, look: Callable[[], bool]) -> bool:
        waited = 0.0
        while not look():
            if waited >= _SETTLES:
                return False
            self._sleep(1.0)
            waited += 1.0
        return True

    def _done(self, answer: StoreAnswer, what: str) -> None:
        if answer.status < 300 and (answer.status == 204 or isinstance(answer.data, dict)):
            return
        status = answer.status
        detail: dict[str, Any] = {"status": status, "request_id": answer.headers.get("x-ms-request-id", "")}
        if status == 403:
            raise PermissionMissing(
                f"the secret store {self.name} does not let our application do {what}",
                remedy="Give it the role Key Vault Secrets Officer, and this machine's address a place in the vault's firewall.",
                **detail,
            )
        if status == 404:
            raise NotFound(f"the secret store {self.name} has no such secret", **detail)
        if status == 409:
            raise Conflict(f"the secret store {self.name} has this name in another state just now", **detail)
        if status == 429 or status >= 500 or status < 400:
            raise self._http.away(f"{what}: status {status}", **detail)
        raise Rejected(f"{what} was refused by the secret store {self.name} with status {status}", **detail)

    def _ask(
        self, method: str, path: str, *, write: bool = False, body: Any = None, whole: bool = False, **query: str
    ) -> StoreAnswer:
        params = None if whole else {"api-version": API_VERSION, **query}
        token = self._signed_in()
        for again in (False, True):
            answer = self._http.ask(
                method,
                path,
                what=f"{method} {path.split('/')[1].partition('?')[0]}",
                write=write,
                headers={"Authorization": f"Bearer {token}"},
                body=body,
                params=params,
            )
            if answer.status != 401:
                return answer
            if not again:
                token = self._signed_in(refused=token, challenge=answer.headers.get("www-authenticate", ""))
        raise SignInFailed(f"the secret store {self.name} refuses our token", status=401)

    def _signed_in(self, refused: str | None = None, challenge: str = "") -> str:
        """A token. Where it is asked for stands in the settings: a challenge that names another place is not followed."""
        with self._lock:
            if self._token and self._token != refused and self._monotonic() < self._renew_at:
                return self._token
            form = {
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id,
                "client_secret": self._client_secret().get_secret_value().decode(),
                "scope": self._settings.scope,
            }
            if claims := _CLAIMS.search(challenge):  # continuous access evaluation: what the new token must show
                form["claims"] = _unpadded(claims[1])
            path = f"/{self._settings.tenant_id}/oauth2/v2.0/token"
            answer = self._login.ask("POST", path, what="signing in", form=form)
            if answer.status in (400, 401, 403):
                codes = (answer.data or {}).get("error_codes") if isinstance(answer.data, dict) else None
                raise SignInFailed(
                    f"the secret store {self.name}: our application cannot sign in",
                    remedy="Check its ids, and store its present secret with `tenantry vault put --tenant _msp`.",
                    status=answer.status,
                    aadsts=str(codes[0]) if isinstance(codes, list) and codes else "",
                )
            try:
                token, life = str(answer.data["access_token"]), float(answer.data["expires_in"])
            except (KeyError, TypeError, ValueError):
                token, life = "", 0.0
            if not token:
                raise self._http.away(f"signing in: status {answer.status}")
            self._token, self._renew_at = token, self._monotonic() + life * 0.8
            return token


class _Vendor:
    """The kind of store, for the assembly."""

    vendor = VENDOR
    Settings = AzureKeyVaultSettings
    secrets = ("client_secret",)

    def open(self, name: str, settings: Any, secrets: Callable[[str], SecretBytes]) -> AzureKeyVaultStore:
        return AzureKeyVaultStore(
            name, AzureKeyVaultSettings.model_validate(settings), lambda: secrets("client_secret")
        )


STORE: Final = _Vendor()


def encoded(tenant: str, name: str) -> str:
    """The name in Key Vault: ``[0-9A-Za-z-]``, at most 127 characters, and the same in either case."""
    text = f"{_spelt(tenant)}--{_spelt(name)}"
    if len(text) <= 127:
        return text
    return f"x--{hashlib.sha256(f'{tenant}/{name}'.encode()).hexdigest()}"


def _spelt(text: str) -> str:
    return "".join(c if c.isdigit() or c.islower() else f"-{ord(c):02x}" for c in text)


def _as_text(value: bytes) -> tuple[str, dict[str, str]]:
    try:
        return value.decode("utf-8"), {}
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), {"encoding": "base64"}


def _as_bytes(text: Any, tags: Any, name: str, tenant: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if tags.get("encoding") == "base64" else str(text).encode()
    except (binascii.Error, ValueError):  # carries the text, so nothing is chained to it
        pass
    raise SecretUnreadable(f"what the store holds as {name} of {tenant} is damaged")


def _tagged(item: Any) -> int:
    number = str((item.get("tags") or {}).get("version", ""))
    return int(number) if number.isascii() and number.isdigit() else 0


def _id(item: Any) -> str:
    return str(item["id"]).rstrip("/").rsplit("/", 1)[1]


def _created(item: Any) -> datetime:
    return datetime.fromtimestamp(item["attributes"]["created"], UTC)


def _unpadded(claims: str) -> str:
    try:
        return base64.b64decode(claims + "=" * (-len(claims) % 4), altchars=b"-_").decode()
    except (binascii.Error, ValueError):
        return ""
