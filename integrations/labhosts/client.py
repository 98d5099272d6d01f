"""``host`` at the lab: the same promises as over SSH, through the client that all of the lab's services are called with."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from integrations.http import Answer, Authorizer, Http, refused
from tenantry.capabilities import (
    AuthorizedKey,
    CronEntry,
    HostAccount,
    HostConnection,
    HostFacts,
    HostFile,
    HostLogin,
    HostRef,
    HostSession,
    HostSurvey,
    HostUnit,
    Isolation,
    OtherWayIn,
    Package,
    Process,
    Update,
)
from tenantry.errors import Rejected, TargetNotFound, TenantryError, Unreachable, VendorFault

__all__ = ["Calls", "LabHosts"]

M = TypeVar("M", bound=BaseModel)


class _Away(Rejected):
    """The lab says that the host itself does not answer: asking the lab again helps nothing."""


def _refused(answer: Answer, what: str) -> TenantryError:
    if answer.status == 404:
        return TargetNotFound(f"there is no such thing: {what}", vendor="labhosts", **answer.ids)
    if answer.status == 421:
        return _Away(f"the host does not answer: {what}", vendor="labhosts", **answer.ids)
    return refused(answer, what)


class Calls:
    """How the lab's hosts are asked and told."""

    def __init__(self, http: Http, authorizer: Authorizer, base_url: str) -> None:
        self._http = http
        self._authorizer = authorizer
        self._url = f"{base_url.rstrip('/')}/hosts"

    async def get(self, where: str, /, **query: str) -> Any:
        """What a read of ``/hosts<where>`` gives. Raises TargetNotFound, Unreachable, VendorFault."""
        url = self._url + where + (f"?{urlencode(query)}" if query else "")
        try:
            answer = await self._http.read("GET", url, authorizer=self._authorizer, dialect=_refused)
        except _Away as away:
            raise Unreachable(away.message, vendor="labhosts") from away
        if not isinstance(answer.data, dict) or "value" not in answer.data:
            raise VendorFault("the lab answered without a value", vendor="labhosts", **answer.ids)
        return answer.data["value"]

    async def one(self, model: type[M], host: str, what: str) -> M:
        """One thing of a host."""
        try:
            return model.model_validate(await self.get(f"/{quote(host, safe='')}/{what}"))
        except ValidationError:
            raise VendorFault(f"the lab's {what} are of another form", vendor="labhosts") from None

    async def bytes(self, host: str, what: str, **query: str) -> bytes:
        """What a read gives as bytes."""
        try:
            return base64.b64decode(await self.get(f"/{quote(host, safe='')}/{what}", **query), validate=True)
        except (ValueError, TypeError):
            raise VendorFault(f"the lab's {what} is of another form", vendor="labhosts") from None

    async def all(self, model: type[M], host: str, what: str, **query: str) -> list[M]:
        """Rows of a read about one host."""
        rows = await self.get(f"/{quote(host, safe='')}/{what}", **query)
        try:
            return [model.model_validate(row) for row in rows]
        except (ValidationError, TypeError):
            raise VendorFault(f"the lab's {what} are of another form", vendor="labhosts") from None

    async def post(self, host: str, what: str, body: Mapping[str, Any]) -> None:
        """A write about one host."""
        try:
            await self._http.write(
                "POST",
                f"{self._url}/{quote(host, safe='')}/{what}",
                content=json.dumps(body).encode(),
                authorizer=self._authorizer,
                dialect=_refused,
            )
        except _Away as away:
            raise Unreachable(away.message, vendor="labhosts") from away


