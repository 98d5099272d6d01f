"""The MSP itself: ``estate.yaml``. Its on-call, which role answers what, and the tools that hold one credential for all.

The people are not here but in ``people.db`` (`tenantry.people`), because codes and locks must hold between processes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, IPvAnyAddress, StringConstraints, model_validator

from tenantry.errors import InvalidTenant
from tenantry.home import Home
from tenantry.names import MSP, PersonId, Role, SecretRef, Slug, TenantName
from tenantry.secretstore import EMBEDDED
from tenantry.tenants import (
    BusinessHours,
    Email,
    Minutes,
    Model,
    Network,
    Phone,
    ProviderConfig,
    Tenant,
    Text,
    TimeZone,
    secret_in,
)
from tenantry.triage.model import Triage
from tenantry.yamlpos import build, load, misplaced

__all__ = [
    "AlertSource",
    "Estate",
    "NameServer",
    "OnCall",
    "Roles",
    "RotationSettings",
    "SecretStoreConfig",
    "ServiceSettings",
    "TimeStampAuthority",
    "load_estate",
]


_PARTNERS_VENDOR: Final = "microsoft365"
SnsTopic = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$")]


class OnCall(Model):
    """Somebody who is called, in the order of the list."""

    person: PersonId = Field(description="Their id (`tenantry people list`).")
    phone: Phone | None = Field(default=None, description="Where they are called.")
    email: Email | None = Field(default=None, description="Where they are written to.")
    hours: list[BusinessHours] = Field(
        default_factory=list,
        max_length=20,
        description="When they are on call, in the estate's time zone; none: at any time.",
    )
    escalate_after_minutes: Minutes = Field(
        default=15, description="How long the next one in the list is left in peace, in minutes."
    )


class Roles(Model):
    """Which role answers what, where neither a runbook nor a tenant's policy asks for more."""

    irreversible_needs: Role = Field(default="approver", description="Role that approves what loses data for good.")
    disruptive_needs: Role | None = Field(
        default=None, description="Role that approves what people notice; none: as the runbook says."
    )
    unfreeze_needs: Role = Field(default="lead", description="Role that lifts a freeze.")
    reveal_needs: Role = Field(default="lead", description="Role that may have a secret shown.")
    enroll_contact_needs: Role = Field(
        default="lead", description="Role that may give a client's contact a code, and so decide who that is."
    )


class TimeStampAuthority(Model):
    """Who says, from outside, when a checkpoint of the record existed (RFC 3161)."""

    url: str = Field(
        pattern=r"^https?://[^\s@]+$", max_length=500, description="Where it is asked. No credential in it."
    )
    certificates: str = Field(description="Its root certificates in PEM: what its answers are verified with.")


class SecretStoreConfig(Model):
    """A secret store besides the embedded one. Its own credential is the estate's, and lies in the embedded store."""

    vendor: Slug = Field(description="Which kind of store: openbao (HashiCorp Vault too), aws_secrets, azure_keyvault.")
    settings: dict[Slug, Any] = Field(
        default_factory=dict, description="The store's own settings (address, mount, role). Never a secret."
    )
    secrets: dict[Slug, SecretRef] = Field(
        default_factory=dict, description="What we sign in to it with, as references into the estate's own vault."
    )

    @model_validator(mode="after")
    def _no_plain_secret(self) -> Self:
        offender = secret_in(self.settings)
        if offender is not None:
            raise misplaced(
                "looks like a secret: store it with `tenantry vault put` and name its reference under secrets",
                *("settings", *offender),
            )
        return self


def _one_address(text: str) -> str:
    """As a socket tells it."""
    return str(ipaddress.ip_address(text))


