"""A client of the MSP: ``tenants/<name>.yaml``.

Everything an incident, a disaster, an onboarding or an offboarding must know beforehand and a person must have agreed to:
who is asked and told, how often, what is in scope, whose accounts may never be cut off, which laws' clocks may start.
Secrets never stand here, only references (``vault:<tenant>/<name>``), and only this tenant's own.

Every complaint is an `InvalidTenant` that names ``file:line`` and never repeats a value. The descriptions of the fields
are the documentation: the schema, the forms and the operator's page come from them.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import re
import secrets
import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from tenantry.errors import Conflict, InvalidInput, InvalidTenant, NotFound
from tenantry.home import Home
from tenantry.leaving import Offboarding
from tenantry.masterkey import sync_folder
from tenantry.names import PersonId, Role, SecretRef, Slug, TenantName, check_tenant
from tenantry.serving import DocumentName, Onboarding, RotationReminders, ServiceTeam, Sha256
from tenantry.tenantbase import Minutes, Model, Text
from tenantry.tenantedit import changes, with_entry
from tenantry.yamlpos import Document, build, load, misplaced, parse

__all__ = [
    "Agreement",
    "AlertPull",
    "BusinessHours",
    "Contact",
    "Expected",
    "Insurer",
    "LegalHold",
    "Minutes",
    "Model",
    "Policy",
    "ProviderConfig",
    "Responsibility",
    "Severity",
    "Sla",
    "SweepSettings",
    "TeamMember",
    "Tenant",
    "TenantStore",
    "Text",
    "load_all",
    "load_tenant",
    "secret_in",
]

Severity = Literal["low", "medium", "high", "critical"]
Capability = Slug


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):  # a path, a folder, a name that is none
        raise ValueError("is not an IANA time zone, such as Europe/Berlin") from None
    return name


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("is not an address or network, such as 192.0.2.0/24 (no bits beyond the prefix)") from None


def _default_cadence() -> dict[Severity, int]:
    return {"critical": 60, "high": 240, "medium": 1_440}


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


Email = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]+$", max_length=254)
]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9][0-9 ()./-]{3,30}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$")]
Domain = Annotated[
    str,
    BeforeValidator(_lower),
    StringConstraints(pattern=r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$", max_length=253),
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Network = Annotated[str, AfterValidator(_network)]
Account = Annotated[str, BeforeValidator(_lower), StringConstraints(min_length=3, max_length=254, pattern=r"^\S+$")]
Guid = Annotated[
    str,
    BeforeValidator(_lower),
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
]
CloudAccount = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Fingerprint = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
ToolName = Annotated[str, BeforeValidator(_lower), StringConstraints(min_length=2, max_length=60)]
Hours = Annotated[int, Field(ge=0, le=8_760)]


class Contact(Model):
    """A person of the client."""

    id: Slug = Field(description="Short name by which runbooks and the response team refer to this contact.")
    name: Text = Field(description="Full name, as the person is addressed.")
    email: Email | None = Field(
        default=None, description="Where this contact reads mail, outside the tenant if possible."
    )
    phone: Phone | None = Field(
        default=None,
        description="A number known before any incident; the only one that is called back for verification.",
    )
    role: Literal["primary", "security", "technical", "executive", "billing", "legal", "privacy", "other"] = Field(
        description="What this contact decides or is told about. The primary contact confirms for the client."
    )
    language: Language = Field(default="en", description="Language in which this contact is written to.")
    account: Account | None = Field(
        default=None,
        description="This contact's own account in the tenant, so that mail is not sent to a mailbox at risk.",
    )
    verification: Text | None = Field(
        default=None,
        description="How a person makes sure that it is really this contact (whom to call back, what is never accepted).",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.email is None and self.phone is None:
            raise ValueError("a contact has an email address or a phone number")
        return self


class TeamMember(Model):
    """One place in the response team, filled before it is needed."""

    role: Literal[
        "incident_commander",
        "technical_lead",
        "communications",
        "client_liaison",
        "recovery_lead",
        "legal",
        "privacy",
        "executive",
        "scribe",
    ] = Field(description="What this person does when an incident or a disaster is declared.")
    person: PersonId | None = Field(
        default=None, description="Somebody of the MSP, by their id (`tenantry people list`)."
    )
    contact: Slug | None = Field(
        default=None, description="Somebody of the client, by the id of a contact in this file."
    )
    deputy: PersonId | None = Field(default=None, description="Somebody of the MSP who stands in.")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.person is None) == (self.contact is None):
            raise ValueError("name either a person of the MSP or a contact of the client")
        return self


class Sla(Model):
    """What was promised for one severity; minutes from the alert's arrival."""

    hours: Literal["always", "business"] = Field(
        default="always",
        description="What counts: every minute, or those of business_hours alone (its days, hours and holidays).",
    )
    acknowledge_minutes: Minutes = Field(description="Until somebody has taken it.")
    contain_minutes: Minutes | None = Field(default=None, description="Until the threat is contained.")
    resolve_minutes: Minutes | None = Field(default=None, description="Until service is back and watched.")


