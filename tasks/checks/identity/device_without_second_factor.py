"""`checks.identity.device_without_second_factor`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class DeviceWithoutSecondFactor(LogCheck):
    """A device was joined with the password alone.

    ATT&CK T1098.005.
    """

    name = "checks.identity.device_without_second_factor"
    title = "Device joined without a second factor"
    severity = "medium"
    attack = ("T1098.005",)
    remedy = "Look at the account's devices; remove what its owner does not know."
    collect = sign_ins
    rules = ("m365_device_registered_with_password",)
