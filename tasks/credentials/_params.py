"""What every task here takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.task import Permission

PERMISSIONS = (
    Permission(vendor="microsoft365", names=("Application.ReadWrite.OwnedBy", "Application.Read.All")),
    Permission(vendor="linux", names=("cat", "chpasswd", "grep", "pkill", "sed", "sshd")),
)


class ProviderParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9_-]*(?:/[a-z0-9][a-z0-9_-]*)?$",
            max_length=127,
            description="The provider's name in the tenant's file, such as m365; with a slash and the secret's name where it has "
            "several, such as hosts/key",
        ),
    ]