class BusinessHours(Model):
    """When the client works; outside it, disruptive effects and calls are another matter."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        description="Working days.", min_length=1
    )
    start: Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")] = Field(
        description="Start of the working day in the tenant's time zone, HH:MM."
    )
    end: Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")] = Field(
        description="End of the working day in the tenant's time zone, HH:MM; one that is not after the start is on the next day."
    )
    holidays: list[date] = Field(
        default_factory=list, max_length=1_000, description="Days on which nobody works (YYYY-MM-DD)."
    )


class Responsibility(Model):
    """Who does what, so that nobody assumes."""

    what: Text = Field(description="The duty, in plain words.")
    who: Literal["msp", "client", "third_party"] = Field(description="Who carries it.")


class Agreement(Model):
    """What was signed. Work outside it is asked for, not assumed."""

    signed_on: date | None = Field(default=None, description="Day the agreement was signed (YYYY-MM-DD).")
    ends_on: date | None = Field(default=None, description="Day the agreement ends, if that is known.")
    document: DocumentName | None = Field(default=None, description="Name of the signed document, as the MSP files it.")
    document_sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of the signed document's bytes (`sha256sum`), so that the record says which one was agreed to.",
    )
    services_in_scope: list[Text] = Field(default_factory=list, description="Services the MSP provides.")
    services_out_of_scope: list[Text] = Field(
        default_factory=list, description="Services the MSP expressly does not provide."
    )
    responsibilities: list[Responsibility] = Field(
        default_factory=list, description="Duties and who carries them, where it matters in an incident."
    )
    sla: dict[Severity, Sla] = Field(default_factory=dict, description="Promised times by severity.")
    update_cadence_minutes: dict[Severity, Minutes] = Field(
        default_factory=_default_cadence,
        description="How often the client hears from us during an incident, by severity, in minutes.",
    )
    notice_period_hours: Hours | None = Field(
        default=None,
        description="Within how many hours of a person's determination the client is notified of an incident.",
    )
    on_termination: Literal["delete", "return", "return_then_delete"] | None = Field(
        default=None, description="What happens to everything held for the client when the agreement ends."
    )
    retention_days: Annotated[int, Field(ge=0, le=36_500)] | None = Field(
        default=None, description="How long what must be kept after the end is kept, in days."
    )


PolicyRef = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,62}/[a-z0-9][a-z0-9_]{0,62}$", max_length=150)
]
"""A policy of a baseline: BASELINE/POLICY."""


class Insurer(Model):
    """The client's cyber insurance; late notice can cost the cover."""

    name: Text = Field(description="The insurer.")
    policy: Text | None = Field(default=None, description="Policy number.")
    notice_period_hours: Hours | None = Field(
        default=None, description="The policy's own notice period, in hours from discovery."
    )
    contact: Text | None = Field(default=None, description="Hotline or address for notice, as the policy gives it.")
    required_controls: list[Text] = Field(
        default_factory=list, description="Controls that the policy requires (MFA everywhere, tested backups …)."
    )
    measured_by: dict[Text, list[PolicyRef]] = Field(
        default_factory=dict,
        description="Required control → the policies of baselines that measure it, BASELINE/POLICY; what is not named here a person has to say.",
    )
    cover: Text | None = Field(default=None, description="What the policy pays for, and up to what amount.")
    valid_from: date | None = Field(default=None, description="The day on which the policy begins (YYYY-MM-DD).")
    valid_until: date | None = Field(default=None, description="The last day of the policy (YYYY-MM-DD).")
    approved_vendors_only: bool = Field(
        default=False, description="The policy pays only for responders and counsel of the insurer's own panel."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for control in self.measured_by:
            if control not in self.required_controls:
                raise misplaced("is none of required_controls", "measured_by", control)
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            raise misplaced("ends before it begins", "valid_until")
        return self


class LegalHold(Model):
    """Something that must not be deleted, whoever asks."""

    matter: Text = Field(description="The case or order.")
    since: date = Field(description="Day the hold began (YYYY-MM-DD).")
    scope: Text = Field(description="What it covers: people, mailboxes, systems, periods.")
    released_on: date | None = Field(default=None, description="Day the hold was lifted; none while it stands.")


class ProviderConfig(Model):
    """One of the client's systems and how we sign in to it."""

    vendor: Slug = Field(description="Which integration (microsoft365, aws, ssh, lab …).")
    capabilities: list[Capability] | None = Field(
        default=None, description="Which of the vendor's capabilities it serves here; all of them when left out."
    )
    settings: dict[Slug, Any] = Field(
        default_factory=dict, description="The vendor's own settings (tenant id, region, address). Never a secret."
    )
    secrets: dict[Slug, SecretRef] = Field(
        default_factory=dict, description="The vendor's credentials, each as a reference into this tenant's vault."
    )

    @model_validator(mode="after")
    def _no_plain_secret(self) -> Self:
        offender = secret_in(self.settings, names=frozenset(self.secrets))
        if offender is not None:
            raise misplaced(
                "looks like a secret: store it with `tenantry vault put` and name its reference under secrets",
                "settings",
                *offender,
            )
        return self


class Policy(Model):
    """What the client has agreed may happen by itself, and what takes a person."""

    disruptive_needs: Role | None = Field(
        default=None, description="Role that approves every disruptive effect here; none: as the runbook says."
    )
    four_eyes: bool = Field(
        default=False, description="Approvals of this tenant's runs always take somebody besides who started them."
    )
    unattended_impact: Literal["none", "read", "reversible"] = Field(
        default="reversible", description="The most that a run started by an alert may do before a person has looked."
    )
    unattended_effects_per_hour: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=20, description="Budget of effects that alerts may cause within one hour, over all runs."
    )