class LabHosts(Calls):
    """Implements :class:`tenantry.capabilities.Host`."""

    # --- reads --------------------------------------------------------------------------------------------------------

    async def hosts(self) -> Sequence[HostRef]:
        try:
            return [HostRef.model_validate(row) for row in await self.get("")]
        except (ValidationError, TypeError):
            raise VendorFault("the lab's list of hosts is of another form", vendor="labhosts") from None

    async def facts(self, host: str) -> HostFacts:
        return await self.one(HostFacts, host, "facts")

    async def accounts(self, host: str) -> Sequence[HostAccount]:
        return await self.all(HostAccount, host, "accounts")

    async def sessions(self, host: str) -> Sequence[HostSession]:
        return await self.all(HostSession, host, "sessions")

    async def logins(self, host: str, since: datetime) -> AsyncIterator[HostLogin]:
        for login in await self.all(HostLogin, host, "logins", since=since.isoformat()):
            yield login

    async def authorized_keys(self, host: str) -> Sequence[AuthorizedKey]:
        return await self.all(AuthorizedKey, host, "authorized_keys")

    async def other_ways_in(self, host: str) -> Sequence[OtherWayIn]:
        return await self.all(OtherWayIn, host, "other_ways_in")

    async def units(self, host: str) -> Sequence[HostUnit]:
        return await self.all(HostUnit, host, "units")

    async def cron(self, host: str) -> Sequence[CronEntry]:
        return await self.all(CronEntry, host, "cron")

    async def processes(self, host: str) -> Sequence[Process]:
        return await self.all(Process, host, "processes")

    async def connections(self, host: str) -> Sequence[HostConnection]:
        return await self.all(HostConnection, host, "connections")

    async def packages(self, host: str) -> Sequence[Package]:
        return await self.all(Package, host, "packages")

    async def updates(self, host: str) -> Sequence[Update]:
        return await self.all(Update, host, "updates")

    async def files(self, host: str, paths: Sequence[str]) -> AsyncIterator[HostFile]:
        for file in await self.all(HostFile, host, "files", paths=json.dumps(list(paths))):
            yield file

    async def read_file(self, host: str, path: str) -> AsyncIterator[bytes]:
        yield await self.bytes(host, "read_file", path=path)

    async def volatile_sources(self, host: str) -> Sequence[str]:
        return [str(name) for name in await self.get(f"/{quote(host, safe='')}/volatile_sources")]

    async def volatile(self, host: str, source: str) -> AsyncIterator[bytes]:
        yield await self.bytes(host, "volatile", source=source)

    async def process_image(self, host: str, process: str, part: Literal["executable", "maps"]) -> AsyncIterator[bytes]:
        yield await self.bytes(host, "process_image", process=process, part=part)

    async def survey(self, host: str) -> HostSurvey:
        return await self.one(HostSurvey, host, "survey")

    async def isolation(self, host: str) -> Isolation:
        return await self.one(Isolation, host, "isolation")

    async def reaches(self, host: str, other: str) -> bool:
        return await self.get(f"/{quote(host, safe='')}/reaches", other=other) is True

    # --- writes -------------------------------------------------------------------------------------------------------

    async def lock_account(self, host: str, account: str) -> None:
        await self.post(host, "lock_account", {"account": account})

    async def unlock_account(self, host: str, account: str, *, password: bool, expires: date | None) -> None:
        body = {"account": account, "password": password, "expires": expires.isoformat() if expires else None}
        await self.post(host, "unlock_account", body)

    async def end_sessions(self, host: str, account: str) -> None:
        await self.post(host, "end_sessions", {"account": account})

    async def set_key_enabled(self, host: str, key: AuthorizedKey, enabled: bool) -> None:
        await self.post(host, "set_key_enabled", {"key": key.model_dump(mode="json"), "enabled": enabled})

    async def set_unit_enabled(self, host: str, unit: HostUnit, enabled: bool) -> None:
        await self.post(host, "set_unit_enabled", {"unit": unit.model_dump(mode="json"), "enabled": enabled})

    async def set_cron_enabled(self, host: str, entry: CronEntry, enabled: bool) -> None:
        await self.post(host, "set_cron_enabled", {"entry": entry.model_dump(mode="json"), "enabled": enabled})

    async def signal(self, host: str, process: str, kind: Literal["stop", "continue", "kill"]) -> None:
        await self.post(host, "signal", {"process": process, "kind": kind})

    async def install_updates(self, host: str, updates: Sequence[Update]) -> None:
        await self.post(host, "install_updates", {"updates": [u.model_dump(mode="json") for u in updates]})

    async def isolate(self, host: str, allowed: Sequence[str]) -> None:
        await self.post(host, "isolate", {"allowed": list(allowed)})

    async def release(self, host: str) -> None:
        await self.post(host, "release", {})
