"""What a tenant's file and the estate's say about AWS."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from integrations.address import plain_address

__all__ = ["HubSettings", "Settings"]

_ARN: Final = r"^arn:aws[a-z-]*:iam::\d{12}:(?:role|mfa|user)/[A-Za-z0-9_+=,.@/-]+$"
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(?:-[a-z]+)+-\d$")]


class Settings(BaseModel):
    """The ``settings`` block of a tenant's provider: which account, as what, where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = Field(pattern=r"^\d{12}$", description="The client's account id, twelve digits")
    role: str = Field(
        max_length=512,
        pattern=r"^[A-Za-z0-9_+=,.@/-]+$",
        description="Name of the role that trusts the MSP's hub, with its path if it has one",
    )
    external_id: str = Field(
        min_length=8,
        max_length=1224,
        pattern=r"^[A-Za-z0-9_+=,.@:/-]+$",
        description="Made by the MSP, another one for each client; stands in the role's trust policy",
    )
    regions: tuple[Region, ...] = Field(min_length=1, max_length=40, description="Where the client has anything")
    partition: str = Field("aws", pattern=r"^aws[a-z-]*$", description="aws, aws-cn or aws-us-gov")
    session_seconds: int = Field(3600, ge=900, le=43_200, description="How long a session lives")
    trail_region: Region | None = Field(None, description="Home region of the trail; the first region when left out")

    @field_validator("external_id")
    @classmethod
    def _not_guessed(cls, value: str) -> str:
        # What everybody knows of a client protects nobody; AWS: "a unique identifier that is not guessable".
        if re.fullmatch(r"\d{12}", value):
            raise ValueError("must not be an account id: those are known to others")
        return value

    @property
    def role_arn(self) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{self.role.lstrip('/')}"


class HubSettings(BaseModel):
    """The ``settings`` block of the estate's provider: the MSP's own account, whose credential assumes the clients' roles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mfa_serial: str | None = Field(
        None, pattern=_ARN, description="The hub user's MFA device; its seed is the secret mfa_seed"
    )
    hub_role: str | None = Field(None, pattern=_ARN, description="A role of the hub's that is assumed on the way")
    session_name: str = Field(
        "tenantry",
        min_length=2,
        max_length=64,
        pattern=r"^[A-Za-z0-9_+=,.@-]+$",
        description="What our sessions are called in the clients' logs",
    )
    region: Region | None = Field(
        None, description="Where sessions are asked for; the client's first region when left out"
    )
    endpoint_url: Annotated[str, AfterValidator(plain_address)] | None = Field(
        None, description="Instead of AWS's own addresses"
    )