class Expected(Model):
    """What belongs in the client's systems although it is not theirs: a sweep does not report it for being there."""

    applications: list[Guid] = Field(
        default_factory=list, description="Application (client) ids that the client knows of. Ours are known anyway."
    )
    partners: list[Guid] = Field(
        default_factory=list,
        description="Directory (tenant) ids of partners that administer the client's directory, the MSP's own among them.",
    )
    cloud_accounts: list[CloudAccount] = Field(
        default_factory=list,
        description="AWS accounts that the client trusts or shares with. Its own and the MSP's hub are known anyway.",
    )
    ssh_keys: list[Fingerprint] = Field(
        default_factory=list,
        description="Fingerprints of SSH keys that may sign in, as `ssh-keygen -l` shows them. Ours are known anyway.",
    )
    remote_tools: list[ToolName] = Field(
        default_factory=list, description="Remote-access tools that the MSP or the client uses, by name."
    )


class SweepSettings(Model):
    """How often the client is swept for a compromise, and what a critical finding starts."""

    every_hours: Annotated[int, Field(ge=1, le=720)] | None = Field(
        default=None, description="Hours between two sweeps that the service begins; none: only when somebody asks."
    )
    days: Annotated[int, Field(ge=1, le=180)] = Field(
        default=30, description="How far back logs are read, in days; what came since counts as new."
    )
    open_incidents: bool = Field(
        default=False,
        description="A critical finding opens an incident run, once. It reads and collects evidence; before its first change "
        "somebody has to say that it is meant. Needs policy.unattended_impact to be read or more.",
    )


class ComplianceSettings(Model):
    """How often the client is held against what, by the service."""

    every_hours: Annotated[int, Field(ge=1, le=8_784)] | None = Field(
        default=None,
        description="Hours between two compliance sweeps that the service begins; none: only when somebody asks.",
    )
    baselines: list[Slug] = Field(
        default_factory=list,
        max_length=20,
        description="Names of files of runbooks/baselines; those of the runbook when there are none.",
    )


