"""What a certificate of sanitization says: the fields of NIST SP 800-88 (its sample certificate, and since revision 2 verification
apart from validation), for many locations instead of one medium, with what the GDPR asks for beside it.

Verification asks whether it was completed, validation whether the organisation accepts it. A field that nobody recorded is None here and is
listed under ``notRecorded``; it is never filled with a guess.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

__all__ = [
    "KIND",
    "METHODS",
    "Certificate",
    "EraseKeys",
    "JournalPlace",
    "Legal",
    "Location",
    "Media",
    "Method",
    "Person",
    "Retained",
    "Tool",
    "Validation",
    "Verification",
]

KIND: Final = "urn:tenantry:sanitization:v1"
METHODS: Final = ("partial", "clear", "purge", "destroy")
"""From the weakest."""

Method = Literal["partial", "clear", "purge", "destroy"]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Media(_Part):
    """A medium that somebody can hold. None: not recorded."""

    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    property_number: str | None = None
    type: str | None = None
    source: str | None = None
    pre_classification: str | None = None
    post_classification: str | None = None
    data_backed_up: bool | None = None
    backup_location: str | None = None


class EraseKeys(_Part):
    """Of a cryptographic erasure: what is known of copies of the key. None: not known, which never counts as none."""

    ids: tuple[Words, ...]
    escrowed_or_backed_up: bool | None
    ever_plaintext: bool | None
    """Outside the memory of the process that used it: on a disk, in swap, on paper."""


class Tool(_Part):
    name: Words
    version: Words


class Verification(_Part):
    """Whether it was completed, as somebody other than the deletion itself found out."""

    method: Words
    scope: Words
    result: Literal["pass", "fail", "unknown"]
    evidence: tuple[Sha256, ...]
    """Digests of evidence in the record."""


class Location(_Part):
    """One place where something of the client's lay."""

    id: Words
    what: Words
    where: Words
    custody: Literal["own", "cloud"]
    """``cloud``: on somebody else's media, which we cannot sanitize."""
    method_requested: Method
    method_achieved: Method
    technique: Words
    details: str = ""
    tool: Tool
    started_at: AwareDatetime
    finished_at: AwareDatetime
    keys: EraseKeys | None = None
    """For a cryptographic erasure."""
    media: Media | None = None
    verification: Verification


class Retained(_Part):
    """What was not deleted, by which law, and until when."""

    what: Words
    where: Words
    law: Words
    until: date


class Legal(_Part):
    basis: Words
    """GDPR 28(3)(g), 17, a contract's clause."""
    controller_choice: Literal["delete", "return"]
    returned: Sha256 | None = None
    """For ``return``: the digest of the package that the client accepted."""
    copies: str = ""
    retained: tuple[Retained, ...] = ()
    hold_checked: bool
    hold_in_force: bool | None
    """None: nobody knows."""


class Validation(_Part):
    decision: Literal["accepted", "rejected"]
    basis: Words


class Person(_Part):
    """Somebody who answers for it. ``approval`` is the journal entry in which they proved who they are."""

    role: Literal["performer", "verifier", "validator"]
    name: Words
    title: Words
    organization: Words
    date: AwareDatetime
    location: Words | None = None
    contact: Words
    approval: Words


class JournalPlace(_Part):
    """Where the record has all this: the tree's origin, the place of the last entry, and the digest of the proof."""

    origin: Words
    index: Annotated[int, Field(ge=0)]
    proof: Sha256


class Certificate(_Part):
    certificate_id: Words
    client: Words
    standard: Words = "NIST SP 800-88 Rev. 2"
    issued_at: AwareDatetime
    locations: Annotated[tuple[Location, ...], Field(min_length=1, max_length=10_000)]
    unreached: tuple[Words, ...] = ()
    """Places of the inventory of which it is not known what is still there."""
    validation: Validation
    people: tuple[Person, ...]
    destination: str = ""
    """Of media: reused, returned, scrapped."""
    legal: Legal
    not_recorded: tuple[Words, ...] = ()
    journal: JournalPlace | None
