"""`checks.identity.tool_user_agent`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class ToolUserAgent(LogCheck):
    """A program that lists directories or takes accounts over signed in.

    ATT&CK T1087.004.
    """

    name = "checks.identity.tool_user_agent"
    title = "Sign-in by a tool"
    severity = "high"
    attack = ("T1087.004",)
    remedy = "Revoke the sessions and reset the password; look at what was read."
    collect = sign_ins
    rules = ("m365_tool_user_agent",)
