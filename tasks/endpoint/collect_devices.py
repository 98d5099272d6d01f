"""`endpoint.collect_devices`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tenantry.capabilities import DeviceState, ManagedDevice
from tenantry.task import AccountRef, Context, EvidenceRef, Output, Permission, ReadTask


class CollectDevicesParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class HeldDevice(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    operating_system: str
    ownership: str
    state: DeviceState
    last_seen: datetime | None


class DevicesSnapshot(Output):
    account_id: str
    devices: list[HeldDevice]
    not_obeyed: list[str]
    """Those that were ordered to leave or to forget, and are still there: name, what was ordered, when it was last seen."""
    evidence: list[EvidenceRef]


class CollectDevices(ReadTask[CollectDevicesParams, DevicesSnapshot]):
    """The phones and computers that are managed for one account, and which of them have not obeyed an order yet.

    https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice
    """

    name = "endpoint.collect_devices"
    needs = ("managed_devices", "identity")
    permissions = (
        Permission(vendor="microsoft365", names=("DeviceManagementManagedDevices.Read.All", "User.Read.All")),
    )
    Params = CollectDevicesParams
    Output = DevicesSnapshot

    async def read(self, ctx: Context, p: CollectDevicesParams) -> DevicesSnapshot:
        account = await ctx.identity.account(p.account)
        found: list[ManagedDevice] = list(await ctx.capability("managed_devices").devices(account.id))
        name = evidence_name(ctx, f"devices/{account.id}.jsonl")
        return DevicesSnapshot(
            account_id=account.id,
            devices=[HeldDevice(**one.model_dump(exclude={"raw"})) for one in found],
            not_obeyed=[_told(one) for one in found if one.state != "managed"],
            evidence=[await ctx.evidence.store_rows(name, [one.raw for one in found])],
        )


def _told(one: ManagedDevice) -> str:
    seen = "never" if one.last_seen is None else one.last_seen.date().isoformat()
    return f"{one.name} ({one.operating_system or 'unknown system'}): {one.state}, last seen {seen}"
