"""The lab: a stand-in tenant with its services, credentials, faults and audit."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from cryptography import x509

from integrations.lab.administrator import Administrator
from integrations.lab.app import App
from integrations.lab.clock import Clock, iso, iso7, utc_now
from integrations.lab.cloud import CloudAccount
from integrations.lab.dice import Dice
from integrations.lab.faults import Faults, describe
from integrations.lab.graph.own_credentials import key_entry
from integrations.lab.graph.service import PERMISSIONS
from integrations.lab.records import Record
from integrations.lab.scenarios import build, furnish
from integrations.lab.sink import Sink
from integrations.lab.state import Tenant
from integrations.lab.tokens import TokenService
from tenantry.errors import InvalidInput

FEWEST_USERS = 20


class Lab:
    """A stateful stand-in for a Microsoft 365 tenant.

    Args:
        scenario: the story it holds: one of :data:`~integrations.lab.scenarios.SCENARIOS`.
        seed: everything made up follows from it; the same seed makes the same tenant.
        users: how many users, 20 or more. They are made when asked for, so a great number costs nothing.
        tenant_id: the directory's GUID; from the seed when omitted.
        domain: the verified domain.
        victim: the user principal name of the story's first victim, instead of a made-up one (for drills).
        host: the name of the host that a story of hosts happens to, likewise.
        access_key: id of the key that the story of the leaked key is about, instead of a made-up one (for drills).
        application: where our application is registered. ``elsewhere``: its credentials are fixed. ``here``: they can be replaced, and
            stay what they are over a reset. ``nowhere``: an administrator has yet to register it and to consent.
        named: what a story of many things is about, likewise: ``hosts``, ``buckets``, ``principals``, ``sources`` → names.
        clock: the time it goes by. The story's times are relative to the moment at which the lab is made.

    Raises:
        InvalidInput: no such scenario, or too few users.
    """

    def __init__(
        self,
        scenario: str = "bec",
        seed: int = 1,
        users: int = 300,
        tenant_id: str | None = None,
        domain: str = "contoso-lab.example",
        clock: Clock = utc_now,
        victim: str | None = None,
        host: str | None = None,
        access_key: str | None = None,
        application: Literal["elsewhere", "here", "nowhere"] = "elsewhere",
        named: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        if users < FEWEST_USERS:
            raise InvalidInput(f"a lab has at least {FEWEST_USERS} users, not {users}", place="users")
        self.now = clock
        self.scenario = scenario
        self.seed = seed
        self.users = users
        self.domain = domain.lower()
        self.victim = victim
        self.host = host
        self.access_key = access_key
        self.named = dict(named or {})
        self.dice = Dice(seed)
        self.tenant_id = (tenant_id or self.dice.guid("tenant")).lower()
        self.client_id = self.dice.guid("client")
        self.client_secret = _secret(self.dice, "client secret")
        self.sink_token = _secret(self.dice, "sink token")
        self.cloud_token = _secret(self.dice, "cloud token")
        self.cloud_refused: set[str] = set()
        """Methods of the cloud account (``capability.method``) that are not granted."""
        self.page_key = self.dice.bytes(16, "pages")
        self.token_life = 3600
        """Seconds that a token lives."""
        self.audit_query_polls = 2
        """How many looks a search of the unified audit log takes to succeed."""
        self.password_writeback = False
        """Whether a new password reaches Active Directory for synced users."""
        self.sync_interval = 1800.0
        """Seconds between directory syncs."""
        self.audit: list[dict[str, Any]] = []
        """Every accepted write in order: ``{seq, at, service, method, target, before, after, caller}``."""
        self.writes = 0
        """How many writes there were ever, over resets."""
        self.faults = Faults()
        self.tokens = TokenService(self)
        self.sink = Sink(self)
        self.granted_roles: frozenset[str] = frozenset()
        self.exchange_roles: frozenset[str] = frozenset()
        self.exchange_admin_roles: frozenset[str] = frozenset()
        self.application = application
        self.known = application != "nowhere"
        """Whether our application may sign in at all."""
        self.asked: frozenset[str] = frozenset()
        """Permissions that our registration asks for: where an administrator made it here, or where ours is elsewhere and waits for consent."""
        self.consented = False
        self.administrator = Administrator(self)
        self.own_registration: Record | None = None
        """Our application where it is registered in this tenant; None: elsewhere, and its credentials are fixed."""
        self.tenant: Tenant
        self.cloud: CloudAccount
        self.reset()
        self.app = App(self)

    # --- set-up -------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """The tenant as it began, with times counted from now; no faults, no audit, no messages, every permission."""
        self.audit.clear()
        self.relationships: dict[str, dict[str, Any]] = {}
        """Delegated relationships that this tenant, as a partner, proposed to customers, by id."""
        self.passwords: dict[str, str] = {}
        """Object id of a user → the password that was set while the lab ran."""
        registered = None if self.application == "elsewhere" else self.own_registration
        self.own_registration = None
        self.sink.reset()
        self.faults = Faults()
        self.granted_roles = PERMISSIONS
        self.exchange_roles = frozenset({"Exchange.ManageAsApp"})
        self.exchange_admin_roles = frozenset({"Exchange Administrator"})
        self.tenant = Tenant(
            self.dice, self.users, self.tenant_id, self.domain, self.now().replace(microsecond=0), self.victim
        )
        self.tenant.host = self.host
        self.tenant.named_hosts = tuple(self.named.get("hosts", ()))
        self.cloud_refused.clear()
        self.cloud = CloudAccount(self)
        build(self.scenario, self.tenant, self.client_id, self.granted_roles)
        furnish(self.scenario, self.cloud, self.tenant.story)
        self._own_application(registered)

    def _own_application(self, registered: Record | None) -> None:
        if registered is not None:
            self.tenant.applications.add(registered)
            self.own_registration = registered
        elif self.application == "here":
            self.register_here()
        if self.application == "nowhere":
            everything = self.granted_roles | self.exchange_roles
            self.change_permissions(revoke=everything, exchange_roles=())
            self.change_permissions(grant=self.asked if self.consented else ())

    def register_certificate(self, pem: str | bytes) -> str:
        """Accept sign-ins with this RSA certificate; returns its thumbprint. Raises InvalidInput."""
        return self.tokens.register_certificate(pem)

    def register_here(self, pem: bytes | None = None) -> Record:
        """Register our application in this tenant, with the secret that it has or with a certificate: then its credentials can be
        added and removed, and those that are removed sign in no more.

        Args:
            pem: a certificate instead of the secret.
        """
        key = self.dice.guid("own registration")
        record = Record(
            key,
            {
                "id": key,
                "appId": self.client_id,
                "createdDateTime": iso(self.tenant.start),
                "displayName": "Tenantry",
                "keyCredentials": [],
                "owners": (),
                "passwordCredentials": [],
                "signInAudience": "AzureADMyOrg",
            },
        )
        first = self.dice.guid("own first credential")
        if pem is None:
            self.tokens.secrets = {first: self.client_secret}
            dates = {
                "startDateTime": iso(self.tenant.start),
                "endDateTime": iso(self.tenant.start + timedelta(days=365)),
            }
            names = {
                "customKeyIdentifier": None,
                "displayName": "first",
                "hint": self.client_secret[:3],
                "secretText": None,
            }
            record.props["passwordCredentials"] = [{"keyId": first, **names, **dates}]
        else:
            certificate = x509.load_pem_x509_certificate(pem)
            self.tokens.keep_key(first, certificate)
            record.props["keyCredentials"] = [key_entry(certificate, first, "first")]
        self.tenant.applications.add(record)
        self.own_registration = record
        return record

    def change_permissions(
        self,
        *,
        grant: Iterable[str] = (),
        revoke: Iterable[str] = (),
        exchange_roles: Iterable[str] | None = None,
        at_once: bool = True,
    ) -> None:
        """Grant and revoke application permissions.

        Args:
            grant: names, of Graph or ``Exchange.ManageAsApp``.
            revoke: likewise.
            exchange_roles: the administrator roles that the application holds, instead of the present ones.
            at_once: tokens already issued change too; otherwise only new ones do, as in the real service.
        """
        more, less = frozenset(grant), frozenset(revoke)
        managing = frozenset({"Exchange.ManageAsApp"})
        self.granted_roles = (self.granted_roles | more) - less - managing
        self.exchange_roles = (self.exchange_roles | (more & managing)) - less
        if exchange_roles is not None:
            self.exchange_admin_roles = frozenset(exchange_roles)
        if at_once:
            self.tokens.set_roles(self.granted_roles, self.exchange_roles)

    # --- while it runs ------------------------------------------------------------------------------------------------

    def wrote(self, service: str, method: str, target: str, before: Any, after: Any, caller: str) -> None:
        """Put an accepted write into the audit."""
        self.writes += 1
        self.audit.append(
            {
                "seq": len(self.audit) + 1,
                "at": iso7(self.now()),
                "service": service,
                "method": method,
                "target": target,
                "before": before,
                "after": after,
                "caller": caller,
            }
        )

    def tick(self) -> None:
        """What happens by itself as time passes: the directory sync."""
        tenant = self.tenant
        if tenant.on_premises and (self.now() - tenant.last_sync).total_seconds() >= self.sync_interval:
            self.sync()

    def sync(self) -> list[str]:
        """Run a directory sync: on-premises values overwrite what the cloud was told. Returns the users reverted."""
        tenant = self.tenant
        tenant.last_sync = self.now()
        reverted = []
        for index, mastered in tenant.on_premises.items():
            user = tenant.directory.keep(index)
            if any(user.props[name] != value for name, value in mastered.items()):
                reverted.append(str(user.props["userPrincipalName"]))
            user.write({**mastered, "onPremisesLastSyncDateTime": iso(self.now())}, self.now().timestamp())
        return reverted

    # --- for those who check ------------------------------------------------------------------------------------------

    def scenario_info(self) -> dict[str, Any]:
        """The story: who is compromised, what is the attacker's (by id), what is innocent."""
        story = self.tenant.story
        return {
            "name": story.name,
            "compromised": story.compromised,
            "innocent": story.innocent,
            "artefacts": story.artefacts,
            "accounts": story.accounts,
            "attacker": story.attacker,
            "began_at": iso(story.began_at) if story.began_at else None,
        }

    def innocent_touched(self) -> list[dict[str, Any]]:
        """Writes that touched something innocent: its target itself or something below it."""
        innocent = set(self.tenant.story.innocent)
        return [
            entry
            for entry in self.audit
            if any(_above(entry["target"], at) in innocent for at in range(entry["target"].count("/") + 1))
        ]

    def describe(self) -> dict[str, Any]:
        """What ``GET /_lab/state`` answers. No secret is in it."""
        tenant = self.tenant
        return {
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "domain": self.domain,
            "seed": self.seed,
            "now": iso7(self.now()),
            "started_at": iso(tenant.start),
            "users": self.users,
            "writes": len(self.audit),
            "scenario": self.scenario_info(),
            "permissions": sorted(self.granted_roles | self.exchange_roles),
            "exchange_roles": sorted(self.exchange_admin_roles),
            "last_sync": iso(tenant.last_sync),
            "counts": {
                "sign_ins": len(tenant.sign_ins),
                "directory_audits": len(tenant.directory_audits),
                "unified_audit_records": len(tenant.unified),
                "messages_in_sink": len(self.sink.messages),
                "duplicates_refused_by_sink": len(self.sink.duplicates),
            },
            "faults": describe(self.faults.plan),
        }


def _secret(dice: Dice, purpose: str) -> str:
    return base64.urlsafe_b64encode(dice.bytes(30, purpose)).decode()


def _above(target: str, levels: int) -> str:
    return target.rsplit("/", levels)[0] if levels else target
