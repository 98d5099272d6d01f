"""Intune's devices: listed, retired, wiped.

Sources: Graph v1.0 reference, "managedDevice resource type", "retire action", "wipe action". An order is accepted at once and obeyed when the device
next asks for orders, after which it is not listed any more; the lab's devices ask when they are told to (`obey`).
"""

from __future__ import annotations

from typing import Any

from integrations.lab.graph.call import Call, not_found
from integrations.lab.graph.names import MANAGED_DEVICE
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.state import Tenant
from integrations.lab.web import Answer

routes = Routes("directory")

_READ = "DeviceManagementManagedDevices.Read.All DeviceManagementManagedDevices.ReadWrite.All"
_ORDER = "DeviceManagementManagedDevices.PrivilegedOperations.All"
_ORDERED = ("retirePending", "wipePending")


@routes.add("GET", "users/{user}/managedDevices", _READ, options="select top skiptoken")
def managed_devices_of(call: Call) -> Answer:
    """Devices that are enrolled for a user."""
    names, user = call.select(MANAGED_DEVICE), call.user()
    call.person()
    rows = [row for row in call.tenant.managed.listed(call.now) if row.props["userId"] == user.id]
    return call.page("managedDevices", rows, lambda row: _shape(row, call.now, names))


@routes.add("GET", "deviceManagement/managedDevices/{managed}", _READ, options="select")
def managed_device(call: Call) -> Answer:
    """One of them, by Intune's own id."""
    names = call.select(MANAGED_DEVICE)
    call.tenant.managed_device(call.params["managed"])
    found = call.tenant.managed.find(call.params["managed"], call.now)
    if found is None:
        raise not_found(call.params["managed"])
    return call.one("deviceManagement/managedDevices/$entity", _shape(found, call.now, names))


@routes.add("POST", "deviceManagement/managedDevices/{managed}/retire", _ORDER)
def retire(call: Call) -> Answer:
    """Remove the organisation's data, and leave."""
    return _order(call, "retire", "retirePending")


@routes.add("POST", "deviceManagement/managedDevices/{managed}/wipe", _ORDER)
def wipe(call: Call) -> Answer:
    """Forget everything."""
    flags = ("keepEnrollmentData", "keepUserData", "persistEsimDataPlan")
    call.json({**dict.fromkeys(flags, bool), "macOsUnlockCode": str})
    return _order(call, "wipe", "wipePending")


def obey(tenant: Tenant, now: float) -> list[str]:
    """Every device that was ordered something asks for orders now, and leaves. Returns their ids."""
    gone = [row.id for row in tenant.managed.listed(now) if row.props["managementState"] in _ORDERED]
    for key in gone:
        tenant.managed.remove(key, now)
    return gone


def _order(call: Call, action: str, state: str) -> Answer:
    key = call.params["managed"]
    found = call.tenant.managed_device(key)
    if found is None:
        raise not_found(key)
    result = {"actionName": action, "actionState": "pending"}
    changes = {"managementState": state, "deviceActionResults": [*found.props["deviceActionResults"], result]}
    before = found.write(changes, call.now, call.lab.faults.lag)
    shown = {"managementState": state}
    call.wrote(f"deviceManagement/managedDevices/{key}", {name: before[name] for name in shown}, shown, action)
    return Answer(204)


def _shape(row: Record, now: float, names: list[str] | None) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.view(now).items()
        if name in MANAGED_DEVICE and (names is None or name in (*names, "id"))
    }