class ServiceSettings(Model):
    """How `tenantry up` is reached and behaves on this machine. Its options come before these."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address to listen on. Beyond loopback only with a certificate.",
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="Of Prefect's pages; none: a free one.")
    pages_port: int | None = Field(
        default=None, ge=1, le=65535, description="Of the timelines and the metrics; none: a free one."
    )
    console_port: int | None = Field(
        default=None, ge=1, le=65535, description="Of credential drops; none: a free one, kept from then on."
    )
    trusted_proxies: list[Annotated[str, AfterValidator(_one_address)]] = Field(
        default_factory=list,
        max_length=64,
        description="Addresses of reverse proxies before the console: their connections are not limited as one caller's, and the "
        "caller's address is what they say in X-Forwarded-For.",
    )
    tls_certificate: str | None = Field(
        default=None,
        max_length=1000,
        description="Certificate chain in PEM; a path, below TENANTRY_HOME unless absolute.",
    )
    tls_key: str | None = Field(
        default=None, max_length=1000, description="Its private key in PEM, readable by the service's account alone."
    )
    cancel_grace_seconds: float = Field(
        default=30.0,
        ge=0.5,
        le=600,
        description="How long a run's process that was cancelled in Prefect has to end by itself before it is killed.",
    )


class NameServer(Model):
    """A resolver."""

    address: IPvAnyAddress = Field(description="Its address.")
    port: int = Field(default=53, ge=1, le=65_535, description="Its port.")


class RotationSettings(Model):
    """Credentials that are replaced by themselves, by runs of the runbook credential_rotation that the service begins."""

    enabled: bool = Field(default=False, description="Whether the service begins them. Reminders come either way.")
    hour: int = Field(default=3, ge=0, le=23, description="From which hour of the day on, in the estate's time zone.")


class AlertSource(Model):
    """Somebody who sends alerts, to ``/alerts/NAME`` of the console."""

    kind: Slug = Field(description="What sends them: `tenantry alerts sources` lists the kinds.")
    proof: Literal["token", "hmac", "svix", "sns"] = Field(
        description="How its messages are proven: token, hmac, svix (Standard Webhooks), or sns (Amazon's own signature)."
    )
    secret: SecretRef | None = Field(
        default=None,
        description="What they are proven with, in the estate's own vault; several, a line each, are all good.",
    )
    topics: list[SnsTopic] = Field(default_factory=list, max_length=100, description="ARNs of the SNS topics, for sns.")
    mapping: Slug | None = Field(
        default=None, description="For the kind generic: a file of TENANTRY_HOME/runbooks/alerts/mappings."
    )
    tenant: TenantName | None = Field(
        default=None, description="Whose all of them are; none: told apart by the clients' alert_handles."
    )

    @model_validator(mode="after")
    def _provable(self) -> Self:
        if self.proof == "sns" and not self.topics:
            raise misplaced("sns needs the topics that are ours", "topics")
        if self.proof != "sns" and self.secret is None:
            raise misplaced(f"{self.proof} needs a secret", "secret")
        if self.secret is not None and self.secret.tenant != MSP:
            raise misplaced(f"is a client's; only vault:{MSP}/… is the estate's", "secret")
        return self


class Estate(Model):
    """The MSP: who is called, which role answers what, and its own tools."""

    name: Text = Field(default="MSP", description="The MSP as clients know it; stands in messages and reports.")
    time_zone: TimeZone = Field(default="UTC", description="IANA time zone in which the MSP reads times.")
    security_contact: Email | None = Field(default=None, description="Where clients and researchers reach the MSP.")
    on_call: list[OnCall] = Field(default_factory=list, description="Who is called, the first one first.")
    roles: Roles = Field(default_factory=Roles, description="Which role answers what.")
    providers: dict[Slug, ProviderConfig] = Field(
        default_factory=dict,
        description="Tools with one credential for all clients (PSA, RMM, EDR console, partner application, SMTP). A run "
        "reaches its own client alone through them, by the tenant file's estate_handles.",
    )
    secret_stores: dict[Slug, SecretStoreConfig] = Field(
        default_factory=dict, description="Where secrets may lie besides the embedded store, by the name used here."
    )
    secret_store: Slug = Field(
        default=EMBEDDED,
        description="Where a client's secrets go unless its file says otherwise: embedded, or a store above.",
    )
    known_networks: list[Network] = Field(
        default_factory=list, description="The MSP's own addresses: offices, VPN exits, automation."
    )
    name_servers: list[NameServer] = Field(
        default_factory=list,
        max_length=10,
        description="Resolvers that are asked what the clients' domains publish for their mail (SPF, DMARC); none: a person is.",
    )
    rotation: RotationSettings = Field(
        default_factory=RotationSettings,
        description="Whether credentials are replaced by themselves when they are due.",
    )
    alerts: dict[Slug, AlertSource] = Field(
        default_factory=dict, max_length=200, description="Who may send alerts, by the name in their address."
    )
    triage: Triage = Field(default_factory=Triage, description="How incidents that alerts opened find their people.")
    service: ServiceSettings = Field(default_factory=ServiceSettings, description="This machine's service.")
    time_stamp_authority: TimeStampAuthority | None = Field(
        default=None, description="Who time-stamps the record's checkpoints; none: nobody outside does."
    )

    @model_validator(mode="after")
    def _own_secrets(self) -> Self:
        named: tuple[tuple[str, Mapping[str, ProviderConfig | SecretStoreConfig]], ...]
        named = (("providers", self.providers), ("secret_stores", self.secret_stores))
        for block, entries in named:
            for key, entry in entries.items():
                for name, ref in entry.secrets.items():
                    if ref.tenant != MSP:
                        raise misplaced(
                            f"is a client's; only vault:{MSP}/… is the estate's", block, key, "secrets", name
                        )
        return self

    @model_validator(mode="after")
    def _known_stores(self) -> Self:
        if EMBEDDED in self.secret_stores:
            raise misplaced("is the name of the store that is always there", "secret_stores", EMBEDDED)
        if self.secret_store != EMBEDDED and self.secret_store not in self.secret_stores:
            raise misplaced("is no store of secret_stores", "secret_store")
        return self

    def partner_tenant(self, tenant: Tenant) -> str | None:
        """The provider that is the MSP's own partner tenant, through which the delegated relationship (GDAP) with this client is looked at and ended.

        Returns:
            its name under ``providers``; None where the estate names none, or the client has no directory.
        """
        if all(one.vendor != _PARTNERS_VENDOR for one in tenant.providers.values()):
            return None
        found = (key for key, one in self.providers.items() if one.vendor == _PARTNERS_VENDOR)
        return next((key for key in found if key not in tenant.providers), None)


def load_estate(home: Home) -> Estate:
    """Read ``estate.yaml``; an estate of defaults when there is none yet.

    Raises:
        InvalidTenant: naming ``file:line`` and every problem.
    """
    if not home.estate.exists():
        return Estate()
    return build(Estate, load(home.estate, error=InvalidTenant), error=InvalidTenant)
