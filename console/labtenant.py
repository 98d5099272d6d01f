"""A lab registered as a tenant of this home: its file, its secrets, and people who can answer what its runs ask.

Everything is recognisable as the lab's: the file begins with a marker, and a file without it is never touched; the people
are called ``lab.…``. In a home where nobody else is, they may touch every tenant, so that several labs can be registered
one after the other. In a home with people of its own they get the lab's tenant alone, and an approver of the home
authorises that. A lab belongs in a home of its own all the same: its people's secrets are printed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyotp
import yaml
from pydantic import SecretStr

from tenantry.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, Refused
from tenantry.journal import MSP, Event
from tenantry.names import Role, check_tenant
from tenantry.people import EVERY_TENANT, Authenticated, act_purpose

if TYPE_CHECKING:
    from flows.assembly import Installation
    from integrations.lab import Lab

__all__ = ["APPROVER", "ENGINEER", "LEAD", "LabPerson", "Registered", "codes", "lab_for", "register"]

APPROVER: Final = "lab.approver"
LEAD: Final = "lab.lead"
ENGINEER: Final = "lab.engineer"

_MARKER: Final = "# Written by `tenantry lab --tenant`, and written again the next time: changes here are lost."
_SECRETS: Final = {"client_secret": "m365/client-secret", "token": "sink/token", "cloud_token": "cloud/token"}
_PEOPLE: Final[tuple[tuple[str, str, tuple[Role, ...]], ...]] = (
    (APPROVER, "Lab Approver", ("approver",)),
    (LEAD, "Lab Lead", ("engineer", "lead", "approver")),
    (ENGINEER, "Lab Engineer", ("engineer",)),
)
_STEP: Final = timedelta(seconds=30)

T = TypeVar("T")

Proof = Callable[[str], Authenticated]
"""Purpose → the proof of an approver of the home, given for it."""


@dataclass(frozen=True, slots=True)
class LabPerson:
    """One of the lab's people. The address holds their secret: an authenticator app, or a script, makes codes of it."""

    id: str
    roles: tuple[Role, ...]
    otpauth_uri: SecretStr


@dataclass(frozen=True, slots=True)
class Registered:
    """What was registered."""

    tenant: str
    people: tuple[LabPerson, ...]


def lab_for(tenant: str | None, **options: Any) -> Lab:
    """A lab whose domain and directory id are the tenant's own, so that several in one home stay apart.

    Args:
        tenant: the name it will be registered under, if any.
        options: of :class:`integrations.lab.Lab`.

    Raises:
        InvalidInput: not a client's name; no such scenario; too few users.
    """
    from integrations.lab import Lab

    if tenant is None:
        return Lab(**options)
    if check_tenant(tenant) == MSP:
        raise InvalidInput(f"{MSP} is the estate itself, never a client", place="--tenant")
    domain = f"{tenant}.example"
    return Lab(domain=domain, tenant_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, domain)), **options)


def register(
    installation: Installation, name: str, base_url: str, lab: Lab, *, prove: Proof | None = None
) -> Registered:
    """Make the lab at ``base_url`` the tenant ``name``. Repeatable: addresses and secrets follow, people stay.

    Args:
        prove: asks an approver of the home, where it has approvers of its own.

    Raises:
        Conflict: a tenant of this name is there, and it is no lab.
        Refused: the home has approvers of its own, and none of them has authorised the lab's.
    """
    path = installation.tenants.path(name)
    present = path.read_text(encoding="utf-8") if path.exists() else None
    if present is not None and not present.startswith(_MARKER):
        raise Conflict(
            f"{name} is a client, not a lab", remedy="Choose another name; a client's file is never replaced."
        )
    _people(installation, name, prove)
    installation.vault.create_tenant_key(name)
    _secret(installation, name, _SECRETS["client_secret"], lab.client_secret, "client_secret")
    _secret(installation, name, _SECRETS["token"], lab.sink_token, "token")
    _secret(installation, name, _SECRETS["cloud_token"], lab.cloud_token, "token")
    made = _file(name, base_url, lab)
    if lab.application == "nowhere":
        del made["providers"]["m365"]  # `tenantry connect m365` brings it in
    text = f"{_MARKER}\n{yaml.safe_dump(made, sort_keys=False, allow_unicode=True)}"
    if text != present:
        _write(installation, name, text, again=present is not None)
    return Registered(name, tuple(_shown(installation, person) for person, _, _ in _PEOPLE))


