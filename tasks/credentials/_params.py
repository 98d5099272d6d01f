"""What every task here takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.task import Permission

PERMISSIONS = (Permission(vendor="microsoft365", names=("Application.ReadWrite.OwnedBy", "Application.Read.All")),)


class ProviderParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: Annotated[
        str, Field(min_length=1, max_length=63, description="The provider's name in the tenant's file, such as m365")
    ]
