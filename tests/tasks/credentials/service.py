"""The ``credentials`` capability in memory: one provider, its live credentials, and what the vault holds of them."""

from __future__ import annotations

from tenantry.capabilities.credentials import CredentialState
from tenantry.errors import Conflict
from tests.support.fakes import FakeTenant

PROVIDER = {"provider": "m365"}


class FakeCredentials:
    """Ids stand for values. ``vault``: id by version; ``live``: ids that sign in."""

    def __init__(self, tenant: FakeTenant) -> None:
        self._writes = tenant.writes
        self.vault = ["old"]
        self.live = {"old"}
        self.candidate: str | None = None
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        """Live, and nobody can tell which of the vault's they are."""
        self.suspends = False
        self.made = 0

    async def state(self, provider: str) -> CredentialState:
        current = self.vault[-1] if self.vault[-1] in self.live else None
        superseded = {one for one in self.vault[:-1] if one in self.live} - self.unknown - {self.candidate}
        return CredentialState(
            provider=provider,
            kind="client_secret",
            reference="vault:acme/m365/secret",
            version=len(self.vault),
            previous_version=len(self.vault) - 1 or None,
            current=current,
            candidate=self.candidate if self.candidate in self.live else None,
            candidate_stored=self.candidate is not None,
            superseded=tuple(sorted(superseded)),
        )

    async def make(self, provider: str, label: str) -> None:
        self.made += 1
        self.candidate = f"new-{self.made}"
        self.live.add(self.candidate)
        self._writes.append(("make", provider, None))

    async def discard(self, provider: str) -> None:
        if self.candidate is not None:
            self.live.discard(self.candidate)
            self.candidate = None
            self._writes.append(("discard", provider, None))

    async def candidate_works(self, provider: str) -> bool:
        return self.candidate in self.live - self.refused

    async def promote(self, provider: str, version: int) -> None:
        if version != len(self.vault) or self.candidate is None:
            raise Conflict("another version is the newest")
        self.vault.append(self.candidate)
        self._writes.append(("promote", provider, version))

    async def remove(self, provider: str, id: str) -> None:
        self.live.discard(id)
        self._writes.append(("remove", id, None))

    async def version_works(self, provider: str, version: int) -> bool:
        return self.vault[version - 1] in self.live - self.refused

    async def version_dead(self, provider: str, version: int) -> bool:
        return not await self.version_works(provider, version)

    async def suspend(self, provider: str, id: str) -> bool:
        if not self.suspends:
            return False
        self.refused.add(id)
        self._writes.append(("suspend", id, None))
        return True

    async def forget_candidate(self, provider: str) -> None:
        self.candidate = None
        self._writes.append(("forget", provider, None))


def credentials(tenant: FakeTenant) -> FakeCredentials:
    """The tenant's, made at first use."""
    found = tenant.more.get("credentials")
    if found is None:
        found = tenant.more["credentials"] = FakeCredentials(tenant)
    return found


def made(tenant: FakeTenant) -> FakeCredentials:
    """A candidate lives and is stored."""
    fake = credentials(tenant)
    fake.candidate = "new-1"
    fake.live.add("new-1")
    return fake


def used(tenant: FakeTenant) -> FakeCredentials:
    """The candidate is in use by now."""
    fake = made(tenant)
    fake.vault.append("new-1")
    return fake
