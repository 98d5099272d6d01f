"""A secret store in OpenBao or HashiCorp Vault: the KV secrets engine, version 2, with an AppRole.

In ``estate.yaml``::

    secret_stores:
      bao:
        vendor: openbao
        settings:
          address: https://bao.msp.example:8200
          role_id: 1f0c0b7e-6b0e-4a41-8a0d-7f0c2b5a9d11
          mount: secret               # of the KV engine
          prefix: tenantry            # secrets lie under tenantry/TENANT/NAME
          namespace: msp              # where namespaces are used
        secrets:
          secret_id: vault:_msp/bao/secret-id

The role's policy needs no more than this (``mount`` and ``prefix`` as above); one mount, prefix or namespace for each client keeps
clients apart by the server's own rules too::

    path "secret/data/tenantry/*"     { capabilities = ["create", "read", "update"] }
    path "secret/destroy/tenantry/*"  { capabilities = ["update"] }
    path "secret/metadata/tenantry/*" { capabilities = ["create", "read", "update", "list", "delete"] }

Sources: openbao.org/api-docs/secret/kv/kv-v2 (also developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2),
openbao.org/api-docs/auth/approle, openbao.org/api-docs/system/health.

A secret id that is good for one sign-in alone works as long as the token that it gave can be renewed: the token is renewed before half
of its life is over. When it is lost (the process was started again), signing in fails as SignInFailed and asks for a new secret id.

Known limits: a hundred versions of a secret are kept. Deleting a whole secret removes its metadata too, so numbers begin at 1 again.
Names end up in the server's audit log; values there are HMACs.
"""

from __future__ import annotations

import builtins
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretBytes

from integrations.address import plain_address
from integrations.storehttp import StoreAnswer, StoreHttp
from tenantry.errors import (
    Conflict,
    InDoubt,
    InvalidInput,
    NotFound,
    PermissionMissing,
    Rejected,
    SecretUnreadable,
    SignInFailed,
    StoreUnavailable,
    TenantryError,
    VendorFault,
)
from tenantry.secretstore import (
    Deletion,
    Facts,
    Opened,
    SecretVersion,
    StoreCheck,
    seal_facts,
    unseal_facts,
    unwrap_value,
    wrap_value,
)

__all__ = ["STORE", "OpenBaoSettings", "OpenBaoStore"]

VENDOR: Final = "openbao"
_LARGEST: Final = 524_288
"""Bytes: an entry of the integrated storage has at most 1 MiB, and a text may double in JSON."""
_PATH: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*$"


class OpenBaoSettings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, AfterValidator(plain_address)] = Field(description="The server's address")
    role_id: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="The AppRole's role id")
    mount: Annotated[str, Field(pattern=_PATH)] = Field("secret", description="Where the KV engine is mounted")
    prefix: Annotated[str, Field(pattern=_PATH)] = Field(
        "tenantry", description="Below which secrets lie, as PREFIX/TENANT/NAME"
    )
    auth_mount: Annotated[str, Field(pattern=_PATH)] = Field("approle", description="Where AppRole is mounted")
    namespace: Annotated[str, Field(pattern=_PATH)] | None = Field(
        None, description="The namespace, where they are used"
    )
    authority: Path | None = Field(None, description="PEM file with the authority of the server's certificate")


