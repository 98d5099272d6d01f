"""Tenant files: what they say, what is refused and where, and that no secret is repeated."""

from __future__ import annotations

import stat
import typing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tenantry import tenants
from tenantry.errors import Conflict, InvalidInput, InvalidTenant, NotFound
from tenantry.home import Home
from tenantry.names import SecretRef
from tenantry.tenants import Model, Tenant, TenantStore, load_all, load_tenant

ACME = """\
name: acme
display_name: Acme Tools Ltd
domains: [Acme.example, acme-tools.example]
time_zone: Europe/Berlin
language: de
countries: [DE, AT]
known_networks: [192.0.2.0/24, 2001:db8::/48]
business_hours: {days: [mon, tue], start: "08:00", end: "17:30"}
contacts:
  - id: olga
    name: Olga Primary
    email: olga@elsewhere.example
    phone: "+49 30 1234567"
    role: primary
    verification: Call back on the number above; voice alone is no proof.
  - {id: sec, name: Sam, phone: 030 1234, role: security, language: en}
response_team:
  - {role: incident_commander, person: ann.lee, deputy: bob}
  - {role: client_liaison, contact: olga}
agreement:
  signed_on: 2025-03-01
  services_in_scope: [identity, mail]
  services_out_of_scope: [web shop]
  responsibilities: [{what: Decides on notification, who: client}]
  sla: {critical: {acknowledge_minutes: 15, contain_minutes: 60}}
  update_cadence_minutes: {critical: 30}
  notice_period_hours: 24
  on_termination: return_then_delete
regimes: [gdpr, nis2, insurer]
insurer:
  {name: Sure AG, policy: P-1, notice_period_hours: 48, contact: hotline, valid_from: 2026-01-01, valid_until: 2026-12-31,
   required_controls: [MFA, Passwords], measured_by: {MFA: [msp_onboarding/mfa], Passwords: [b/long_ones]}}
legal_holds: [{matter: Case 1, since: 2026-01-01, scope: mailbox of eve}]
providers:
  m365:
    vendor: microsoft365
    capabilities: [identity, mail]
    settings: {tenant_id: 11111111-2222-3333-4444-555555555555, client_id: abc, nested: {list: [1, x]}}
    secrets: {certificate: "vault:acme/m365/app"}
estate_handles: {psa: "4711"}
break_glass_accounts: [Break.Glass@acme.example]
responder_accounts: [msp@acme.example]
policy: {disruptive_needs: approver, unattended_effects_per_hour: 5}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def write(folder: Path, text: str, name: str = "acme.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(tmp_path: Path, text: str) -> InvalidTenant:
    with pytest.raises(InvalidTenant) as caught:
        load_tenant(write(tmp_path, text))
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_full_file(tmp_path: Path) -> None:
    tenant = load_tenant(write(tmp_path, ACME))
    assert tenant.domains == ["acme.example", "acme-tools.example"]
    assert tenant.agreement.signed_on == date(2025, 3, 1)
    assert tenant.agreement.sla["critical"].contain_minutes == 60
    assert tenant.providers["m365"].secrets["certificate"] == SecretRef("acme", "m365/app")
    assert tenant.providers["m365"].settings["nested"] == {"list": [1, "x"]}
    assert tenant.break_glass_accounts == ["break.glass@acme.example"]
    assert tenant.contact("olga").language == "en"
    assert tenant.contact("security").id == "sec"
    assert tenant.contacts[1].phone == "030 1234"
    with pytest.raises(NotFound):
        tenant.contact("billing")


def test_the_least_file(tmp_path: Path) -> None:
    tenant = load_tenant(write(tmp_path, "name: acme\ndisplay_name: Acme\n"))
    assert tenant.policy.disruptive_needs is None
    assert tenant.policy.unattended_impact == "reversible"
    assert tenant.agreement.update_cadence_minutes["critical"] == 60


def test_what_is_public_holds_no_system_and_no_account(tmp_path: Path) -> None:
    public = load_tenant(write(tmp_path, ACME)).public()
    assert {"contacts", "response_team", "agreement", "regimes", "insurer", "domains"} <= set(public)
    assert public["agreement"]["signed_on"] == "2025-03-01"
    shown = str(public)
    assert not [needle for needle in ("vault:", "break.glass", "msp@acme", "4711", "11111111") if needle in shown]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: acme\n", "name: Acme\n", "name: "),
        ("time_zone: Europe/Berlin", "time_zone: Europe/Nowhere", "IANA"),
        ("time_zone: Europe/Berlin", "time_zone: ../../etc/passwd", "IANA"),
        ("time_zone: Europe/Berlin", "time_zone: Europe", "IANA"),
        ("countries: [DE, AT]", "countries: [Germany]", "countries[0]"),
        ("known_networks: [192.0.2.0/24", "known_networks: [192.0.2.1/24", "known_networks[0]"),
        ("domains: [Acme.example", "domains: [nodots", "domains[0]"),
        ("    role: primary", "    role: boss", "contacts[0].role"),
        ('    phone: "+49 30 1234567"', "    phone: 49301234567", "quotes"),
        ("  - {id: sec, name: Sam, phone: 030 1234,", "  - {id: sec, name: Sam,", "an email address or a phone"),
        ("  - {id: sec,", "  - {id: olga,", "another contact"),
        ("contact: olga}", "contact: nobody}", "no contact of this file"),
        ("contact: olga}", "contact: olga, person: ann}", "either a person"),
        ("signed_on: 2025-03-01", "signed_on: last spring", "agreement.signed_on"),
        ("critical: 30", "urgent: 30", "update_cadence_minutes"),
        ("critical: 30", "critical: 0", "agreement.update_cadence_minutes.critical"),
        ("on_termination: return_then_delete", "on_termination: keep", "on_termination"),
        ("    vendor: microsoft365", "    vendor: Microsoft 365", "vendor"),
        ('"vault:acme/m365/app"', '"vault:beta/m365/app"', "another tenant's"),
        ('"vault:acme/m365/app"', '"vault:_msp/m365/app"', "another tenant's"),
        ("disruptive_needs: approver", "disruptive_needs: boss", "policy.disruptive_needs"),
        ("regimes: [gdpr", "regime: [gdpr", "unknown field"),
        ("required_controls: [MFA, Passwords]", "required_controls: [MFA]", "none of required_controls"),
        ("measured_by: {MFA: [msp_onboarding/mfa]", "measured_by: {MFA: [mfa]", "insurer.measured_by"),
        (
            "valid_from: 2026-01-01, valid_until: 2026-12-31",
            "valid_from: 2026-01-01, valid_until: 2025-12-31",
            "before",
        ),
    ],
)
def test_each_complaint_names_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in ACME
    error = refused(tmp_path, ACME.replace(old, new))
    assert error.place == f"{tmp_path / 'acme.yaml'}:{line_of(ACME, old)}"
    assert says in error.message


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path, "name: acme\n")
    assert "display_name: is required" in error.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"vault:acme/m365/app"', "canary-hunter2"),
        ('"vault:acme/m365/app"', "[canary-hunter2]"),
        ("client_id: abc", "client_secret: canary-hunter2"),
        ("client_id: abc", "password: canary-hunter2"),
        ("client_id: abc", "api_key: canary-hunter2"),
        ("client_id: abc", "pin-password: 31337"),
        ("client_id: abc", 'url: "https://user:canary-hunter2@host/"'),
        ("client_id: abc", 'thing: "-----BEGIN PRIVATE KEY----- canary-hunter2"'),
        ("client_id: abc", "bearer: eyJhbGciOiJub25l.eyJjYW5hcnkiOjF9.canary-hunter2"),
        ("client_id: abc", "id: AKIAABCDEFGHIJKLMNOP"),
        ("client_id: abc", "deep: {er: [{db_password: canary-hunter2}]}"),
    ],
)
def test_a_plain_secret_is_refused_with_its_line_and_not_repeated(tmp_path: Path, old: str, new: str) -> None:
    assert old in ACME
    error = refused(tmp_path, ACME.replace(old, new))
    assert error.place == f"{tmp_path / 'acme.yaml'}:{line_of(ACME, old)}"
    for shown in (str(error), repr(error), str(error.detail), str(error.as_dict())):
        assert "hunter2" not in shown
        assert "31337" not in shown
        assert "AKIAABCDEFGHIJKLMNOP" not in shown
    assert "vault put" in error.message


@pytest.mark.parametrize(
    "setting", ["token_url: https://login.example/x", "key_id: abc", "secret_name: app", "password: null"]
)
def test_settings_that_only_sound_secret(tmp_path: Path, setting: str) -> None:
    load_tenant(write(tmp_path, ACME.replace("client_id: abc", setting)))


def models(model: type[BaseModel], found: set[type[BaseModel]]) -> set[type[BaseModel]]:
    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in found:
            models(annotation, found)
        for argument in typing.get_args(annotation):
            walk(argument)

    found.add(model)
    for field in model.model_fields.values():
        walk(field.annotation)
    return found


def test_every_field_is_described_and_strict() -> None:
    found = models(Tenant, set())
    assert len(found) == 24
    for model in found:
        assert issubclass(model, Model)
        assert model.__doc__
        for name, field in model.model_fields.items():
            assert (field.description or "").endswith((".", ")")), f"{model.__name__}.{name}"


def test_the_schema_is_published() -> None:
    schema = Tenant.model_json_schema()
    assert schema["additionalProperties"] is False
    assert "vault:" in str(schema["$defs"]["ProviderConfig"])


# --- the store --------------------------------------------------------------------------------------------------------


def test_add_get_list(home: Home, tmp_path: Path) -> None:
    store = TenantStore(home)
    text = "# kept\n" + ACME
    assert store.add(write(tmp_path, text, "any.yaml")).name == "acme"
    assert store.path("acme").read_text() == text
    assert stat.S_IMODE(store.path("acme").stat().st_mode) == 0o600
    assert store.get("acme").display_name == "Acme Tools Ltd"
    assert store.names() == ["acme"]
    assert [tenant.name for tenant in store.list()] == ["acme"]
    assert [path.name for path in home.tenants.iterdir()] == ["acme.yaml"]


def test_a_file_is_read_where_it_has_changed_and_an_edited_one_counts_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = "name: acme\ndisplay_name: Acme\n"
    home.ensure()
    file = write(home.tenants, least)
    store = TenantStore(home)
    opened: list[Path] = []
    original = tenants.load
    monkeypatch.setattr(tenants, "load", lambda path, **more: (opened.append(path), original(path, **more))[1])
    first = store.get("acme")
    assert store.get("acme") is first
    assert opened == [file]
    text = least.replace("Acme", "Umca")
    file.write_text(text, encoding="utf-8")
    assert store.get("acme").display_name != first.display_name
    other = write(home.tenants, least, "aside")
    other.replace(file)
    assert store.get("acme").display_name == first.display_name
    file.write_text("name: [", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(InvalidTenant):
            store.get("acme")
    file.unlink()
    with pytest.raises(NotFound):
        store.get("acme")


def test_a_tenant_is_replaced_only_when_told(home: Home, tmp_path: Path) -> None:
    store = TenantStore(home)
    store.add(write(tmp_path, ACME))
    changed = write(tmp_path, ACME.replace("Acme Tools Ltd", "Acme SE"), "new.yaml")
    with pytest.raises(Conflict):
        store.add(changed)
    assert store.get("acme").display_name == "Acme Tools Ltd"
    assert store.add(changed, replace=True).display_name == "Acme SE"
    assert store.get("acme").display_name == "Acme SE"


def test_a_wrong_file_is_not_kept(home: Home, tmp_path: Path) -> None:
    with pytest.raises(InvalidTenant):
        TenantStore(home).add(write(tmp_path, "name: acme\n"))
    assert list(home.tenants.iterdir()) == []


@pytest.mark.parametrize("name", ["../acme", "acme/../acme", "", "Acme", "/etc/passwd"])
def test_a_name_cannot_climb(home: Home, name: str) -> None:
    with pytest.raises(InvalidInput):
        TenantStore(home).get(name)


def test_unknown_tenants(home: Home) -> None:
    with pytest.raises(NotFound):
        TenantStore(home).get("nobody")
    assert load_all(home) == []


def test_a_file_under_another_name_is_refused(home: Home) -> None:
    write(home.tenants, ACME, "beta.yaml")
    for read in (lambda: TenantStore(home).get("beta"), lambda: load_all(home)):
        with pytest.raises(InvalidTenant, match=r"beta\.yaml:1"):
            read()


def test_a_domain_belongs_to_one_tenant(home: Home, tmp_path: Path) -> None:
    store = TenantStore(home)
    store.add(write(tmp_path, ACME))
    other = "name: beta\ndisplay_name: Beta\ndomains:\n  - beta.example\n  - acme.example\n"
    with pytest.raises(InvalidTenant, match=r"beta\.yaml:5"):
        store.add(write(tmp_path, other, "beta.yaml"))
    write(home.tenants, other, "beta.yaml")
    with pytest.raises(InvalidTenant, match="acme's too"):
        store.list()


def test_at_a_provider_of_the_estate_no_two_clients_have_one_name(home: Home, tmp_path: Path) -> None:
    store = TenantStore(home)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ndisplay_name: X\nestate_handles: {{psa: '4711'}}\n")
    store.add(tmp_path / "one.yaml")
    with pytest.raises(InvalidTenant, match=r"two\.yaml:3.*one is called the same"):
        store.add(tmp_path / "two.yaml")
    (home.tenants / "two.yaml").write_text((tmp_path / "two.yaml").read_text())
    with pytest.raises(InvalidTenant, match="called the same"):
        store.list()


def test_a_setting_may_say_which_of_the_secrets_is_used(tmp_path: Path) -> None:
    text = (
        "name: acme\ndisplay_name: Acme\nproviders:\n  m365:\n    vendor: microsoft365\n"
        "    settings: {{credential: {value}}}\n    secrets: {{certificate: 'vault:acme/m365/certificate'}}\n"
    )
    file = tmp_path / "acme.yaml"
    file.write_text(text.format(value="certificate"), encoding="utf-8")
    assert load_tenant(file).providers["m365"].settings == {"credential": "certificate"}
    file.write_text(text.format(value="hunter2"), encoding="utf-8")
    with pytest.raises(InvalidTenant):
        load_tenant(file)


ONBOARDING = """\
onboarding:
  connect: [aws]
  on_breach: go_on
  credentials:
    m365/certificate: {kind: file, title: Certificate, contact: sec, rotate: false}