def codes(installation: Installation, person: str, now: datetime | None = None) -> list[SecretStr]:
    """The codes of a lab's person that are good now, the earliest first: each works once, and never one older than the
    last that was used."""
    totp = pyotp.TOTP(_seed(installation, person).get_secret_value())
    at = now or datetime.now(UTC)
    return [SecretStr(totp.at(at + _STEP * offset)) for offset in (-1, 0, 1)]


# --- people -----------------------------------------------------------------------------------------------------------


def _people(installation: Installation, tenant: str, prove: Proof | None) -> None:
    known = installation.people.records()
    ours = {person for person, _, _ in _PEOPLE}
    alone = not known.keys() - ours
    for person, name, roles in _PEOPLE:
        record = known.get(person)
        # A proof takes a code of somebody: only where the rules ask for one.
        ask = _Proofs(installation, tenant, prove) if "approver" in roles else None
        if record is None:
            scope = EVERY_TENANT if alone else tenant
            record = installation.people.add(person, name, roles, scope, f"{person}@lab.example")
        if not record.enabled:
            raise Refused(f"{person} was disabled in this home", remedy=f"`tenantry people enable {person}` first.")
        if not record.covers(tenant):
            proof = ask.give("change", person) if ask else None
            record = _authorised(installation.people.change, person, tenants=record.tenants | {tenant}, by=proof)
        if record.enrolled_at is None:
            _authorised(installation.people.enroll, person, by=ask.give("enroll", person) if ask else None)


def _authorised(act: Callable[..., T], *given: Any, **named: Any) -> T:
    try:
        return act(*given, **named)
    except Refused as error:
        raise Refused(
            f"this home has approvers of its own: {error.message}",
            remedy="Let one of them authorise the lab's: `tenantry lab --tenant NAME --as PERSON`, with their code.",
        ) from error


class _Proofs:
    """An approver's proofs for acts on the lab's approvers: that of the home's approver for the first of them, and the
    first one's for the others."""

    def __init__(self, installation: Installation, tenant: str, prove: Proof | None) -> None:
        self._people = installation.people
        self._installation = installation
        self._tenant = tenant
        self._prove = prove

    def give(self, act: str, person: str) -> Authenticated | None:
        """None when there is nobody who could; whether that is enough is for the rules to say."""
        purpose = act_purpose(act, person)
        if person == APPROVER:
            return self._prove(purpose) if self._prove is not None else None
        approver = self._people.get(APPROVER)
        if approver.enrolled_at is None or not approver.enabled or not approver.covers(self._tenant):
            return None
        refusal: NotAuthenticated | None = None
        for code in codes(self._installation, APPROVER):
            # The earliest code that was not used yet: whoever holds the app finds the present one unused.
            try:
                return self._people.authenticate(APPROVER, code, purpose=purpose)
            except NotAuthenticated as error:
                refusal = error
        raise refusal or NotAuthenticated(f"{APPROVER} could not be authenticated")


def _seed(installation: Installation, person: str) -> SecretStr:
    return installation.vault.get_text(MSP, f"people/{person}/totp", purpose="lab")


def _shown(installation: Installation, person: str) -> LabPerson:
    record = installation.people.get(person)
    totp = pyotp.TOTP(_seed(installation, person).get_secret_value())
    uri = totp.provisioning_uri(name=record.email or person, issuer_name="Tenantry")
    return LabPerson(person, tuple(sorted(record.roles)), SecretStr(uri))


# --- file and secrets -------------------------------------------------------------------------------------------------


