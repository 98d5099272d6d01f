"""`checks.cloud_access.root_use_logged`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class RootUseLogged(LogCheck):
    """The root user signed in, called something, or was given a key.

    ATT&CK T1078.004, T1098.001; https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html
    """

    name = "checks.cloud_access.root_use_logged"
    title = "Root user used"
    severity = "high"
    attack = ("T1078.004", "T1098.001")
    remedy = "Ask who used root and why; if nobody, change its password, remove its keys and look at what it did."
    collect = cloud_events
    rules = ("aws_root_use", "aws_root_access_key", "aws_root_assumed")