service_team: {lead: kim.lead, engineers: [sam.eng], on_call: [sam.eng, kim.lead]}
rotation: {every_days: 90}
"""


def test_what_taking_a_client_on_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(ACME + ONBOARDING, encoding="utf-8")
    tenant = load_tenant(path)
    assert tenant.onboarding.credentials["m365/certificate"].contact == "sec"
    assert tenant.public()["onboarding"] == {"on_breach": "go_on"}
    assert tenant.rotation.every_days == 90


@pytest.mark.parametrize(
    ("more", "at", "said"),
    [
        ("onboarding:\n  credentials:\n    m365/other: {}\n", 3, "no provider of this file has this secret"),
        ("onboarding:\n  credentials:\n    m365/certificate:\n      contact: nobody\n", 4, "no contact of this file"),
        ("onboarding:\n  connect: [gcp]\n", 2, "connect"),
        ("onboarding:\n  on_breach: shrug\n", 2, "on_breach"),
        ("rotation:\n  every_days: 0\n", 2, "every_days"),
        ("service_team:\n  lead: Not A Person\n", 2, "lead"),
    ],
)
def test_what_is_wrong_with_onboarding_is_named_with_its_line(tmp_path: Path, more: str, at: int, said: str) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(ACME + more, encoding="utf-8")
    with pytest.raises(InvalidTenant) as error:
        load_tenant(path)
    assert f"acme.yaml:{ACME.count(chr(10)) + at}:" in str(error.value)
    assert said in str(error.value)


def test_a_document_has_a_name_and_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(ACME.replace("  signed_on:", "  document: a.pdf\n  signed_on:"), encoding="utf-8")
    with pytest.raises(InvalidTenant, match="a document has a name and a digest"):
        load_tenant(path)