class AlertPull(Model):
    """How often the client's own systems are asked for alerts."""

    every_minutes: Annotated[int, Field(ge=1, le=1_440)] | None = Field(
        default=None, description="Minutes between two times; none: they are not asked, only heard."
    )
    first_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        default=24, description="How far back a system is asked that was never asked before."
    )


class RecoverySettings(Model):
    """How often what the client's recovery plans stand on is looked at, by the service."""

    check_every_hours: Annotated[int, Field(ge=1, le=720)] | None = Field(
        default=None,
        description="Hours between two checks of the backups that the service begins; none: only when somebody asks.",
    )


class Tenant(Model):
    """A client: who they are, what was agreed, how we reach their systems."""

    name: TenantName = Field(description="Short name; the file is called so, and it never changes.")
    display_name: Text = Field(description="The client as people call them; stands in messages and reports.")
    domains: list[Domain] = Field(
        default_factory=list, description="The client's own mail domains; any other domain is outside."
    )
    time_zone: TimeZone = Field(default="UTC", description="IANA time zone in which the client reads times.")
    language: Language = Field(default="en", description="Language of reports and of contacts that name none.")
    countries: list[Country] = Field(
        default_factory=list, description="Countries the client's people usually work from (two letters, ISO 3166-1)."
    )
    known_networks: list[Network] = Field(
        default_factory=list, description="The client's and the MSP's own addresses: offices, VPN exits."
    )
    business_hours: BusinessHours | None = Field(default=None, description="When the client works; none: not agreed.")
    contacts: list[Contact] = Field(default_factory=list, description="Whom we ask and tell at the client.")
    response_team: list[TeamMember] = Field(
        default_factory=list, description="Who does what when an incident or a disaster is declared."
    )
    agreement: Agreement = Field(default_factory=Agreement, description="What was signed.")
    regimes: list[Slug] = Field(
        default_factory=list,
        description="Notification regimes that may apply (gdpr, nis2, hipaa, insurer, contract …): names of clock files.",
    )
    insurer: Insurer | None = Field(default=None, description="The client's cyber insurance.")
    legal_holds: list[LegalHold] = Field(default_factory=list, description="What must not be deleted.")
    providers: dict[Slug, ProviderConfig] = Field(
        default_factory=dict, description="The client's systems; the first that has a capability serves it."
    )
    estate_handles: dict[Slug, Text] = Field(
        default_factory=dict,
        description="For each provider of the estate, what this client is called there (company id, customer tenant id); "
        "a run reaches nothing else through it.",
    )
    alert_handles: dict[Slug, Text] = Field(
        default_factory=dict,
        description="For each source of alerts of the estate that serves several clients, what this one is called there "
        "(directory, account, customer or organisation id).",
    )
    alert_pull: AlertPull = Field(
        default_factory=AlertPull, description="How often the client's own systems are asked for alerts."
    )
    secret_store: Slug | None = Field(
        default=None,
        description="Where this client's secrets go: embedded, or a store of estate.yaml; none: as estate.yaml says. Those that are "
        "stored already move with `tenantry vault move`.",
    )
    break_glass_accounts: list[Account] = Field(
        default_factory=list, description="Emergency accounts (UPN or object id); no run ever touches them."
    )
    responder_accounts: list[Account] = Field(
        default_factory=list,
        description="The MSP's own accounts in this tenant (UPN or object id); no run touches them.",
    )
    policy: Policy = Field(default_factory=Policy, description="What may happen by itself, and what takes a person.")
    expected: Expected = Field(
        default_factory=Expected, description="What a sweep for a compromise does not report for being there."
    )
    compliance: ComplianceSettings = Field(
        default_factory=ComplianceSettings, description="How often the client is held against baselines, and which."
    )
    recovery: RecoverySettings = Field(
        default_factory=RecoverySettings, description="How often the backups of the recovery plans are looked at."
    )
    sweep: SweepSettings = Field(
        default_factory=SweepSettings, description="How often the client is swept for a compromise."
    )
    rotation: RotationReminders = Field(
        default_factory=RotationReminders, description="When credentials without a day of their own are due."
    )
    onboarding: Onboarding = Field(default_factory=Onboarding, description="What taking the client on asks for.")
    offboarding: Offboarding = Field(
        default_factory=Offboarding, description="How this client leaves: where to, to whom, what is held where."
    )
    service_team: ServiceTeam = Field(
        default_factory=ServiceTeam, description="Who of the MSP looks after this client."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        seen: set[str] = set()
        for index, contact in enumerate(self.contacts):
            if contact.id in seen:
                raise misplaced("another contact has this id", "contacts", index, "id")
            seen.add(contact.id)
        for index, member in enumerate(self.response_team):
            if member.contact is not None and member.contact not in seen:
                raise misplaced("no contact of this file has this id", "response_team", index, "contact")
        for key, provider in self.providers.items():
            for name, ref in provider.secrets.items():
                if ref.tenant != self.name:
                    raise misplaced(
                        f"is another tenant's; only vault:{self.name}/… is this client's",
                        *("providers", key, "secrets", name),
                    )
        self._expected_credentials(seen)
        for severity, promised in self.agreement.sla.items():
            if promised.hours == "business" and self.business_hours is None:
                raise misplaced("business_hours of this file are not agreed", "agreement", "sla", severity, "hours")
        wrong = self.offboarding.misplaced_names(self.providers, seen | {contact.role for contact in self.contacts})
        if wrong is not None:
            raise misplaced(wrong[0], *wrong[1])
        return self

    def _expected_credentials(self, contacts: set[str]) -> None:
        """Raises what names a credential, or somebody to ask, that this file does not know."""
        known = contacts | {contact.role for contact in self.contacts}
        for name, one in self.onboarding.credentials.items():
            provider, _, secret = name.partition("/")
            if provider not in self.providers or secret not in self.providers[provider].secrets:
                raise misplaced("no provider of this file has this secret", "onboarding", "credentials", name)
            if one.contact not in known:
                raise misplaced(
                    "no contact of this file has this id or role", "onboarding", "credentials", name, "contact"
                )
        if (self.agreement.document is None) != (self.agreement.document_sha256 is None):
            raise misplaced("a document has a name and a digest", "agreement")

    def public(self) -> dict[str, Any]:
        """What runbooks, messages and tasks may see of the tenant, as JSON: no systems, no references, no accounts."""
        return self.model_dump(
            mode="json",
            exclude={
                **dict.fromkeys(("providers", "secret_store", "estate_handles", "expected", "offboarding"), True),
                **dict.fromkeys(("break_glass_accounts", "responder_accounts"), True),
                "onboarding": {"credentials", "connect"},
            },
        )

    def contact(self, which: str) -> Contact:
        """The contact of that id, else the first of that role.

        Raises:
            NotFound: neither.
        """
        for contact in (*(c for c in self.contacts if c.id == which), *(c for c in self.contacts if c.role == which)):
            return contact
        raise NotFound(f"{self.name} has no contact {which}", remedy=f"Add one to tenants/{self.name}.yaml.")


# --- plain secrets ----------------------------------------------------------------------------------------------------

_SECRET_NAME: Final = re.compile(
    r"(?:^|[_-])(?:secret|password|passwd|pwd|passphrase|token|credentials?|(?:api|access|private|shared|account|"
    r"signing|license)[_-]?key)$",
    re.IGNORECASE,
)
# Values that are credentials whatever they are called: PEM private keys, JWTs, cloud and code-host keys, user:pass@ URLs.
_SECRET_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{30,}|"
    r"://[^/\s:@]+:[^/\s@]+@"
)


