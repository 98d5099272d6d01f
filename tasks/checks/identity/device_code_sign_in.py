"""`checks.identity.device_code_sign_in`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class DeviceCodeSignIn(LogCheck):
    """Somebody signed in by a code that was typed on another device.

    ATT&CK T1528.
    """

    name = "checks.identity.device_code_sign_in"
    title = "Sign-in by device code"
    severity = "high"
    attack = ("T1528",)
    remedy = "Ask the owner whether they typed a code; revoke the sessions, and block the flow where nobody needs it."
    collect = sign_ins
    rules = ("m365_device_code_sign_in",)
