"""A certificate that may be signed."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tenantry.sanitization.model import (
    Certificate,
    EraseKeys,
    JournalPlace,
    Legal,
    Location,
    Media,
    Person,
    Retained,
    Tool,
    Validation,
    Verification,
)

BEGUN, ENDED, ISSUED = (datetime(2026, 5, 4, hour, tzinfo=UTC) for hour in (9, 10, 12))
TOOL = Tool(name="Tenantry", version="0.1.0")
PASS = Verification(
    method="each object asked for by its id", scope="all 4,211 objects", result="pass", evidence=("ab" * 32,)
)


def location(id: str, **more: object) -> Location:
    return Location.model_validate(
        {
            "id": id,
            "what": "Files of Acme's share",
            "where": "s3://acme-files, eu-central-1",
            "custody": "cloud",
            "method_requested": "clear",
            "method_achieved": "partial",
            "technique": "every version deleted through the vendor's API",
            "tool": TOOL,
            "started_at": BEGUN,
            "finished_at": ENDED,
            "verification": PASS,
            **more,
        }
    )


def person(role: str, name: str) -> Person:
    return Person.model_validate(
        {
            "role": role,
            "name": name,
            "title": "Engineer",
            "organization": "Example MSP",
            "date": ENDED,
            "location": "Berlin",
            "contact": f"{name.split()[0].lower()}@msp.example",
            "approval": f"tenantry.msp/acme#{len(name)}",
        }
    )


def certificate(**more: object) -> Certificate:
    return Certificate.model_validate(
        {
            "certificate_id": "SAN-2026-0017",
            "client": "Acme GmbH",
            "issued_at": ISSUED,
            "locations": (
                location("storage/acme-files"),
                location(
                    "vault/key",
                    what="Vault of Acme: 41 secrets, payloads of the record",
                    where="the vault of this installation",
                    custody="own",
                    method_requested="purge",
                    method_achieved="purge",
                    technique="cryptographic erasure",
                    keys=EraseKeys(ids=("acme/2",), escrowed_or_backed_up=False, ever_plaintext=False),
                ),
                location(
                    "disk/web1",
                    what="Disk of the host web1",
                    where="Rack 4",
                    custody="own",
                    method_requested="destroy",
                    method_achieved="destroy",
                    technique="shredded to 2 mm",
                    media=Media(manufacturer="Example", model="SSD 9", serial="S-77", type="SSD"),
                ),
            ),
            "validation": Validation(decision="accepted", basis="all points of the agreement's annex 3 are met"),
            "people": (
                person("performer", "Mara Lindqvist"),
                person("verifier", "Ben Ito"),
                person("validator", "Chi Okafor"),
            ),
            "legal": Legal(
                basis="GDPR 28(3)(g)",
                controller_choice="return",
                returned="cd" * 32,
                copies="Backups of the vendor expire by themselves within 30 days.",
                retained=(
                    Retained(
                        what="Invoices 2016 to 2026",
                        where="accounting",
                        law="§ 147 AO (10 years)",
                        until=date(2036, 12, 31),
                    ),
                ),
                hold_checked=True,
                hold_in_force=False,
            ),
            "not_recorded": ("serial numbers of the cloud provider's media",),
            "journal": JournalPlace(origin="tenantry.msp/acme", index=812, proof="ef" * 32),
            **more,
        }
    )
