"""A stand whose tenant is the lab, over real HTTP, through the real Microsoft 365 provider."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.lab import Lab, LabServer
from integrations.lab.provider import PROVIDER as CLOUD
from integrations.labhosts.provider import PROVIDER as HOSTS
from integrations.microsoft365.provider import PROVIDER as MICROSOFT365
from integrations.sink.provider import PROVIDER as SINK
from tenantry.capabilities.credentials import CredentialServices
from tenantry.discovery import TaskRegistry
from tenantry.names import SecretRef
from tenantry.providers import SignsInAhead
from tenantry.vault import Vault
from tests.support.stand import Access, Stand

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"

SECRET = "m365/client-secret"
"""Of the vault of a stand whose application is registered in the lab's tenant."""
RUNBOOK_OF = {
    "bec": ("business_email_compromise", "account"),
    "leaked_key": ("leaked_cloud_key", "access_key"),
}
"""Scenario → the runbook that answers it, and the parameter that names what it is about."""

SUBJECT: Mapping[str, Any] = {
    "name": "acme",
    "display_name": "Acme Ltd",
    "domains": ["contoso-lab.example"],
    "time_zone": "Europe/Berlin",
    "language": "en",
    "countries": [],
    "known_networks": [],
    "contacts": [
        {"id": "jo", "name": "Jo Doe", "email": "jo@acme.example", "phone": None, "role": "primary", "language": "en"},
        {
            "id": "sam",
            "name": "Sam Roe",
            "email": "sam@acme.example",
            "phone": None,
            "role": "security",
            "language": "en",
        },
    ],
    "response_team": [],
    "agreement": {
        "signed_on": "2026-01-01",
        "services_in_scope": ["microsoft365"],
        "services_out_of_scope": [],
        "update_cadence_minutes": {"critical": 60, "high": 240, "medium": 1440},
        "notice_period_hours": 24,
    },
    "regimes": ["gdpr"],
    "insurer": None,
}


@cache
def every_task() -> TaskRegistry:
    """All of ours. A process looks for them once: runbooks that were checked against one registry are not checked again."""
    return TaskRegistry.discover(entry_points=False)


class LabStand:
    """A lab in this process, served on a port, and a stand beside it.

    Args:
        runbook: of the incident, the scenario's own when None; ``params`` are its parameters, what was compromised when None.
    """

    def __init__(
        self,
        folder: Path,
        *,
        scenario: str = "bec",
        seed: int = 1,
        users: int = 60,
        serve: bool = True,
        runbook: str | None = None,
        params: Callable[[Lab], dict[str, Any]] | None = None,
        application: Literal["elsewhere", "here"] = "elsewhere",
    ) -> None:
        usual, param = RUNBOOK_OF.get(scenario, RUNBOOK_OF["bec"])
        self.runbook = runbook or usual
        self._params = params or (lambda _: {param: self.account})
        self.lab = Lab(scenario, seed=seed, users=users, application=application)
        self.server = LabServer(self.lab)
        if serve:
            self.server.start()
        self.stand = Stand(folder, every_task())
        for name, roles in (("ann", ("approver", "engineer", "lead")), ("bob", ("approver", "engineer", "lead"))):
            self.stand.person(name, *roles)
        if application == "here":
            self.stand.vault.put("acme", SECRET, self.lab.client_secret, kind="client_secret")
        self.text = next(RUNBOOKS.glob(f"*/{self.runbook}.yaml")).read_text(encoding="utf-8")

    @property
    def account(self) -> str:
        """The account, or the key, that the incident is opened for."""
        if self.lab.scenario == "leaked_key":
            return str(self.lab.scenario_info()["accounts"]["key"])
        return str(self.lab.scenario_info()["compromised"][0])

    async def access(self, transport: httpx.AsyncBaseTransport | None = None) -> LabAccess:
        return await LabAccess.open(self.server.base_url, self.lab, transport)

    def create(self, run_id: str = "run-1", **more: Any) -> str:
        params = {**self._params(self.lab), **more.pop("params", {})}
        return self.stand.create(self.text, params, run_id=run_id, source=f"{self.runbook}.yaml", **more)

    async def to_the_end(self, run_id: str = "run-1", person: str = "ann", policy: Any = None) -> Any:
        """Run, answer every question with yes, until nothing more is asked."""
        access = await self.access()
        try:
            while True:
                engine = self.stand.engine(access) if policy is None else self.stand.engine(access, policy)
                state = await engine.run(run_id)
                if state.ended is not None or not self.stand.answer(run_id, person, reason="checked"):
                    return state
        finally:
            await access.aclose()

    def close(self) -> None:
        self.server.stop()
        self.stand.close()


class LabAccess(Access):
    """The lab's tenant as a run sees it."""

    @classmethod
    async def open(
        cls, base: str, lab: Lab, transport: httpx.AsyncBaseTransport | None = None, vault: Vault | None = None
    ) -> LabAccess:
        """``vault``: whose `SECRET` signs in, and which a rotation may change; None: the lab's own secret, for ever."""
        secrets = {"client_secret": lab.client_secret, "token": lab.sink_token, "cloud": lab.cloud_token}

        async def secret(name: str) -> SecretBytes:
            if vault is not None and name == "client_secret":
                return vault.get("acme", SECRET)
            return SecretBytes(secrets[name].encode())

        async def services(_: str) -> CredentialServices:
            found: CredentialServices = microsoft365.capability("credentials")
            return found

        microsoft365 = await MICROSOFT365.open(
            {
                "tenant_id": lab.tenant_id,
                "client_id": lab.client_id,
                "login_url": f"{base}/login",
                "graph_url": f"{base}/graph",
                "exchange_url": f"{base}/exchange",
            },
            secret,
            transport=transport,
        )
        sink = await SINK.open(SINK.Settings.model_validate({"base_url": f"{base}/sink"}), secret, transport=transport)
        hosts = await HOSTS.open({"base_url": base}, secret, transport=transport)
        cloud = await CLOUD.open({"base_url": f"{base}/cloud"}, lambda _: secret("cloud"), transport=transport)
        made = cls(subject=SUBJECT)
        made._handles = {
            **dict.fromkeys(CLOUD.capabilities, cloud),
            **{name: microsoft365 for name in MICROSOFT365.capabilities if name != "credentials"},
            "messenger": sink,
            **dict.fromkeys(HOSTS.capabilities, hosts),
        }
        refs = {"m365": {"client_secret": SecretRef("acme", SECRET)}}
        made._credentials = None if vault is None else TenantCredentials(vault, "acme", services, refs)
        return made

    _credentials: TenantCredentials | None
    _handles: Mapping[str, Any]

    async def capability(self, name: str) -> Any:
        if name == "secrets":
            return Passwords()
        if name == "credentials":
            return self._credentials
        return self._handles[name].capability(name)

    async def ahead(self, names: Collection[str]) -> None:
        for name in names:
            handle = self._handles.get(name)
            if isinstance(handle, SignsInAhead):
                handle.ahead(names)

    async def aclose(self) -> None:
        for handle in {id(handle): handle for handle in self._handles.values()}.values():
            await handle.aclose()


class Passwords:
    """The ``secrets`` capability: the same name gives the same password."""

    async def generate_password(self, name: str) -> Any:
        from pydantic import SecretStr

        return SecretStr(f"Aa1!{abs(hash(name)):020d}")

    def reference(self, name: str) -> str:
        return f"vault:acme/{name}"


def audit_key(audit: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """What was written, without times and ids of requests: service, method, target."""
    return [(entry["service"], entry["method"], entry["target"]) for entry in audit]