class OpenBaoStore:
    """Implements :class:`~tenantry.secretstore.SecretStore`."""

    vendor = VENDOR
    keeps: int | None = 100

    def __init__(
        self,
        name: str,
        settings: OpenBaoSettings,
        secret_id: Callable[[], SecretBytes],
        *,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._settings = settings
        self._secret_id = secret_id
        self._http = StoreHttp(name, settings.address, authority=settings.authority, transport=transport)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    # --- the contract -------------------------------------------------------------------------------------------------

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> SecretVersion:
        if len(value) > _LARGEST:
            raise InvalidInput(f"{self.name} takes secrets of at most {_LARGEST} bytes", place="secret")
        known = self._metadata(tenant, name)
        current, live = _current(known), _live(known)
        tags = seal_facts(facts, 0)  # too much is refused before anything is stored
        newest = live[0] if live else 0
        if expect is not None and newest != expect:
            raise Conflict(f"{name} of {tenant} has version {newest} by now, not {expect}")
        made = {"data": wrap_value(tenant, name, value, facts, datetime.now(UTC)), "options": {}}
        if expect is not None:
            made["options"] = {"cas": current}  # the number as the engine counts it: deleted versions count
        try:
            answer = self._call("POST", "data", tenant, name, body=made, write=True)
        except Rejected as refusal:
            if expect is not None and refusal.detail.get("status") == 400:
                raise Conflict(f"{name} of {tenant} was changed by somebody else meanwhile") from refusal
            raise
        version, created = int(answer.data["data"]["version"]), _time(answer.data["data"]["created_time"])
        tags["version"] = str(version)
        with contextlib.suppress(StoreUnavailable, InDoubt):  # stored it is; a list without these tags opens the value
            self._call(
                "POST", "metadata", tenant, name, body={"custom_metadata": tags, "max_versions": self.keeps}, write=True
            )
        return SecretVersion.of(tenant, name, version, created, facts)

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        if version is None:
            known = _live(self._metadata(tenant, name))
            if not known:
                raise NotFound(f"no secret {name} for {tenant} in {self.name}")
            version = known[0]  # the newest may have been deleted: the engine would say 404
        found, _ = self._read(tenant, name, version)
        return Opened(version, SecretBytes(found))

    def list(self, tenant: str) -> builtins.list[SecretVersion]:
        found = []
        for name in sorted(self._names(tenant, "")):
            newest = self.versions(tenant, name)
            if newest:
                found.append(newest[0])
        return found

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        known = self._metadata(tenant, name)
        live = _live(known)
        if known is None or not live:
            return ()
        tagged = unseal_facts(known.get("custom_metadata") or {})
        # Else it was killed between the value and its tags, or the newest was deleted.
        current = tagged is not None and tagged[0] == live[0]
        facts = tagged[1] if current and tagged else self._read(tenant, name, live[0])[1]
        times = known["versions"]
        return tuple(
            SecretVersion.of(tenant, name, number, _time(times[str(number)]["created_time"]), facts) for number in live
        )

    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        live = _live(self._metadata(tenant, name))
        if not live or (version is not None and version not in live):
            raise NotFound(f"no secret {name} for {tenant} in {self.name}")
        if version is not None and len(live) > 1:
            self._call("POST", "destroy", tenant, name, body={"versions": [version]}, write=True)
        else:
            self._call("DELETE", "metadata", tenant, name, write=True)
        left = self._metadata(tenant, name)
        still = _live(left) if version is None else [found for found in _live(left) if found == version]
        gone = len(live) if version is None else 1
        how = "metadata and every version removed" if left is None else "the version's data was destroyed"
        return Deletion(versions=gone, proven=not still, how=f"{how}; the engine answers that it is not there")

    def check(self) -> StoreCheck:
        try:
            health = self._http.ask("GET", "/v1/sys/health", what="health", params={"standbyok": "true"})
        except TenantryError as error:
            return StoreCheck(ok=False, problems=(f"{error.message}. {error.remedy}",))
        said = health.data if isinstance(health.data, dict) else {}
        facts = {key: said[key] for key in ("version", "sealed", "standby", "cluster_name") if key in said}
        try:
            self._names_at(f"{self._settings.mount}/metadata/{self._settings.prefix}/")
        except TenantryError as error:
            return StoreCheck(ok=False, problems=(f"{error.message}. {error.remedy}",), facts=facts)
        return StoreCheck(ok=True, facts=facts)

    def close(self) -> None:
        """End the token and the connections."""
        with self._lock:
            token, self._token = self._token, ""
        try:
            if token:
                self._http.ask(
                    "POST",
                    "/v1/auth/token/revoke-self",
                    what="ending the token",
                    write=True,
                    headers=self._headers(token),
                )
        except TenantryError:
            pass  # it ends by itself when its life is over
        finally:
            self._http.close()

    # --- signing in ---------------------------------------------------------------------------------------------------

    def _signed_in(self, refused: str | None = None) -> str:
        """A token that is good for a while yet.

        Args:
            refused: one that the server does not take any more.
        """
        with self._lock:
            if self._token and self._token != refused:
                if self._monotonic() < self._renew_at:
                    return self._token
                if self._renewed():
                    return self._token
            self._log_in()
            return self._token

    def _renewed(self) -> bool:
        """Whether the token was given a longer life: a secret id may be good for one sign-in alone."""
        answer = self._http.ask(
            "POST",
            "/v1/auth/token/renew-self",
            what="renewing the token",
            write=False,
            headers=self._headers(self._token),
        )
        if answer.status != 200:
            return False
        return self._keep(answer, renewed=True)

    def _log_in(self) -> None:
        self._token = ""
        settings = self._settings
        body = {"role_id": settings.role_id, "secret_id": self._secret_id().get_secret_value().decode()}
        try:
            path = f"/v1/auth/{settings.auth_mount}/login"
            answer = self._http.ask("POST", path, what="signing in", write=True, headers=self._headers(""), body=body)
        except InDoubt as error:  # the worst is a token that nobody has, and that ends by itself
            raise self._http.away("signing in: no answer") from error
        if answer.status in (400, 403):
            raise SignInFailed(
                f"the secret store {self.name} refuses our AppRole",
                remedy="Make a new secret id for the role and store it with `tenantry vault put --tenant _msp`; one that is used up "
                "or has expired is refused.",
                status=answer.status,
            )
        if answer.status != 200:
            raise self._meaning(answer, "signing in")
        self._keep(answer, renewed=False)

    def _keep(self, answer: StoreAnswer, *, renewed: bool) -> bool:
        try:
            given = answer.data["auth"]
            token, life = str(given["client_token"]), float(given["lease_duration"])
        except (KeyError, TypeError, ValueError):
            token, life = "", 0.0
        if not token:
            raise VendorFault(f"the secret store {self.name} gave no token")
        if renewed and life < 1.0:
            return False
        self._token = token
        self._renew_at = self._monotonic() + life / 2 if life else float("inf")  # 0: it does not end
        return True

    # --- calls --------------------------------------------------------------------------------------------------------

    def _headers(self, token: str) -> dict[str, str]:
        headers = {"X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if self._settings.namespace is not None:
            headers["X-Vault-Namespace"] = self._settings.namespace
        return headers

    def _call(
        self, method: str, area: str, tenant: str, name: str, *, write: bool = False, body: Any = None, **params: str
    ) -> StoreAnswer:
        path = f"{self._settings.mount}/{area}/{self._settings.prefix}/{tenant}/{quote(name)}"
        return self._authorized(method, path, f"{method} {area}", write, body, params)

    def _authorized(
        self, method: str, path: str, what: str, write: bool = False, body: Any = None, params: Any = None
    ) -> StoreAnswer:
        token = self._signed_in()
        for again in (False, True):
            answer = self._http.ask(
                method, f"/v1/{path}", what=what, write=write, headers=self._headers(token), body=body, params=params
            )
            # 403 says both "this token is none" and "not for this token": a fresh one tells which, once.
            if answer.status != 403 or again or self._known(token):
                break
            token = self._signed_in(refused=token)
        if answer.status < 300 or (answer.status == 404 and not write):
            return answer
        raise self._meaning(answer, what)

    def _known(self, token: str) -> bool:
        answer = self._http.ask(
            "GET", "/v1/auth/token/lookup-self", what="looking at the token", headers=self._headers(token)
        )
        if answer.status in (200, 403):
            return answer.status == 200
        raise self._meaning(answer, "looking at the token")

    def _meaning(self, answer: StoreAnswer, what: str) -> TenantryError:
        """What a refusal is. The server's words are not repeated: they may quote what was sent."""
        status = answer.status
        if status == 503:
            return self._http.away(
                f"it is sealed, or in maintenance (status {status})",
                remedy="Unseal it (`bao operator unseal`), then resume the run.",
                status=status,
            )
        if status in (429, 472, 473, 500, 501, 502, 504, 412) or 300 <= status < 400:
            return self._http.away(f"{what}: status {status}; it may be without a leader", status=status)
        if status == 403:
            return PermissionMissing(
                f"the secret store {self.name} does not let our role do {what}",
                remedy="Give the role's policy the paths that integrations/openbao names.",
                status=status,
            )
        return Rejected(f"{what} was refused by the secret store {self.name} with status {status}", status=status)

    def _metadata(self, tenant: str, name: str) -> dict[str, Any] | None:
        answer = self._call("GET", "metadata", tenant, name)
        if answer.status == 404:
            return None
        try:
            found: dict[str, Any] = answer.data["data"]
            _ = found["versions"], found["current_version"]
        except (KeyError, TypeError):
            found = {}
        if not found:
            raise VendorFault(f"the secret store {self.name} gave half an answer")
        return found

    def _read(self, tenant: str, name: str, version: int) -> tuple[bytes, Facts]:
        answer = self._call("GET", "data", tenant, name, version=str(version))
        if answer.status == 404:
            raise NotFound(f"no secret {name} version {version} for {tenant} in {self.name}")
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        if not isinstance(data, dict) or (data.get("metadata") or {}).get("version") != version:
            raise SecretUnreadable(f"the secret store {self.name} answers with another version of {name}")
        return unwrap_value(tenant, name, data.get("data"))

    def _names(self, tenant: str, below: str) -> Iterator[str]:
        base = f"{self._settings.mount}/metadata/{self._settings.prefix}/{tenant}/"
        for key in self._names_at(base + quote(below)):
            if key.endswith("/"):
                yield from self._names(tenant, below + key)
            else:
                yield below + key

    def _names_at(self, path: str) -> builtins.list[str]:
        answer = self._authorized("GET", path, "list", params={"list": "true"})
        if answer.status == 404:
            return []
        try:
            return [str(key) for key in answer.data["data"]["keys"]]
        except (KeyError, TypeError):
            raise VendorFault(f"the secret store {self.name} gave half an answer") from None


class _Vendor:
    """The kind of store, for the assembly."""

    vendor = VENDOR
    Settings = OpenBaoSettings
    secrets = ("secret_id",)

    def open(self, name: str, settings: Any, secrets: Callable[[str], SecretBytes]) -> OpenBaoStore:
        return OpenBaoStore(name, OpenBaoSettings.model_validate(settings), lambda: secrets("secret_id"))


STORE: Final = _Vendor()


def _current(known: dict[str, Any] | None) -> int:
    return int(known["current_version"]) if known else 0


def _live(known: dict[str, Any] | None) -> builtins.list[int]:
    """Numbers that can be opened, the newest first."""
    versions = known["versions"] if known else {}
    return sorted(
        (
            int(number)
            for number, said in versions.items()
            if not said.get("destroyed") and not said.get("deletion_time")
        ),
        reverse=True,
    )


def _time(text: str) -> datetime:
    # Nanoseconds; Python reads six digits.
    head, _, rest = text.partition(".")
    digits = rest.rstrip("Z")[:6]
    return datetime.fromisoformat(f"{head.rstrip('Z')}{'.' + digits if digits else ''}+00:00")
