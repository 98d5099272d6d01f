"""How a client is taken on and served: what is expected of them when they begin, who of the MSP looks after them, how often what is done.

Parts of a tenant's file (`tenantry.tenants.Tenant`). What a run writes there itself (`onboarding.assign_team`, `onboarding.set_schedule`)
stands in sections of its own, `service_team`, `sweep` and `rotation`, one entry at a time.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tenantry.names import PersonId, Slug
from tenantry.tenantbase import Model, Text

__all__ = ["CredentialName", "HandedOver", "Onboarding", "RotationReminders", "ServiceTeam"]

CredentialName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$", max_length=127)]
"""A provider of the file and one of its secrets: ``hosts/key``."""


class HandedOver(Model):
    """How the client hands one credential over, and what becomes of it."""

    kind: Literal["password", "text", "file"] = Field(
        default="password", description="password: one line; text: several lines, a key say; file: a certificate, say."
    )
    title: Annotated[str, StringConstraints(max_length=120)] = Field(
        default="", description="As the contact reads it; the credential's name when left out."
    )
    contact: Slug = Field(default="primary", description="Who has it: a contact of this file, by id or role.")
    collect: bool = Field(
        default=True, description="Asked for at onboarding; false: it is made here, or comes another way."
    )
    rotate: bool = Field(
        default=True,
        description="Replaced once it was handed over, so that copies elsewhere die; false: agreed to stay as it is.",
    )


class Onboarding(Model):
    """What the first weeks with this client ask for."""

    connect: list[Literal["m365", "aws"]] = Field(
        default_factory=list,
        description="Clouds that their administrator connects (`tenantry connect`); their credentials are made here and not "
        "handed over.",
    )
    credentials: dict[CredentialName, HandedOver] = Field(
        default_factory=dict,
        description="PROVIDER/SECRET: how it is handed over. What the providers of this file name and is not listed here is asked "
        "for as a password, of the primary contact.",
    )
    on_breach: Literal["wait", "go_on"] = Field(
        default="wait",
        description="When the sweep finds somebody inside: onboarding waits until a lead lets it go on, or goes on beside the incident.",
    )


class ServiceTeam(Model):
    """Who of the MSP looks after this client."""

    lead: PersonId | None = Field(default=None, description="Who answers for the service.")
    engineers: list[PersonId] = Field(default_factory=list, description="Who works on it, the first one first.")
    on_call: list[PersonId] = Field(
        default_factory=list,
        description="Who is called for this client, the first one first; none: as estate.yaml says.",
    )


class RotationReminders(Model):
    """When a credential of the client's counts as due although nobody set a day, and who hears of it."""

    every_days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(
        default=None,
        description="Days after which each credential that this file names is to be replaced; none: as each one says.",
    )
    remind: list[Annotated[Text, StringConstraints(min_length=1, max_length=63)]] = Field(
        default_factory=list,
        max_length=20,
        description="Ids or roles of contacts who are written to before a credential expires that only a person can replace; the MSP's own "
        "people hear of it either way.",
    )


DocumentName = Annotated[Text, StringConstraints(pattern=r"^[^/\\\x00]{1,200}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
