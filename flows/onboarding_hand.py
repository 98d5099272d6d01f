"""The ``onboarding`` capability of a run (`tenantry.capabilities.onboarding`): a client's file, vault, contacts and systems, looked at by use.

The file is read anew each time: `tenantry connect` and people write into it while a run waits.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flows.credentials import replaced
from flows.needs import needs_by_vendor, too_much
from tenantry.capabilities.onboarding import (
    Colleague,
    Connection,
    Excess,
    NamedCredential,
    ProviderAccess,
    State,
    VerifiedContact,
)
from tenantry.errors import InvalidInput, NotFound, SignInFailed, TenantryError
from tenantry.journal import Event
from tenantry.providers import ProviderCheck
from tenantry.serving import HandedOver
from tenantry.tenantfields import Section, field_of, set_field

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.tenants import ProviderConfig, Tenant

__all__ = ["AGREED", "TenantOnboarding"]

AGREED: Final = "agreement.recorded"
"""Entry of a client's tree: an agreement was gone through with the client, and by whom."""
_VENDORS: Final = {"m365": "microsoft365", "aws": "aws"}
_PATIENCE: Final = 60.0
"""Seconds that one provider may take."""

T = TypeVar("T")


class TenantOnboarding:
    """Implements :class:`~tenantry.capabilities.onboarding.Onboarding`.

    Args:
        mode: of the run: in a drill every system is the lab's.
    """

    def __init__(self, installation: Installation, tenant: str, mode: str) -> None:
        self._installation = installation
        self._tenant = tenant
        self._mode = mode

    async def providers(self) -> tuple[str, ...]:
        return tuple(self._systems(await self._file()))

    async def credentials(self, provider: str) -> tuple[NamedCredential, ...]:
        tenant = await self._file()
        return await self._thread(self._named, tenant, provider, self._config(tenant, provider))

    async def access(self, provider: str) -> ProviderAccess:
        tenant = await self._file()
        config = self._config(tenant, provider)
        named = await self._thread(self._named, tenant, provider, config)
        found = {"provider": provider, "vendor": config.vendor, "credentials": named}
        if any(one.version is None for one in named):
            return ProviderAccess(**found, state="lacking")
        state, check, problems = await self._tried(provider)
        if check is None or state != "works":
            away = "" if check is None else check.here_and_there
            return ProviderAccess(**found, state=state, problems=(*([away] if away else []), *problems), away=away)
        needed = await self._thread(self._needed, config.vendor)
        return ProviderAccess(
            **found,
            state=state,
            granted=None if check.granted is None else len(check.granted),
            missing=None if check.granted is None else tuple(sorted(needed - check.granted)),
            excess=tuple(
                Excess(name=one["name"], instead=tuple(one["instead"]))
                for one in too_much(check.granted if check.direct is None else check.direct, check.wider, needed)
            ),
            problems=problems,
        )

    async def connections(self) -> tuple[Connection, ...]:
        tenant = await self._file()
        by_vendor: dict[str, str] = {}
        for name, config in self._systems(tenant).items():
            by_vendor.setdefault(config.vendor, name)
        return tuple(
            Connection(cloud=cloud, provider=by_vendor.get(_VENDORS[cloud])) for cloud in tenant.onboarding.connect
        )

    async def contacts(self) -> tuple[VerifiedContact, ...]:
        listed = await self._thread(self._installation.contacts.list, self._tenant)
        return tuple(
            VerifiedContact(contact=one.contact, enrolled_at=one.enrolled_at, verified_at=one.verified_at)
            for one in listed
        )

    async def colleagues(self) -> Mapping[str, Colleague]:
        people = await self._thread(self._installation.people.records)
        return {
            name: Colleague(
                id=name,
                roles=tuple(sorted(one.roles)),
                enabled=one.enabled,
                enrolled=one.enrolled_at is not None,
                here=one.covers(self._tenant),
            )
            for name, one in people.items()
        }

    async def file_digest(self) -> str:
        path = self._installation.tenants.path(self._tenant)
        return hashlib.sha256(await self._thread(path.read_bytes)).hexdigest()

    async def recorded_agreement(self) -> Mapping[str, Any] | None:
        entries = await self._thread(self._installation.journal.of, self._tenant, AGREED)
        return next((one.payload for one in reversed(entries) if one.payload is not None), None)

    async def record_agreement(self, facts: Mapping[str, Any]) -> None:
        await self._thread(self._installation.journal.append, self._tenant, [Event(AGREED, dict(facts))])

    async def field(self, section: Any, key: str) -> Any:
        return await self._thread(field_of, self._installation.tenants, self._tenant, section, key)

    async def set_field(self, section: Section, key: str, value: Any) -> None:
        await self._thread(set_field, self._installation.tenants, self._tenant, section, key, value)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _file(self) -> Tenant:
        return await self._thread(self._installation.tenants.get, self._tenant)

    def _systems(self, tenant: Tenant) -> dict[str, ProviderConfig]:
        """The client's own, and clouds that they let an application of ours into: with that nobody is asked for a credential."""
        shared = {
            one.key: one.config.model_copy(update={"secrets": {}})
            for one in self._installation.sources(tenant)
            if one.handle is not None and one.config.vendor in _VENDORS.values()
        }
        return {**tenant.providers, **shared}

    def _config(self, tenant: Tenant, provider: str) -> ProviderConfig:
        try:
            return self._systems(tenant)[provider]
        except KeyError:
            raise NotFound(
                f"{self._tenant} has no provider {provider}", remedy="Name one of `providers` in the tenant's file."
            ) from None

    def _named(self, tenant: Tenant, provider: str, config: ProviderConfig) -> tuple[NamedCredential, ...]:
        vendor = self._installation.providers.get(config.vendor)
        rotates = getattr(vendor, "rotates", ())
        connected = config.vendor in {_VENDORS[cloud] for cloud in tenant.onboarding.connect}
        found = []
        for secret, ref in config.secrets.items():
            name = f"{provider}/{secret}"
            said = tenant.onboarding.credentials.get(name, HandedOver())
            versions = self._installation.vault.versions(self._tenant, ref.name)
            handed = bool(versions) and not replaced(versions[0])
            found.append(
                NamedCredential(
                    name=name,
                    stored_as=ref.name,
                    version=versions[0].version if versions else None,
                    handed_over=handed and not connected and said.rotate,
                    rotatable=secret in rotates,
                    collect=said.collect and not connected,
                    rotate=said.rotate,
                    kind=said.kind,
                    title=said.title,
                    contact=self._contact(tenant, said.contact),
                )
            )
        return tuple(found)

    @staticmethod
    def _contact(tenant: Tenant, which: str) -> str:
        """The contact's id, so that who is named by id and by role is asked once; as the file says where there is none."""
        try:
            return tenant.contact(which).id
        except NotFound:
            return which

    async def _tried(self, provider: str) -> tuple[State, ProviderCheck | None, tuple[str, ...]]:
        try:
            # A context of its own: what another step opened may be of a file and of credentials that are not any more.
            async with self._installation.access(self._tenant, self._mode) as context, asyncio.timeout(_PATIENCE):
                check = await (await context.handle(provider)).check()
        except TimeoutError:
            return "unreachable", None, (f"no answer within {_PATIENCE:g} s",)
        except TenantryError as error:
            told = (f"{error.message}. {error.remedy}",)
            wrong = isinstance(error, (SignInFailed, InvalidInput))  # a key that is none is wrong before it is tried
            return ("refused" if wrong else "unreachable"), None, told
        state: State = "untried"
        if check.signed_in is not None:
            refused = check.refused and not check.here_and_there  # what one host takes is no wrong credential
            state = "works" if check.signed_in else "refused" if refused else "unreachable"
        return state, check, tuple(check.problems)

    def _needed(self, vendor: str) -> set[str]:
        return needs_by_vendor(self._installation, self._installation.catalog.ids()).get(vendor, set())

    @staticmethod
    async def _thread(work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.to_thread(work, *arguments)