def secret_in(settings: Any, names: frozenset[str] = frozenset()) -> tuple[str | int, ...] | None:
    """The path of the first setting that looks like a secret. A guard against slips, not a proof of absence.

    Args:
        names: of the secrets beside the settings: one that says which of them is used (``credential: certificate``) is none.
    """
    entries: Iterable[tuple[str | int, Any]]
    if isinstance(settings, dict):
        entries = settings.items()
    elif isinstance(settings, list):
        entries = enumerate(settings)
    else:
        return None
    for key, value in entries:
        if isinstance(value, (dict, list)):
            inner = secret_in(value, names)
            if inner is not None:
                return (key, *inner)
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            named = isinstance(key, str) and _SECRET_NAME.search(key) is not None and value not in names
            if named or _SECRET_VALUE.search(str(value)):
                return (key,)
    return None


# --- files ------------------------------------------------------------------------------------------------------------


def load_tenant(path: Path) -> Tenant:
    """Read one tenant file.

    Raises:
        InvalidTenant: naming ``file:line`` and every problem.
    """
    return _build(load(path, error=InvalidTenant))


def _build(document: Document) -> Tenant:
    return build(Tenant, document, error=InvalidTenant)


def load_all(home: Home) -> list[Tenant]:
    """Every tenant of the home, by name.

    Raises:
        InvalidTenant: the first file that is wrong; a file whose name is not its tenant's; a domain, or a name at a
            provider of the estate, that two claim.
    """
    tenants = []
    owners: dict[str, str] = {}
    for path in sorted(home.tenants.glob("*.yaml")):
        document = load(path, error=InvalidTenant)
        tenant = _named(_build(document), document, path.stem)
        for index, domain in enumerate(tenant.domains):
            if domain in owners:
                raise InvalidTenant(
                    f"the domain {domain} is {owners[domain]}'s too", place=document.positions.place(("domains", index))
                )
            owners[domain] = tenant.name
        for key, handle in tenant.estate_handles.items():
            owner = owners.setdefault(f"{key}\n{handle}", tenant.name)
            if owner != tenant.name:
                raise InvalidTenant(
                    f"at the estate's {key}, {owner} is called the same",
                    place=document.positions.place(("estate_handles", key)),
                )
        tenants.append(tenant)
    return tenants