def _secret(installation: Installation, tenant: str, name: str, value: str, kind: str) -> None:
    try:
        present = installation.vault.get_text(tenant, name, purpose="lab").get_secret_value()
    except NotFound:
        present = None
    if present != value:
        installation.vault.put(tenant, name, SecretStr(value), kind=kind)


def _write(installation: Installation, name: str, text: str, *, again: bool) -> None:
    temporary = installation.home.run / f"{name}.{uuid.uuid4().hex}.yaml"
    try:
        temporary.write_text(text, encoding="utf-8")
        installation.tenants.add(temporary, replace=again)
    finally:
        temporary.unlink(missing_ok=True)
    event = "tenant.replaced" if again else "tenant.added"
    installation.journal.append(MSP, [Event(event, {"tenant": name, "by": "tenantry lab"})])


def _file(name: str, base_url: str, lab: Lab) -> dict[str, Any]:
    accounts = lab.scenario_info()["accounts"]
    outside = f"{name}-board.example"
    return {
        "name": name,
        "display_name": f"{name.replace('-', ' ').title()} (lab)",
        "domains": [lab.domain],
        "time_zone": "Europe/Berlin",
        "countries": ["DE"],
        "known_networks": ["198.51.100.0/24", "192.0.2.0/24"],
        "business_hours": {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "08:00", "end": "18:00"},
        "contacts": [
            _contact("owner", "Olivia Owner", "primary", outside, "+49 30 5550101"),
            _contact("security", "Samir Secure", "security", outside, "+49 30 5550102"),
            _contact("executive", "Eva Executive", "executive", outside, "+49 30 5550103"),
            _contact("privacy", "Paul Privacy", "privacy", outside, "+49 30 5550104"),
        ],
        "response_team": [
            {"role": "incident_commander", "person": LEAD, "deputy": ENGINEER},
            {"role": "technical_lead", "person": ENGINEER, "deputy": LEAD},
            {"role": "communications", "person": LEAD},
            {"role": "client_liaison", "contact": "owner"},
            {"role": "privacy", "contact": "privacy"},
        ],
        "agreement": {
            "signed_on": "2025-01-15",
            "services_in_scope": ["Microsoft 365 administration", "incident response"],
            "services_out_of_scope": ["payment systems"],
            "update_cadence_minutes": {"critical": 60, "high": 240, "medium": 1440, "low": 4320},
            "notice_period_hours": 24,
            "on_termination": "return_then_delete",
        },
        "regimes": ["gdpr", "contract", "insurer"],
        "insurer": {"name": "Lab Mutual", "policy": "LAB-0001", "notice_period_hours": 72, "contact": "+49 30 5550199"},
        "providers": {
            "m365": {
                "vendor": "microsoft365",
                "settings": {
                    "tenant_id": lab.tenant_id,
                    "client_id": lab.client_id,
                    "login_url": f"{base_url}/login",
                    "graph_url": f"{base_url}/graph",
                    "exchange_url": f"{base_url}/exchange",
                },
                "secrets": {"client_secret": f"vault:{name}/{_SECRETS['client_secret']}"},
            },
            "hosts": {
                "vendor": "labhosts",
                "settings": {"base_url": base_url},
                "secrets": {"token": f"vault:{name}/{_SECRETS['token']}"},
            },
            "cloud": {
                "vendor": "lab",
                "settings": {"base_url": f"{base_url}/cloud"},
                "secrets": {"token": f"vault:{name}/{_SECRETS['cloud_token']}"},
            },
            "messages": {
                "vendor": "sink",
                "settings": {"base_url": f"{base_url}/sink"},
                "secrets": {"token": f"vault:{name}/{_SECRETS['token']}"},
            },
        },
        "break_glass_accounts": list(accounts.get("break_glass", ())),
        "responder_accounts": list(accounts.get("responder", ())),
    }


def _contact(contact: str, name: str, role: str, domain: str, phone: str) -> dict[str, str]:
    return {
        "id": contact,
        "name": name,
        "role": role,
        "email": f"{contact}@{domain}",
        "phone": phone,
        "verification": "Call back on this number; a voice alone is no proof, ask for the agreed word.",
    }
