"""Providers of a drill: the tenant's file says who takes part, the lab plays all of its vendors.

A drill walks the same runbook with the same tenant file as a real run; what is behind the capabilities is a lab in this
process, made for this one drill. Nothing here can reach a network: the transport is the lab itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from pydantic import SecretBytes

from integrations.lab.lab import Lab
from integrations.lab.provider import PROVIDER as CLOUD
from integrations.labhosts.provider import PROVIDER as HOSTS
from integrations.messages.provider import PROVIDER as MESSAGES
from integrations.microsoft365.provider import PROVIDER as MICROSOFT365
from integrations.sink.provider import PROVIDER as SINK
from tenantry.errors import OutOfScope
from tenantry.providers import Handle

_BASE = "https://lab.invalid"  # RFC 6761: never resolves, should a request ever leave the transport
_CLOUDS = frozenset({"aws", CLOUD.vendor})
"""Vendors whose place the lab's cloud account takes."""


class Drill:
    """One drill's stand-in for everything that a tenant's file names.

    Args:
        tenant: the tenant's name; the same tenant drills on the same made-up directory.
        domain: the client's own domain, so that addresses look like theirs.
        victim: the account that the run is about; the drill's story happens to it.
        host: the host that the run is about, likewise: the story is then that of a compromised host.
        access_key: the key of a cloud account that the run is about; then the story is that of the leaked key.
        named: lists of what the run is about (``hosts``, ``buckets``, ``principals``, ``sources``); then the story is that of ransomware.
    """

    def __init__(
        self,
        tenant: str,
        domain: str,
        victim: str | None = None,
        *,
        host: str | None = None,
        access_key: str | None = None,
        named: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        seed = int.from_bytes(hashlib.sha256(tenant.encode()).digest()[:4])
        scenario = "ransomware" if named else "compromised_host" if host else "leaked_key" if access_key else "bec"
        self.lab = Lab(scenario, seed=seed, domain=domain, victim=victim, host=host, access_key=access_key, named=named)

    async def open(self, vendor: str) -> Handle:
        """The lab in the place of a vendor.

        Raises:
            OutOfScope: the lab cannot play this vendor.
        """
        transport = httpx.ASGITransport(self.lab.app)
        if vendor == MICROSOFT365.vendor:
            settings: dict[str, Any] = {
                "tenant_id": self.lab.tenant_id,
                "client_id": self.lab.client_id,
                "login_url": f"{_BASE}/login",
                "graph_url": f"{_BASE}/graph",
                "exchange_url": f"{_BASE}/exchange",
            }
            return await MICROSOFT365.open(settings, self._secret, transport=transport)
        if vendor in (SINK.vendor, MESSAGES.vendor):
            base = {"base_url": f"{_BASE}/sink"}
            return await SINK.open(SINK.Settings.model_validate(base), self._secret, transport=transport)
        if vendor in (HOSTS.vendor, "linux"):
            return await HOSTS.open({"base_url": _BASE}, self._secret, transport=transport)
        if vendor in _CLOUDS:
            return await CLOUD.open({"base_url": f"{_BASE}/cloud"}, self._cloud_secret, transport=transport)
        raise OutOfScope(f"the lab cannot stand in for {vendor!r}", remedy="Leave this provider out of the drill.")

    async def _cloud_secret(self, _: str) -> SecretBytes:
        return SecretBytes(self.lab.cloud_token.encode())

    async def _secret(self, name: str) -> SecretBytes:
        value = self.lab.sink_token if name == "token" else self.lab.client_secret
        return SecretBytes(value.encode())
