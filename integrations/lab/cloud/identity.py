"""``cloud_identity`` of the stand-in account."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from integrations.lab.clock import iso
from integrations.lab.cloud.account import REGIONS, CloudAccount
from tenantry.capabilities.cloud_identity import (
    CloudCaller,
    CloudKey,
    CloudLogin,
    CloudPolicy,
    MfaDevice,
    NewCloudKey,
    Principal,
    PrincipalKind,
)
from tenantry.errors import OutOfScope, Rejected, TargetNotFound

_ARN = re.compile(r"^arn:[a-z-]+:(?:iam|sts)::(\d{12}):(user|role|group|assumed-role)/(.+)$")
_REF = re.compile(r"^(user|role|group)/[\w+=,.@-]{1,128}$")
_ID = re.compile(r"^[A-Z0-9]{16,128}$")
_KEYS_A_USER = 2


class LabIdentity:
    """Implements :class:`tenantry.capabilities.CloudIdentity` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    # --- reads --------------------------------------------------------------------------------------------------------

    async def caller(self) -> CloudCaller:
        ref = self._a.responder
        arn = f"arn:aws:sts::{self._a.id}:assumed-{ref}/tenantry"
        return CloudCaller(account=self._a.id, arn=arn, ref=ref, regions=REGIONS)

    async def principals(self, kind: PrincipalKind | None = None) -> AsyncIterator[Principal]:
        for ref, row in self._a.all("principals"):
            if kind in (None, row["kind"]):
                yield self._principal(ref, row)

    async def principal(self, principal: str) -> Principal:
        if _ID.match(principal):
            for ref, row in self._a.all("principals"):
                if row["unique"] == principal:
                    return self._principal(ref, row)
            raise TargetNotFound(f"there is no principal {principal}")
        ref = self._ref(principal)
        return self._principal(ref, self._a.seen("principals", ref))

    async def administrators(self) -> Sequence[Principal]:
        rows = dict(self._a.all("principals"))
        keys = {row["owner"] for _, row in self._a.all("keys") if row["active"]}

        def holds(row: Mapping[str, Any]) -> bool:
            own = any(policy.administrator for policy in self._policies(row))
            return own or any(group in rows and holds(rows[group]) for group in row["groups"])

        return [
            found
            for ref, row in rows.items()
            if row["kind"] in ("user", "role")
            and holds(row)
            and (row["kind"] == "role" or row["login"] or ref in keys)
            and not (found := self._principal(ref, row)).service
        ]

    async def keys(self, principal: str) -> Sequence[CloudKey]:
        ref = self._seen(principal)[0]
        return [self._key(id, row) for id, row in self._a.all("keys") if row["owner"] == ref]

    async def key(self, key_id: str) -> CloudKey:
        return self._key(key_id, self._a.seen("keys", key_id))

    async def login(self, principal: str) -> CloudLogin | None:
        ref, row = self._seen(principal)
        found = row["login"]
        if found is None:
            return None
        return CloudLogin(
            owner=ref,
            created_at=found["at"],
            change_at_next_sign_in=found["change"],
            raw={"UserName": row["name"], "CreateDate": iso(found["at"])},
        )

    async def mfa_devices(self, principal: str) -> Sequence[MfaDevice]:
        ref = self._seen(principal)[0]
        return [
            MfaDevice(id=id, owner=ref, enabled_at=row["at"], raw={"SerialNumber": id, "EnableDate": iso(row["at"])})
            for id, row in self._a.all("mfa")
            if row["owner"] == ref
        ]

    async def policies(self, principal: str) -> Sequence[CloudPolicy]:
        return self._policies(self._seen(principal)[1])

    async def groups(self, user: str) -> Sequence[str]:
        return list(self._seen(user)[1]["groups"])

    async def denied(self, principal: str) -> bool:
        return "TenantryDenyAll" in self._seen(principal)[1]["inline"]

    async def sessions_cut(self, principal: str) -> datetime | None:
        found = self._seen(principal)[1]["inline"].get("TenantryCutSessions")
        return None if found is None else datetime.fromisoformat(found["before"])

    async def trust(self, role: str) -> dict[str, Any]:
        ref, row = self._seen(role)
        if row["kind"] != "role":
            raise Rejected(f"{ref} is no role")
        return dict(row["trust"])

    # --- writes -------------------------------------------------------------------------------------------------------

    async def set_key_active(self, key_id: str, active: bool) -> None:
        owner = self._a.truth("keys", key_id).props["owner"]
        self._a.change("keys", key_id, {"active": active}, "set_key_active", f"{owner}/keys/{key_id}")

    async def create_key(self, principal: str) -> NewCloudKey:
        ref = self._true(principal)[0]
        held = [record for record in self._a.table("keys") if record.props["owner"] == ref]
        if len(held) >= _KEYS_A_USER:
            raise Rejected(f"{ref} has {_KEYS_A_USER} keys already")
        id = self._a.fresh("AKIA", 16).upper()
        row = {"owner": ref, "active": True, "created": self._a.lab.now(), "used": None, "service": "", "region": ""}
        self._a.create("keys", id, row, "create_key", f"{ref}/keys/{id}")
        return NewCloudKey(id=id, secret=SecretStr(self._a.fresh("lab-secret-", 30)))

    async def remove_key(self, key_id: str) -> None:
        found = self._a.table("keys").get(key_id)
        if found is not None:
            self._a.remove("keys", key_id, "remove_key", f"{found.props['owner']}/keys/{key_id}")

    async def remove_login(self, principal: str) -> None:
        ref, row = self._true(principal)
        if row["login"] is not None:
            self._a.change("principals", ref, {"login": None}, "remove_login", f"{ref}/login")

    async def set_login(self, principal: str, password: SecretStr, *, change_at_next_sign_in: bool) -> None:
        ref, row = self._true(principal)
        if not password.get_secret_value():
            raise Rejected("an empty password")
        at = row["login"]["at"] if row["login"] else self._a.lab.now()
        login = {"at": at, "change": change_at_next_sign_in}
        self._a.change("principals", ref, {"login": login}, "set_login", f"{ref}/login")

    async def deactivate_mfa(self, principal: str, device: str) -> None:
        ref = self._true(principal)[0]
        found = self._a.table("mfa").get(device)
        if found is not None and found.props["owner"] == ref:
            self._a.remove("mfa", device, "deactivate_mfa", f"{ref}/mfa/{device}")

    async def put_policy(self, principal: str, name: str, document: Mapping[str, Any]) -> None:
        self._inline(principal, name, dict(document), "put_policy")

    async def remove_policy(self, principal: str, name: str) -> None:
        self._inline(principal, name, None, "remove_policy")

    async def attach_policy(self, principal: str, policy: str) -> None:
        if policy not in self._a.managed:
            raise TargetNotFound(f"there is no policy {policy}")
        ref, row = self._true(principal)
        if policy not in row["attached"]:
            attached = [*row["attached"], policy]
            self._a.change("principals", ref, {"attached": attached}, "attach_policy", f"{ref}/policies/{policy}")

    async def detach_policy(self, principal: str, policy: str) -> None:
        ref, row = self._true(principal)
        if policy in row["attached"]:
            attached = [held for held in row["attached"] if held != policy]
            self._a.change("principals", ref, {"attached": attached}, "detach_policy", f"{ref}/policies/{policy}")

    async def set_denied(self, principal: str, denied: bool) -> None:
        document = {"deny": "*"} if denied else None
        self._inline(principal, "TenantryDenyAll", document, "set_denied")

    async def cut_sessions(self, principal: str, before: datetime) -> None:
        present = self._true(principal)[1]["inline"].get("TenantryCutSessions")
        moment = before.astimezone(UTC).replace(microsecond=0)
        if present is None or datetime.fromisoformat(present["before"]) < moment:
            document = {"before": moment.isoformat()}
            self._inline(principal, "TenantryCutSessions", document, "cut_sessions")

    async def allow_sessions(self, principal: str) -> None:
        self._inline(principal, "TenantryCutSessions", None, "allow_sessions")

    async def set_trust(self, role: str, document: Mapping[str, Any]) -> None:
        ref = self._true(role)[0]
        self._a.change("principals", ref, {"trust": dict(document)}, "set_trust", f"{ref}/trust")

    async def remove_principal(self, principal: str) -> None:
        try:
            ref = self._true(principal)[0]
        except TargetNotFound:
            return
        for table in ("keys", "mfa"):
            for record in list(self._a.table(table)):
                if record.props["owner"] == ref:
                    self._a.table(table).remove(record.id, self._a.now, self._a.lab.faults.lag)
        self._a.remove("principals", ref, "remove_principal", ref)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _inline(self, principal: str, name: str, document: dict[str, Any] | None, method: str) -> None:
        ref, row = self._true(principal)
        if row["inline"].get(name) == document:
            return
        inline = {held: each for held, each in row["inline"].items() if held != name}
        if document is not None:
            inline[name] = document
        self._a.change("principals", ref, {"inline": inline}, method, f"{ref}/policies/{name}")

    def _ref(self, principal: str) -> str:
        match = _ARN.match(principal)
        if match is not None:
            account, kind, path = match.groups()
            if account != self._a.id:
                raise OutOfScope(f"{principal} is a principal of another account")
            return f"role/{path.split('/')[0]}" if kind == "assumed-role" else f"{kind}/{path.rsplit('/', 1)[-1]}"
        if not _REF.match(principal):
            raise Rejected(f"{principal!r} names no principal")
        return principal

    def _seen(self, principal: str) -> tuple[str, dict[str, Any]]:
        ref = self._ref(principal)
        return ref, self._a.seen("principals", ref)

    def _true(self, principal: str) -> tuple[str, dict[str, Any]]:
        ref = self._ref(principal)
        return ref, self._a.truth("principals", ref).props

    def _policies(self, row: Mapping[str, Any]) -> list[CloudPolicy]:
        inline = [
            CloudPolicy(id=name, kind="inline", name=name, document=document, administrator=_administrator(document))
            for name, document in row["inline"].items()
        ]
        return inline + [
            CloudPolicy(
                id=arn,
                kind="attached",
                name=arn.rsplit("/", 1)[-1],
                document=self._a.managed.get(arn),
                administrator=_administrator(self._a.managed.get(arn) or {}),
            )
            for arn in row["attached"]
        ]

    def _principal(self, ref: str, row: Mapping[str, Any]) -> Principal:
        return Principal(
            id=row["unique"],
            ref=ref,
            arn=row["arn"],
            kind=row["kind"],
            name=row["name"],
            created_at=row["created"],
            service=row["path"].startswith("/aws-service-role/"),
            raw={"Arn": row["arn"], "CreateDate": iso(row["created"]), "Id": row["unique"]},
        )

    def _key(self, id: str, row: Mapping[str, Any]) -> CloudKey:
        status = "Active" if row["active"] else "Inactive"
        return CloudKey(
            id=id,
            owner=row["owner"],
            active=row["active"],
            created_at=row["created"],
            last_used_at=row["used"],
            last_used_service=row["service"],
            last_used_region=row["region"],
            raw={"AccessKeyId": id, "Status": status, "CreateDate": iso(row["created"])},
        )


def _administrator(document: Mapping[str, Any]) -> bool:
    found = document.get("Statement") or []
    return any(
        statement.get("Effect") == "Allow" and statement.get("Action") == "*" and statement.get("Resource") == "*"
        for statement in ([found] if isinstance(found, Mapping) else found)
    )
