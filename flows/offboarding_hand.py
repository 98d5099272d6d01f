"""The ``offboarding`` capability of a run (`tenantry.capabilities.offboarding`): what is held for a client, our own access, and trying it.

The file is read anew each time, because people write into it while a run waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flows.handing_over import DELIVERED, label_of
from flows.keeping import Keeping, backups_counted, backups_taken, keepings
from flows.partnership import Partnership
from tenantry import deadline, holds
from tenantry.broker import BrokeredVault
from tenantry.capabilities.cloud_access import CloudAccess
from tenantry.capabilities.credentials import CredentialService, Leaving
from tenantry.capabilities.directory import Directory
from tenantry.capabilities.offboarding import (
    Delivered,
    Holding,
    KeptByLaw,
    OwnAccess,
    StandingHold,
    Terms,
    Tried,
)
from tenantry.errors import NotFound, Rejected, TenantryError
from tenantry.providers import Departs, LeavesBehind, Recognised

if TYPE_CHECKING:
    from flows.assembly import Installation, TenantContext
    from tenantry.tenants import Tenant

__all__ = ["TenantOffboarding", "marks_of"]

_PATIENCE: Final = 60.0
"""Seconds that one system may take to answer."""

T = TypeVar("T")


def marks_of(tenant: Tenant) -> tuple[str, ...]:
    """Texts by which a client is known in logs."""
    return (tenant.name, tenant.display_name, *tenant.domains)


class TenantOffboarding:
    """Implements :class:`~tenantry.capabilities.offboarding.Offboarding`."""

    def __init__(self, installation: Installation, context: TenantContext) -> None:
        self._installation = installation
        self._context = context
        self._tenant = context.name

    async def terms(self) -> Terms:
        tenant = await self._file()
        own = tenant.offboarding
        try:
            contact = tenant.contact(own.contact)
        except NotFound:
            contact = None
        enrolled = None
        if contact is not None:
            enrolled = await self._thread(self._installation.contacts.get, tenant.name, contact.id)
        return Terms(
            client=tenant.display_name,
            choice=tenant.agreement.on_termination,
            ends_on=tenant.agreement.ends_on,
            retention_days=tenant.agreement.retention_days,
            contact=contact.id if contact is not None else "",
            contact_name=contact.name if contact is not None else "",
            enrolled=enrolled is not None,
            place=label_of(tenant),
            recipients=tuple(own.age_recipients),
            retained=tuple(KeptByLaw(**one.model_dump()) for one in own.retained),
            by_hand=tuple(own.by_hand),
        )

    async def holds(self) -> Sequence[StandingHold]:
        tenant = await self._file()
        now = self._installation.journal.clock.now()
        found = await self._thread(holds.in_force, self._installation.journal, tenant, now.date())
        return [
            StandingHold(id=one.id, matter=one.matter, scope=one.scope, since=one.since, by=one.by) for one in found
        ]

    async def holdings(self) -> Sequence[Holding]:
        tenant = await self._file()
        places = await self._thread(keepings, self._installation, tenant.name, marks_of(tenant))
        here = [await self._thread(_looked_at, place) for place in places]
        here += await self._thread(self._backups)
        stores = await asyncio.gather(*(self._stored(one) for one in tenant.offboarding.held_at))
        partnership = Partnership.found(self._installation, tenant)
        keys = [source.key for source in self._context.sources()] + ([partnership.key] if partnership else [])
        systems = await asyncio.gather(*(self._system(key) for key in keys))
        return [*here, *stores, *systems]

    async def delivered(self, run_id: str) -> Delivered | None:
        entries = await self._thread(self._installation.journal.of, self._tenant, DELIVERED)
        said = next((one.data for one in reversed(entries) if one.data.get("run") == run_id), None)
        if said is None:
            return None
        return Delivered.model_validate({name: said[name] for name in Delivered.model_fields})

    async def accesses(self) -> Sequence[OwnAccess]:
        tenant = await self._file()
        kept = {one.provider for one in tenant.offboarding.held_at}
        found = [await self._access(source) for source in self._context.sources() if source.key not in kept]
        partnership = Partnership.found(self._installation, tenant)
        return found if partnership is None else [*found, await self._delegated(partnership)]

    async def leave(self, provider: str) -> None:
        tenant = await self._file()
        partnership = Partnership.found(self._installation, tenant)
        if partnership is not None and partnership.key == provider:
            await partnership.end()
            return
        handle: Any = await self._context.handle(provider)
        if isinstance(handle, Departs) and await handle.can_depart():
            deadline.check()
            await handle.depart()
            return
        services = {name: one for name, one in (await self._services(provider)).items() if isinstance(one, Leaving)}
        if not services:
            raise Rejected(f"{provider} cannot take its own access away", remedy="A person of the client does.")
        for name, service in services.items():
            ref = tenant.providers[provider].secrets[name]
            value = await self._thread(self._get, ref.name)
            deadline.check()
            await service.leave(value)

    async def tried(self, provider: str) -> Tried:
        partnership = Partnership.found(self._installation, await self._file())
        try:
            async with asyncio.timeout(_PATIENCE):
                if partnership is not None and partnership.key == provider:
                    alive = tuple(f"{one.name} ({one.status})" for one in await partnership.standing())
                    return Tried(provider=provider, state="works" if alive else "ended", alive=alive)
                found = await self._checked(provider)
        except TimeoutError:
            return Tried(provider=provider, state="unknown", why="it did not answer in time")
        except TenantryError as error:
            return Tried(provider=provider, state="unknown", why=error.message)
        why = "; ".join(found.problems)[:500]
        if found.tried:
            alive = tuple(sorted(name for name, took in found.tried.items() if took))
            if alive or found.signed_in:
                return Tried(provider=provider, state="works", alive=alive, why=why)
            dead = all(took is False for took in found.tried.values())
            return Tried(provider=provider, state="refused" if dead else "unknown", why=why)
        if found.signed_in:
            return Tried(provider=provider, state="works", why=why)
        if found.signed_in is None:
            return Tried(provider=provider, state="untried", why=why)
        # A service that is in trouble has refused nothing.
        return Tried(provider=provider, state="refused" if found.refused else "unknown", why=why)

    async def expiries(self) -> dict[str, datetime | None]:
        """When credentials end that live in the client's systems, by system and name; None: that system could not be asked. For the successor."""
        found: dict[str, datetime | None] = {}
        for source in self._context.sources():
            try:
                async with asyncio.timeout(_PATIENCE):
                    seen = await self._checked(source.key)
            except (TimeoutError, TenantryError):
                found[source.key] = None
                continue
            found |= {f"{source.key}: {name}": at for name, at in seen.expiries.items()}
        return found

    async def administrators(self) -> dict[str, list[dict[str, str]] | None]:
        """Who administers the client's systems, by system; None: it could not be asked. A system that keeps no such list is left out. For the successor."""
        found: dict[str, list[dict[str, str]] | None] = {}
        for source in self._context.sources():
            vendor = self._installation.providers.get(source.config.vendor)
            offered = source.config.capabilities or (vendor.capabilities if vendor is not None else ())
            kinds = [kind for kind in _ADMINISTRATORS if kind in offered]
            if not kinds:
                continue
            try:
                async with asyncio.timeout(_PATIENCE):
                    handle: Any = await self._context.handle(source.key)
                    found[source.key] = [
                        one for kind in kinds async for one in _ADMINISTRATORS[kind](handle.capability(kind))
                    ]
            except (TimeoutError, TenantryError):
                found[source.key] = None
        return found

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _checked(self, provider: str) -> Any:
        """Opened for this look alone: a session that lives on proves nothing."""
        source = next((one for one in self._context.sources() if one.key == provider), None)
        if source is None:
            raise NotFound(f"{self._tenant} has no provider {provider}")
        handle = await self._context.opened_afresh(source)
        try:
            return await handle.check()
        finally:
            await handle.aclose()

    async def _services(self, provider: str) -> dict[str, CredentialService]:
        if provider not in self._context.tenant.providers:
            return {}
        return dict(await self._context.credential_services(provider))

    async def _delegated(self, partnership: Partnership) -> OwnAccess:
        told = {"provider": partnership.key, "vendor": "microsoft365"}
        try:
            standing = await partnership.standing()
        except TenantryError as error:
            what = (f"delegated administration (GDAP) of our people: what stands is not known: {error.message}",)
            return OwnAccess.model_validate({**told, "by_itself": False, "what": what})
        listed = tuple(f"delegated administration (GDAP) of our people: {one.name}, {one.status}" for one in standing)
        # What waits for the client's approval gives nothing yet, and the partner has no way to take it back.
        able = bool(standing) and all(one.endable for one in standing)
        return OwnAccess.model_validate({**told, "by_itself": able, "what": listed})

    async def _leaves(self, source: Any, handle: Any) -> tuple[bool, list[str]]:
        """Whether we can end it ourselves, and what a person removes then."""
        remains = list(handle.remains()) if isinstance(handle, LeavesBehind) else []
        if isinstance(handle, Departs) and await handle.can_depart():
            return True, remains
        services = await self._services(source.key)
        able = {name for name, one in services.items() if isinstance(one, Leaving) and await one.can_leave()}
        return bool(able), remains + [f"secret {name}" for name in sorted(set(source.config.secrets) - able)]

    async def _access(self, source: Any) -> OwnAccess:
        what: list[str] = []
        remains: list[str] = []
        by_itself = False
        try:
            handle: Any = await self._context.handle(source.key)
            by_itself, remains = await self._leaves(source, handle)
            if isinstance(handle, Recognised):
                ours = await handle.ours()
                what += [f"application {one}" for one in sorted(ours.applications)]
                what += [f"administration as the partner {one}" for one in sorted(ours.partners)]
                what += [f"SSH key SHA256:{one}" for one in sorted(ours.keys)]
                what += [f"trust of AWS account {one}" for one in sorted(ours.cloud_accounts)]
        except TenantryError as error:
            what.append(f"what stands there is not known: {error.message}")
        if source.handle is not None:
            what.append(f"the client as {source.handle} in our own {source.key}")
        what += [f"secret {name}" for name in sorted(source.config.secrets)]
        return OwnAccess(
            provider=source.key,
            vendor=source.config.vendor,
            by_itself=by_itself,
            what=tuple(what),
            remains=tuple(remains) if by_itself else (),
        )

    async def _system(self, key: str) -> Holding:
        found = await self.tried(key)
        state = {"works": "held", "untried": "held", "refused": "nothing", "ended": "nothing"}.get(
            found.state, "unknown"
        )
        return Holding.model_validate(
            {
                "id": f"system/{key}",
                "what": f"Our access to {key}",
                "where": "at the client, or in a tool that we share between clients",
                "state": state,
                "count": 1 if state == "held" else None,
                "unit": "accesses",
                "ours": False,
                "why": found.why if state == "unknown" else "",
            }
        )

    async def _stored(self, one: Any) -> Holding:
        told = {"id": f"stored/{one.id}", "what": one.what, "where": f"{one.bucket}/{one.prefix}", "unit": "objects"}
        try:
            storage = (await self._context.handle(one.provider)).capability("storage")
            count = 0
            async for found in storage.objects(one.bucket, one.prefix, versions=True):
                count += not found.delete_marker
        except TenantryError as error:
            return Holding.model_validate({**told, "state": "unknown", "why": error.message})
        return Holding.model_validate({**told, "state": "held" if count else "nothing", "count": count or None})

    def _backups(self) -> list[Holding]:
        """Those of this installation, by the day on which they go. Nobody here sees whether one is gone, so those whose day is past are listed too."""
        if isinstance(self._installation.vault, BrokeredVault):
            count = backups_counted(self._installation)
            said = "until when each is kept, the package's inventory and the certificate say"
            return [_backups("", said, count)] if count else []
        today = self._installation.journal.clock.now().date()
        found = []
        for until, count in backups_taken(self._installation).items():
            if until is None:
                said = "until when they are kept, nobody recorded"
            elif until >= today:
                said = f"kept until {until}"
            else:
                said = f"to be deleted after {until}; that they were is not known"
            found.append(_backups(f"/{until or 'undated'}", said, count))
        return found

    def _get(self, name: str) -> Any:
        return self._installation.vault.get(self._tenant, name, purpose="ending our own access")

    async def _file(self) -> Tenant:
        return await self._thread(self._installation.tenants.get, self._tenant)

    @staticmethod
    async def _thread(work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.to_thread(work, *arguments)


async def _of_a_directory(directory: Directory) -> AsyncIterator[dict[str, str]]:
    async for one in directory.role_holdings():
        if one.privileged and not one.first_party:
            yield {"who": one.principal, "kind": one.kind, "may": one.role, "how": one.how}


async def _of_an_account(access: CloudAccess) -> AsyncIterator[dict[str, str]]:
    async for user in access.users():
        if user.rights.administrator:
            yield {"who": user.ref, "kind": "user", "may": ", ".join(user.rights.through), "how": "assigned"}
    async for role in access.roles():
        if role.rights.administrator and not role.service:
            yield {"who": role.ref, "kind": "role", "may": ", ".join(role.rights.through), "how": "assumed"}


_ADMINISTRATORS: Final[Mapping[str, Callable[[Any], AsyncIterator[dict[str, str]]]]] = {
    "directory": _of_a_directory,
    "cloud_access": _of_an_account,
}
"""Capability that keeps a list of who may do everything → how it is read."""


def _backups(which: str, said: str, count: int) -> Holding:
    return Holding(
        id=f"backups{which}",
        what=f"Backups of this installation, made by command: {said}",
        where="outside of this machine; where is not recorded",
        state="held",
        count=count,
        unit="backups",
    )


def _looked_at(place: Keeping) -> Holding:
    told = {"id": place.id, "what": place.what, "where": place.where, "unit": place.unit}
    try:
        count = place.count()
    except TenantryError as error:
        return Holding.model_validate({**told, "state": "unknown", "why": error.message})
    return Holding.model_validate({**told, "state": "held" if count else "nothing", "count": count or None})
