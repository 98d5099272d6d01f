"""What the tasks about recovery points of a workspace share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.task import Permission

READS = Permission(
    vendor="microsoft365",
    names=("BackupRestore-Configuration.Read.All", "BackupRestore-Search.Read.All", "User.Read.All"),
)
RESTORES = Permission(vendor="microsoft365", names=("BackupRestore-Restore.ReadWrite.All",))


class Source(BaseModel):
    """Parameters."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[
        str,
        Field(
            pattern=r"^(mailbox|drive|site)/\S+$",
            max_length=1000,
            description="mailbox/<address>, drive/<address> or site/<address>; an id does as well",
        ),
    ]
