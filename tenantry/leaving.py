"""How a client leaves: where everything is handed over to, to whose keys, what is held for them elsewhere, what a law keeps.

Parts of a tenant's file (`tenantry.tenants.Tenant`), best agreed on while nobody thinks of leaving.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tenantry.errors import InvalidInput
from tenantry.names import Slug
from tenantry.tenantbase import Model, Text

__all__ = ["BY_HAND", "DeliverTo", "HeldElsewhere", "Offboarding", "RetainedByLaw"]

BY_HAND: Final = (
    "Tickets and documentation in the service desk",
    "Agents of remote management and monitoring on the client's machines",
    "DNS zones, domains and certificates that we hold for the client",
    "Licences and subscriptions that we resell to the client",
    "Backups that we keep for the client outside of this platform",
    "Mail, chats and files about the client with our own people",
)
"""What no provider is asked about, and a person answers for, unless the client's file has a list of its own."""

Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^(?:[^/\x00-\x1f][^\x00-\x1f]*)?$", max_length=512)]
Folder = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]+$", max_length=1_024)]


def _recipient(text: str) -> str:
    from tenantry.handover.age import Recipient  # cryptography: only where a file names a key

    try:
        return Recipient(text).text
    except InvalidInput as error:
        raise ValueError(error.message) from error  # what pydantic expects of a validator


class DeliverTo(Model):
    """One place of the client's: a folder of this machine (a disk of theirs), a bucket, or a folder of a server."""

    provider: Slug | None = Field(
        default=None, description="Provider of this file that reaches it: an AWS account, or hosts. None: this machine."
    )
    bucket: Bucket | None = Field(default=None, description="S3 bucket in that account.")
    prefix: Prefix = Field(default="", description="Below which everything goes in the bucket.")
    host: Slug | None = Field(default=None, description="Host of that provider, by its name there.")
    folder: Folder | None = Field(default=None, description="Folder, absolute: of the host, or of this machine.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        said = {name for name in ("provider", "bucket", "host", "folder") if getattr(self, name) is not None}
        if said not in ({"folder"}, {"provider", "bucket"}, {"provider", "host", "folder"}):
            raise ValueError("is a folder, or a provider and a bucket, or a provider, a host and a folder")
        if self.prefix and self.bucket is None:
            raise ValueError("a prefix belongs to a bucket")
        return self


class HeldElsewhere(Model):
    """Something that we hold for the client in a store of our own. It is deleted at the end; the provider is not taken from us before."""

    id: Slug = Field(description="Short name, as reports say it.")
    what: Text = Field(description="What it is, in plain words.")
    provider: Slug = Field(description="Provider of this file whose storage it lies in.")
    bucket: Bucket = Field(description="The bucket.")
    prefix: Prefix = Field(default="", description="Below which everything is the client's; empty: the whole bucket.")


class RetainedByLaw(Model):
    """What is not deleted although the client leaves."""

    what: Text = Field(description="What it is.")
    where: Text = Field(description="Where it lies.")
    law: Text = Field(description="Which law keeps it.")
    until: date = Field(description="Until when (YYYY-MM-DD).")


class Offboarding(Model):
    """How this client leaves."""

    contact: Slug = Field(
        default="primary", description="Who decides for the client, by id or role; they need a code of their own."
    )
    deliver_to: DeliverTo | None = Field(
        default=None, description="Where their data goes; with agreement.on_termination delete alone there may be none."
    )
    age_recipients: list[Annotated[str, AfterValidator(_recipient)]] = Field(
        default_factory=list, description="The client's own age keys (age1…), to which credentials are sealed."
    )
    held_at: list[HeldElsewhere] = Field(default_factory=list, description="What we hold for them in our own stores.")
    by_hand: list[Text] = Field(
        default_factory=lambda: list(BY_HAND),
        description="What no provider is asked about: a person says of each what was there and what became of it.",
    )
    retained: list[RetainedByLaw] = Field(default_factory=list, description="What a law keeps, and until when.")

    def misplaced_names(self, providers: Any, contacts: set[str]) -> tuple[str, tuple[str | int, ...]] | None:
        """What names something that the file does not have: the complaint and where it stands; None: all is there.

        Args:
            contacts: ids and roles.
        """
        if "contact" in self.model_fields_set and self.contact not in contacts:
            return "no contact of this file has this id or role", ("offboarding", "contact")
        place = self.deliver_to
        if place is not None and place.provider is not None and place.provider not in providers:
            return "no provider of this file has this name", ("offboarding", "deliver_to", "provider")
        seen: set[str] = set()
        for index, one in enumerate(self.held_at):
            if one.provider not in providers:
                return "no provider of this file has this name", ("offboarding", "held_at", index, "provider")
            if one.id in seen:
                return "another one has this id", ("offboarding", "held_at", index, "id")
            seen.add(one.id)
        return None