def _named(tenant: Tenant, document: Document, stem: str) -> Tenant:
    if tenant.name != stem:
        raise InvalidTenant(
            f"the file is called {stem}.yaml and its tenant {tenant.name}", place=document.positions.place(("name",))
        )
    return tenant


_STORE_LINE: Final = re.compile(r"^secret_store:.*$", re.MULTILINE)


def _stamp(path: Path) -> tuple[int, ...]:
    """Of a file as it is now: whoever writes or replaces it changes one of these."""
    try:
        about = path.stat()
    except OSError:  # it goes this very moment; who reads it says so
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


class TenantStore:
    """The tenant files of a home. Looked at each time, because an operator edits them while things run; read where they have changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: dict[str, tuple[tuple[int, ...], Tenant]] = {}
        """What a file said, by the tenant's name, and which file that was."""

    def path(self, name: str) -> Path:
        """Where this tenant's file lies or would lie.

        Raises:
            InvalidInput: not a tenant's name.
        """
        return self._home.tenants / f"{check_tenant(name)}.yaml"

    def names(self) -> list[str]:
        """Names of all tenants, without reading their files."""
        return sorted(path.stem for path in self._home.tenants.glob("*.yaml"))

    def get(self, name: str) -> Tenant:
        """
        Raises:
            NotFound: no such tenant.
            InvalidTenant: its file is wrong.
        """
        path = self.path(name)
        if not path.is_file():
            raise NotFound(f"no tenant {name}", remedy="`tenantry tenants list` shows who there is.")
        is_now = _stamp(path)
        was, kept = self._read.get(name, ((), None))
        if kept is not None and was == is_now:
            return kept
        document = load(path, error=InvalidTenant)
        found = _named(_build(document), document, name)
        self._read[name] = is_now, found  # one that changed while it was read has another stamp the next time
        return found

    def list(self) -> list[Tenant]:
        """As `load_all`."""
        return load_all(self._home)

    def add(self, file: Path, *, replace: bool = False) -> Tenant:
        """Check a file and keep it, comments and all, as ``tenants/<name>.yaml``; whole or not at all.

        Args:
            file: YAML, anywhere.
            replace: take the place of the tenant's present file.

        Raises:
            InvalidTenant: the file is wrong, or claims another tenant's domain or name at a provider of the estate.
            Conflict: the tenant exists, and ``replace`` was not said.
        """
        document = load(file, error=InvalidTenant)
        tenant = _build(document)
        target = self.path(tenant.name)
        if target.exists() and not replace:
            raise Conflict(f"the tenant {tenant.name} exists already", remedy=f"Edit {target}, or replace it.")
        for other in self.list():
            for index, domain in enumerate(tenant.domains):
                if other.name != tenant.name and domain in other.domains:
                    raise InvalidTenant(
                        f"the domain {domain} is {other.name}'s", place=document.positions.place(("domains", index))
                    )
            for key, handle in tenant.estate_handles.items():
                if other.name != tenant.name and other.estate_handles.get(key) == handle:
                    raise InvalidTenant(
                        f"at the estate's {key}, {other.name} is called the same",
                        place=document.positions.place(("estate_handles", key)),
                    )
        text = file.read_text("utf-8-sig")
        if parse(text, file=str(file), error=InvalidTenant).data != document.data:
            raise InvalidTenant("was changed while it was read; try again", place=str(file))
        self._home.ensure()
        self._write(target, text)
        return tenant

    def set_secret_store(self, name: str, store: str) -> bool:
        """Make the file say where the tenant's secrets lie; everything else in it stays as it is, comments too.

        Returns:
            whether it had to be changed.

        Raises:
            NotFound: no such tenant.
            InvalidTenant: the file is wrong, or written so that the line cannot be added.
        """
        before = self.get(name)
        if before.secret_store == store:
            return False
        target = self.path(name)
        text = target.read_text("utf-8-sig")
        line = f"secret_store: {store}"
        changed, found = _STORE_LINE.subn(line, text)
        if not found:
            changed = f"{text.rstrip()}\n{line}\n"
        by_hand = InvalidTenant(f"{target.name} cannot be changed by itself", remedy=f"Write `{line}` into it.")
        try:
            after = _build(parse(changed, file=str(target), error=InvalidTenant))
        except InvalidTenant:
            raise by_hand from None
        if after != before.model_copy(update={"secret_store": store}):
            raise by_hand
        self._write(target, changed)
        return True

    def set_entry(self, name: str, section: Literal["providers", "estate_handles"], key: str, value: Any) -> str:
        """Set one entry of ``providers`` or ``estate_handles``; everything else in the file stays as it is, comments too.

        Returns:
            what was changed, as `diff -u` shows it; empty when the file said so already.

        Raises:
            NotFound: no such tenant.
            InvalidTenant: the file is wrong, the entry is, or the file is written so that it cannot be set; it says what to write.
            Conflict: another tenant has this name at a provider of the estate.
        """
        with self.alone(name):
            return self._set_entry(name, section, key, value)

    def _set_entry(self, name: str, section: Literal["providers", "estate_handles"], key: str, value: Any) -> str:
        before = self.get(name)
        target = self.path(name)
        text = target.read_text("utf-8-sig")
        entry = ProviderConfig.model_validate(value) if section == "providers" else value
        meant = before.model_copy(update={section: {**getattr(before, section), key: entry}})
        if meant == before:
            return ""
        for other in self.list():
            if section == "estate_handles" and other.name != name and other.estate_handles.get(key) == value:
                raise Conflict(f"at the estate's {key}, {other.name} is called the same")
        shown = yaml.safe_dump({section: {key: value}}, sort_keys=False).strip()
        by_hand = InvalidTenant(f"{target.name} cannot be changed by itself", remedy=f"Write into it:\n{shown}")
        changed = with_entry(text, section, key, value)
        try:
            after = _build(parse(changed or "", file=str(target), error=InvalidTenant))
        except InvalidTenant:
            raise by_hand from None
        if after != meant:
            raise by_hand
        self._write(target, changed or "")
        return changes(text, changed or "", target.name)

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Nobody else changes a field of this tenant's file meanwhile: not another step, run or command. Waits."""
        self._home.ensure()
        with (self._home.run / f"{check_tenant(name)}.file.lock").open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # given back by the kernel, however this process ends
            yield

    def replace_text(self, name: str, before: str, text: str, meant: Tenant, *, by_hand: str) -> None:
        """Write another text of a tenant's file, if it says exactly what was meant and the file is still the one that was read.

        Args:
            before: the text that was read.
            by_hand: what a person writes into it, where this cannot.

        Raises:
            InvalidTenant: the text says something else. Conflict: the file was changed meanwhile.
        """
        target = self.path(name)
        refused = InvalidTenant(f"{target.name} cannot be changed by itself", remedy=f"Write into it:\n{by_hand}")
        try:
            after = _build(parse(text, file=str(target), error=InvalidTenant))
        except InvalidTenant:
            raise refused from None
        if after != meant:
            raise refused
        if target.read_text("utf-8-sig") != before:
            raise Conflict(f"{target.name} was changed meanwhile", remedy="Try again.")
        self._write(target, text)

    @staticmethod
    def _write(target: Path, text: str) -> None:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        except OSError as exc:
            temporary.unlink(missing_ok=True)
            raise InvalidInput(f"{target} cannot be written ({exc.strerror})", place="TENANTRY_HOME") from exc
